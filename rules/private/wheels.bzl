"""The wheels in the default tool, each pinned by its hash.

deflate is one wheel a platform: one for Python 3.10, and one for all later ones (PEP 384). The others are
pure Python. tests/rules/test_wheels.py holds them to pyproject.toml.
"""

INDEX = "https://files.pythonhosted.org/packages/"

# Name of the file: (folder in the index, SHA-256).
WHEELS = {
    "click-8.5.1-py3-none-any.whl": (
        "31/7d/164b7ffc8624fe9efb4221bf9af485d5c1e41b9ae118045d2b6dc5457d8b",
        "8bb5376d2006950386f8c6427613334a2acadc5f559cb80e638d00b4df957e37",
    ),
    "deflate-0.9.0-cp310-cp310-macosx_10_9_x86_64.whl": (
        "60/95/60fc16324f7cfaf67b5e361e74380d7486dafc4e2d4483aff1fc5e3d94db",
        "c6c8f87b51621580a461f450b2e6d4a8f4f15e2ea8a36d59f099900f41b69544",
    ),
    "deflate-0.9.0-cp310-cp310-macosx_11_0_arm64.whl": (
        "1e/33/500af7e496bb0e494cda5495df9caf62312456b955a2f2c69b747dbf75b6",
        "a7ad952ebda39ede1fc68d1515576ffcc4b9b62c03e6aac1e3f6c6f3a2686650",
    ),
    "deflate-0.9.0-cp310-cp310-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl": (
        "2b/13/4a409d00dd2b6710ac49fc62a7ea373e8dea07e3e699c6c3d94c8b3ca897",
        "cd5d6380676125ad6b33970d2acd72ef7bd9aec3b00d7d41382166348a430ade",
    ),
    "deflate-0.9.0-cp310-cp310-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl": (
        "2d/2a/c92f5cbe6b6c24992393d158e62681752ab08963a6c1c1a5c2754a83ccbe",
        "2386719167a0b2c483e66cb421cde1982a0238ad23e9e5fac670f58726bd0445",
    ),
    "deflate-0.9.0-cp310-cp310-musllinux_1_2_aarch64.whl": (
        "1c/59/15458c29b66edd92f2e4189013835bd5201187e27ac955836348198b87f8",
        "85bcbfaac76e70059e4255883844a2b155c9a1f18680126d24032fc213ef2b2f",
    ),
    "deflate-0.9.0-cp310-cp310-musllinux_1_2_x86_64.whl": (
        "5a/44/dd9415c070d14b0ea87b74423573dd977ccd55b2cdae51db50b23b02efaf",
        "307b1971ee630b1190daf1b6379802c1dda92b962d27664d58cb3e0d76c1fa3c",
    ),
    "deflate-0.9.0-cp311-abi3-macosx_10_9_x86_64.whl": (
        "5a/41/4b4d9045577df904d5e51bee6cc7a82bb51e6d159adf683e04d2bce52436",
        "d65383813faaf26aba2c5673aea7119c21c5c7b022a471028b0657d61bb39913",
    ),
    "deflate-0.9.0-cp311-abi3-macosx_11_0_arm64.whl": (
        "8d/72/927b0fe00bf6117aa53f0b0e6c363d220b0ff9440afb769b54c563143222",
        "a4c94e56146514f49aa36094eb2563ebde843e12e157f9226b11dd805cab6b86",
    ),
    "deflate-0.9.0-cp311-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.manylinux_2_28_aarch64.whl": (
        "4f/86/9d5dc8d0d3150111b0fb2d533a0fd221dc7338f93a46357a998f5df33ffa",
        "64fc41f323ea4da8cbc6a9f6c7d369a5f0b6310ed2d02ce084c8718a9b78b2e9",
    ),
    "deflate-0.9.0-cp311-abi3-manylinux2014_x86_64.manylinux_2_17_x86_64.manylinux_2_28_x86_64.whl": (
        "d0/5e/315011fbd60c83f064586aae3bd5388204401252c2c26e9cb219cef001e4",
        "cfca14731727716ca0a112e26911a5a94998d31bb04eb5cc4bc268a5a308ba8a",
    ),
    "deflate-0.9.0-cp311-abi3-musllinux_1_2_aarch64.whl": (
        "7b/97/0cc1af29c22aa3221045e10baa5583d80ccb3c31023fdb4b717c6a60df48",
        "7ca51340a906517f2bd7485fd1d2ba65c116a44793c0a1be1a38f50412a47c75",
    ),
    "deflate-0.9.0-cp311-abi3-musllinux_1_2_x86_64.whl": (
        "3a/e8/0b595dc7f0f866aed01ca68f1f16c4e7391974bfecef0f23828a24ab22f5",
        "03898c0c095d463b3a52900af5b68cb5a5f19ef01d7a3657c425c3be73e1ca52",
    ),
    "rich-15.0.0-py3-none-any.whl": (
        "82/3b/64d4899d73f91ba49a8c18a8ff3f0ea8f1c1d75481760df8c68ef5235bf5",
        "33bd4ef74232fb73fe9279a257718407f169c09b78a87ad3d296f548e27de0bb",
    ),
    "sh-2.4.0-py3-none-any.whl": (
        "23/dd/6b9aceecddbb3df894003d6a5005bd90bce3cf4743c28c406ebecc8d80f6",
        "98eba32eeb5ecdd310668737d7461e668afc42b273550d0bc198a1c5c2b1ab36",
    ),
    "tenacity-9.2.1-py3-none-any.whl": (
        "d6/26/1ff2b0721ac66a3ec5b1402b333110b352ab0a8724052ac279a7b82d40c4",
        "9e56f17539296baab7beabb08b92f6ee3d7be92d8be72d763360677c2ad6580e",
    ),
    "toml-0.10.2-py2.py3-none-any.whl": (
        "44/6f/7120676b6d73228c96e17f1f794d8ab046fc910d781c8d151120c3f1569e",
        "806143ae5bfb6a3c6e736a764057db0e6a0e05e338b5630894a5f779cabb4f9b",
    ),
    "tomli-2.5.0-py3-none-any.whl": (
        "60/3f/3e3f8fd0919249b0200c80fbc4f9a1e70be19f9883da71dfb7f8b9ab8aca",
        "32a7b79ac57a2e83670ce329ccf675798bc5a2094783a63676866b70503f2e2b",
    ),
    "urllib3-2.8.0-py3-none-any.whl": (
        "92/9d/c4e665119135114480843e7ab388fa94d8480650450e6f8e26b70d323a4c",
        "0cf3cae568d36aa9576b28dfb35f11328f1cb974ca7647d9475ebb86c75ac6e3",
    ),
}

def _wheels_impl(ctx):
    for name in WHEELS:
        folder, sha256 = WHEELS[name]
        ctx.download(url = INDEX + folder + "/" + name, output = name, sha256 = sha256)
    ctx.file("BUILD.bazel", """\
filegroup(
    name = "wheels",
    srcs = glob(["*.whl"]),
    visibility = ["//visibility:public"],
)
""")

wheels_repository = repository_rule(
    doc = "The wheels in the default tool, from PyPI, or from where Bazel is told to look for such files instead.",
    implementation = _wheels_impl,
)
