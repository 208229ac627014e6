"""A zoo of images: every shape that is known to be taken for right, or to trip somebody, made by code.

Sources: what users met (issues of Istio, Envoy Gateway, Higress), what engines were seen to push, and
what is surprising in Go's readers. The verdicts and words were compared with the real fetchers.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from integration.registry.shapes import (
    ATTESTATION,
    COMPONENT,
    CONFIG,
    DOCKER,
    DOCKER_GOOD,
    EMPTY,
    GOOD,
    LAYER,
    MODULE,
    OCI,
    OTHER,
    PLAIN,
    SOLO,
    SOLO_CONFIG,
    Parts,
    base64_of,
    childless,
    config_of,
    damaged,
    descriptor,
    global_pax,
    hurt_in_entry,
    image,
    index,
    inline_child,
    large,
    layer_field,
    of,
    on,
    one,
    other_child,
    rezipped,
    tar,
    with_header,
    without,
    zipped,
)
from wasmimg.image.layer import build_layer
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import DOCKER_INDEX, OCI_INDEX, Format

__all__ = ["ZOO", "Animal"]

_TAR_LIMIT = 256 * 1024 * 1024
NO_AMD64 = "no child with platform linux/amd64 in index"
NO_HIT = "could not extract wasm binary: plugin.wasm not found in the archive"
INVALID = "is invalid"


class Animal(NamedTuple):
    """A shape, and what is to be said of it.

    ``words`` are in what every fetcher prints when it refuses, and empty when all accept; ``old``
    is the same for the fetchers of 2024, ``gateway`` for Envoy Gateway, None where they agree.
    ``module`` is the code of what is wrong with the module in an image that is accepted, ``warns``
    are the codes of all that verify warns of.
    """

    name: str
    parts: Parts
    words: str = ""
    old: str | None = None
    gateway: str | None = None
    module: str = ""
    warns: tuple[str, ...] = ()

    @property
    def refusals(self) -> dict[str, str]:
        """The words by consumer."""
        old = self.words if self.old is None else self.old
        gateway = self.words if self.gateway is None else self.gateway
        return {"istio": self.words, "istio@1.22": old, "higress": old, "envoy-gateway": gateway}


NOISE = bytes(zlib.crc32(i.to_bytes(4, "little")) & 0xFF for i in range(200_000))
NOISY = zipped(tar(("plugin.wasm", MODULE), ("noise", NOISE)))
STORED = gzip.compress(tar(("plugin.wasm", MODULE + NOISE)), 0, mtime=0)


def _accepted() -> Iterator[Animal]:
    yield Animal("oci", GOOD)
    yield Animal("docker", DOCKER_GOOD)
    yield Animal("wasmimg-oci", of(b"".join(build_layer(memoryview(MODULE)).chunks)))
    yield Animal("no-media-type", of(LAYER, change=lambda body: body.pop("mediaType")))
    yield Animal(
        "unknown-media-type-inside", of(LAYER, change=lambda body: body.update(mediaType="x/y"), served=OCI.manifest)
    )
    yield Animal("any-config", of(LAYER, config=b"{}", config_type="application/vnd.wasm.config.v0+json"))
    yield Animal("artifact-type", of(LAYER, artifactType="application/x", annotations={"a": "b"}))
    yield Animal("subject", of(LAYER, subject=descriptor(OCI.manifest, b"x")))
    yield Animal("arm64-config", of(LAYER, config=config_of("arm64")), warns=("WV108",))
    yield Animal("wasm-platform", of(LAYER, config=config_of("wasm", "wasi")), warns=("WV108",))
    yield Animal("no-config-blob", without(GOOD, CONFIG), warns=("WV113",))
    yield Animal(
        "two-layers-last-good", image((OCI.layer, zipped(tar(("a", b"x")))), (OCI.layer, LAYER)), warns=("WV106",)
    )
    yield Animal(
        "first-layer-zstd-last-good",
        image((OCI.layer.replace("gzip", "zstd"), b"(\xb5/\xfd"), (OCI.layer, LAYER)),
        warns=("WV106",),
    )
    yield Animal("same-layer-twice", image((OCI.layer, LAYER), (OCI.layer, LAYER)), warns=("WV106",))
    yield Animal(
        "higress-spec",
        image(
            ("application/vnd.module.wasm.spec.v1+yaml", b"apiVersion: 1.0.0"),
            ("application/vnd.module.wasm.doc.v1+markdown", b"# doc"),
            (OCI.layer, LAYER),
        ),
        warns=("WV106",),
    )
    yield Animal(
        "buildah-annotations",
        of(LAYER, annotations={"org.opencontainers.image.base.digest": "", "org.opencontainers.image.base.name": ""}),
    )
    yield Animal("other-files-around", one(tar(("a", b"x"), ("plugin.wasm", MODULE), ("b", b"y"))), warns=("WV107",))
    yield Animal("dot-slash", one(tar(("./", "/"), ("./plugin.wasm", MODULE))), warns=("WV107",))
    yield Animal("absolute", one(tar(("/plugin.wasm", MODULE))))
    yield Animal("nested", one(tar(("a/b/plugin.wasm", MODULE))))
    yield Animal("parent-path", one(tar(("../../plugin.wasm", MODULE))))
    yield Animal("trailing-slash-file", one(with_header(PLAIN, {0: b"plugin.wasm/\0"})))
    yield Animal("pax-name", one(tar(("d" * 200 + "/plugin.wasm", MODULE), form=tarfile.PAX_FORMAT)))
    yield Animal("gnu-long-name", one(tar(("d" * 200 + "/plugin.wasm", MODULE), form=tarfile.GNU_FORMAT)))
    yield Animal("ustar-prefix", one(tar(("d" * 90 + "/" + "e" * 60 + "/plugin.wasm", MODULE))))
    yield Animal("gnu-tar", one(tar(("plugin.wasm", MODULE), form=tarfile.GNU_FORMAT)))
    yield Animal("v7-tar", one(with_header(PLAIN, {257: bytes(255)})))
    yield Animal("size-in-base-256", one(with_header(PLAIN, {124: b"\x80" + len(MODULE).to_bytes(11, "big")})))
    yield Animal("whiteout-of-it-behind", one(tar(("plugin.wasm", MODULE), (".wh.plugin.wasm", b""))), warns=("WV107",))
    yield Animal("character-device-number-type", one(with_header(PLAIN, {156: b"7"})))
    yield Animal("global-pax", one(global_pax() + PLAIN))
    yield Animal("many-gzip-members", of(b"".join(zipped(PLAIN[at : at + 300]) for at in range(0, len(PLAIN), 300))))
    yield Animal("empty-gzip-members", of(zipped(b"") + LAYER + zipped(b"")))
    yield Animal("gzip-name-comment-extra", of(rezipped(PLAIN, name=b"layer.tar", comment=b"c", extra=b"abcd")))
    yield Animal("gzip-stored", of(gzip.compress(PLAIN, 0, mtime=0)))
    yield Animal("index-oci", index((GOOD, on("linux", "amd64"))), warns=("WV101",))
    yield Animal("index-docker", index((DOCKER_GOOD, on("linux", "amd64")), media_type=DOCKER_INDEX), warns=("WV101",))
    yield Animal("index-mixed-families", index((DOCKER_GOOD, on("linux", "amd64"))), warns=("WV101",))
    yield Animal("buildx-attestation", index((GOOD, on("linux", "amd64")), ATTESTATION), warns=("WV101",))
    yield Animal("attestation-first", index(ATTESTATION, (GOOD, on("linux", "amd64"))), warns=("WV101",))
    yield Animal(
        "index-arm64-first", index((OTHER, on("linux", "arm64")), (GOOD, on("linux", "amd64"))), warns=("WV101",)
    )
    yield Animal("index-no-platform", index((GOOD, {})), warns=("WV101",))
    yield Animal("index-null-platform", index((GOOD, {"platform": None})), warns=("WV101",))
    yield Animal("index-variant", index((GOOD, on("linux", "amd64", variant="v3"))), warns=("WV101",))
    yield Animal(
        "index-os-version",
        index((GOOD, on("linux", "amd64", **{"os.version": "9", "os.features": ["x"]}))),
        warns=("WV101",),
    )
    yield Animal(
        "index-first-of-two", index((GOOD, on("linux", "amd64")), (OTHER, on("linux", "amd64"))), warns=("WV101",)
    )
    yield Animal("index-nested", index((index((GOOD, on("linux", "amd64"))), {})), warns=("WV101",))
    yield Animal("index-inline-child", inline_child(), warns=("WV101",))
    yield Animal("inline-layer", of(LAYER, change=lambda body: body["layers"][0].update(data=base64_of(LAYER))))
    yield Animal("served-as-docker", of(LAYER, served=DOCKER.manifest))
    yield Animal("docker-served-as-oci", image((DOCKER.layer, LAYER), form=Format.DOCKER, served=OCI.manifest))
    yield Animal("served-as-json", of(LAYER, served="application/json"))
    yield Animal("served-with-charset", of(LAYER, served=OCI.manifest + "; charset=utf-8"))
    yield Animal("served-as-nothing", of(LAYER, served=""))
    yield Animal(
        "upper-case-fields",
        of(LAYER, raw=lambda raw: raw.replace(b'"layers"', b'"LAYERS"').replace(b'"digest"', b'"Digest"')),
    )
    yield Animal("unknown-fields", of(LAYER, change=lambda body: body.update(new=[1.5, None, {"a": []}])))
    yield Animal("null-annotations", of(LAYER, change=lambda body: body.update(annotations=None, subject=None)))
    yield Animal("json-twice", of(LAYER, raw=lambda raw: raw + b" {junk"))
    yield Animal("layers-repeated", of(LAYER, raw=lambda raw: raw.replace(b'"layers"', b'"layers": [], "layers"', 1)))
    yield Animal("artifact", image((SOLO_CONFIG, b"{}"), (SOLO, MODULE), config=b"{}", config_type=SOLO_CONFIG))
    yield Animal(
        "artifact-module-first", image((SOLO, MODULE), (SOLO_CONFIG, b"{}"), config=b"", config_type=SOLO_CONFIG)
    )
    yield Animal("artifact-second-anything", image((SOLO, MODULE), ("text/plain", b"hello")))
    yield Animal("unpacked-512-zeros-behind", one(PLAIN + bytes(100_000)))


def _suffering() -> Iterator[Animal]:
    """Accepted, although damaged: the reader stops before it gets to the damage."""
    cut, wrong = NOISY[: len(NOISY) // 2], LAYER[:-8] + bytes(4) + LAYER[-4:]
    yield Animal("gzip-cut-behind-entry", of(cut), warns=("WV107", "WV109"))
    yield Animal("gzip-without-trailer", of(LAYER[:-8]), warns=("WV109",))
    yield Animal("gzip-wrong-crc", of(wrong), warns=("WV109",))
    yield Animal("gzip-wrong-length", of(LAYER[:-4] + b"\1\2\3\4"), warns=("WV109",))
    yield Animal("gzip-junk-behind", of(LAYER + b"junk that is no gzip"), warns=("WV109",))
    yield Animal("gzip-zeros-behind", of(LAYER + bytes(2000)), warns=("WV109",))
    yield Animal("deflate-damaged-behind", of(NOISY[:-3000] + b"\xff" * 50 + NOISY[-2950:]), warns=("WV107", "WV109"))
    yield Animal("tar-without-end", one(PLAIN[: 512 + -(-len(MODULE) // 512) * 512]))
    yield Animal("tar-without-padding", one(PLAIN[: 512 + len(MODULE)]))
    yield Animal("tar-junk-behind", one(PLAIN[:1024] + b"junk" * 400), warns=("WV110",))
    yield Animal(
        "tar-cut-behind-entry", one(tar(("plugin.wasm", MODULE), ("b", bytes(5000)))[:3000]), warns=("WV107", "WV110")
    )
    yield Animal("digest-of-other-bytes", damaged(GOOD, LAYER, zipped(PLAIN) + zipped(b"")), **_size_lie())
    yield Animal("digest-mismatch-same-size", damaged(GOOD, LAYER, LAYER[:9] + b"\x07" + LAYER[10:]), warns=("WV111",))
    yield Animal(
        "size-too-small",
        of(LAYER + bytes(50), change=lambda body: body["layers"][0].update(size=len(LAYER))),
        **{**_size_lie(), "warns": ("WV109", "WV112")},
    )
    yield Animal(
        "size-too-large", of(LAYER, change=lambda body: body["layers"][0].update(size=len(LAYER) + 1)), **_size_lie()
    )
    yield Animal(
        "size-zero",
        of(LAYER, change=layer_field(size=0)),
        "Content-Length header",
        old="failed to parse layer as tar.gz: error verifying sha256 checksum after reading 0 bytes",
    )
    yield Animal("size-unknown", of(LAYER, change=layer_field(size=-1)), warns=("WV112",))
    yield Animal(
        "inline-other-layer",
        of(
            LAYER,
            blobs=(),
            change=lambda body: body["layers"][0].update(data=base64_of(LAYER[:9] + b"\x07" + LAYER[10:])),
        ),
        warns=("WV111",),
    )
    yield Animal("config-damaged", damaged(GOOD, CONFIG, b"not json"), warns=("WV113",))


def _size_lie() -> dict[str, Any]:
    return {"words": "Content-Length header", "old": "", "warns": ("WV112",)}


def _refused() -> Iterator[Animal]:
    gz, plain_type, zstd = (
        OCI.layer,
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
    )
    yield Animal("plain-tar", image((plain_type, PLAIN)), f"invalid media type {plain_type} (expect {gz})")
    yield Animal("gzip-called-plain", image((plain_type, LAYER)), f"invalid media type {plain_type} (expect {gz})")
    yield Animal("zstd", image((zstd, b"(\xb5/\xfd" + bytes(20))), f"invalid media type {zstd} (expect {gz})")
    yield Animal(
        "docker-zstd",
        image((DOCKER.layer.replace("gzip", "zstd"), b"(\xb5/\xfd"), form=Format.DOCKER),
        "invalid media type application/vnd.docker.image.rootfs.diff.tar.zstd",
    )
    yield Animal(
        "docker-plain",
        image(("application/vnd.docker.image.rootfs.diff.tar", PLAIN), form=Format.DOCKER),
        "invalid media type application/vnd.docker.image.rootfs.diff.tar (expect",
    )
    yield Animal(
        "docker-layer-in-oci", image((DOCKER.layer, LAYER)), f"invalid media type {DOCKER.layer} (expect {gz})"
    )
    yield Animal(
        "oci-layer-in-docker",
        image((gz, LAYER), form=Format.DOCKER),
        f"invalid media type {gz} (expect {DOCKER.layer})",
    )
    yield Animal(
        "docker-layer-no-media-type",
        image((DOCKER.layer, LAYER), change=lambda body: body.pop("mediaType")),
        f"invalid media type {DOCKER.layer}",
    )
    yield Animal(
        "capital-layer-type",
        image((gz.replace("oci", "OCI"), LAYER)),
        "invalid media type application/vnd.OCI.image.layer.v1.tar+gzip",
    )
    yield Animal("layer-type-with-parameter", image((gz + ";x=y", LAYER)), f"invalid media type {gz};x=y")
    yield Animal(
        "capital-manifest-type",
        image(
            (DOCKER.layer, LAYER),
            change=lambda body: body.update(mediaType=DOCKER.manifest.upper()),
            served=DOCKER.manifest,
        ),
        f"invalid media type {DOCKER.layer}",
    )
    yield Animal(
        "foreign-layer",
        image((DOCKER.layer.replace("diff", "foreign.diff"), LAYER), form=Format.DOCKER),
        "invalid media type application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    )
    yield Animal("no-layer-type", image(("", LAYER)), "invalid media type  (expect")
    yield Animal("plain-under-gzip-type", of(PLAIN), "failed to parse layer as tar.gz: gzip: invalid header")
    yield Animal(
        "zstd-under-gzip-type", of(b"(\xb5/\xfd" + bytes(50)), "failed to parse layer as tar.gz: gzip: invalid header"
    )
    yield Animal("bare-module-under-gzip-type", of(MODULE), "failed to parse layer as tar.gz: gzip: invalid header")
    yield Animal("empty-layer", of(b""), "failed to parse layer as tar.gz: EOF")
    yield Animal("short-layer", of(b"\x1f\x8b\x08"), "failed to parse layer as tar.gz: unexpected EOF")
    yield Animal(
        "gzip-method-7", of(LAYER[:2] + b"\x07" + LAYER[3:]), "failed to parse layer as tar.gz: gzip: invalid header"
    )
    yield Animal(
        "gzip-header-crc-wrong",
        of(LAYER[:3] + b"\x02" + LAYER[4:10] + b"\0\0" + LAYER[10:]),
        "failed to parse layer as tar.gz: gzip: invalid header",
    )
    yield Animal(
        "gzip-name-without-end",
        of(b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * 100),
        "failed to parse layer as tar.gz: unexpected EOF",
    )
    yield Animal("gzip-of-gzip", of(zipped(LAYER)), "could not extract wasm binary: ")
    yield Animal("module-in-gzip", of(zipped(MODULE)), "could not extract wasm binary: unexpected EOF")
    yield Animal("gzip-cut-in-entry", of(STORED[: len(STORED) // 2]), "failed to read plugin.wasm: unexpected EOF")
    yield Animal("gzip-damaged-in-entry", of(hurt_in_entry()), "flate: corrupt input before offset")
    yield Animal("gzip-empty", of(zipped(b"")), NO_HIT)
    yield Animal("tar-only-zeros", one(bytes(1024)), NO_HIT)
    yield Animal("tar-empty", one(tar()), NO_HIT)
    yield Animal(
        "tar-is-text", one(b"hello world\n" * 100), "could not extract wasm binary: archive/tar: invalid tar header"
    )
    yield Animal("tar-short", one(b"hello"), "could not extract wasm binary: unexpected EOF")
    yield Animal("tar-bad-checksum", one(PLAIN[:148] + b"000000\0 " + PLAIN[156:]), "archive/tar: invalid tar header")
    yield Animal("tar-cut-in-entry", one(PLAIN[: 512 + 100]), "failed to read plugin.wasm: unexpected EOF")
    yield Animal("tar-cut-at-header", one(PLAIN[:512]), "failed to read plugin.wasm: ")
    yield Animal(
        "tar-cut-before",
        one(tar(("a", bytes(5000)), ("plugin.wasm", MODULE))[:3000]),
        "could not extract wasm binary: unexpected EOF",
    )
    yield Animal(
        "tar-zero-block-between", one(tar(("a", b""))[:512] + bytes(512) + PLAIN), "archive/tar: invalid tar header"
    )
    yield Animal("tar-two-zero-blocks-between", one(tar(("a", b""))[:512] + bytes(1024) + PLAIN), NO_HIT)
    yield Animal("size-not-octal", one(with_header(PLAIN, {124: b"99999999999\0"})), "archive/tar: invalid tar header")
    yield Animal("size-negative", one(with_header(PLAIN, {124: b"\xff" * 12})), "archive/tar: invalid tar header")
    yield Animal(
        "size-claims-a-gigabyte",
        one(with_header(PLAIN, {124: b"07777777777\0"})),
        "failed to read plugin.wasm: unexpected EOF",
        gateway="plugin.wasm size 1073741823 exceeds maximum size 268435456",
    )
    yield Animal(
        "bad-pax",
        one(with_header(tar(("x", b"not pax"))[:1024], {156: b"x"}) + PLAIN),
        "archive/tar: invalid tar header",
    )
    yield Animal("other-name", one(tar(("filter.wasm", MODULE))), NO_HIT)
    yield Animal("other-case", one(tar(("Plugin.wasm", MODULE))), NO_HIT)
    yield Animal("longer-name", one(tar(("my-plugin.wasm", MODULE))), NO_HIT)
    yield Animal("longer-behind", one(tar(("plugin.wasm.bak", MODULE))), NO_HIT)
    yield Animal("whiteout", one(tar((".wh.plugin.wasm", b""))), NO_HIT)
    yield Animal("two-copies-last-without", image((gz, LAYER), (gz, zipped(tar(("README", b"x"))))), NO_HIT)
    yield Animal("folder", one(tar(("plugin.wasm/", "/"))), INVALID)
    yield Animal(
        "bazel-package-dir", one(tar(("./plugin.wasm/", "/"), ("./plugin.wasm/basic_auth.wasm", MODULE))), INVALID
    )
    yield Animal(
        "symlink-first", one(tar(("plugin.wasm", "-> a.wasm"), ("a.wasm", MODULE), ("b/plugin.wasm", MODULE))), INVALID
    )
    yield Animal("hard-link-first", one(tar(("a.wasm", MODULE), ("plugin.wasm", "=> a.wasm"))), INVALID)
    yield Animal(
        "hard-link-with-size", one(with_header(PLAIN, {156: b"1", 157: b"a"})), "failed to read plugin.wasm: EOF"
    )
    yield Animal("folder-with-size", one(with_header(PLAIN, {156: b"5"})), "failed to read plugin.wasm: EOF")
    yield Animal("fifo", one(tar(("plugin.wasm", "fifo"))), INVALID)
    yield Animal(
        "old-tar-folder", one(with_header(PLAIN, {0: b"plugin.wasm/\0", 156: b"\0"})), "failed to read plugin.wasm: EOF"
    )
    yield Animal("bad-one-first", one(tar(("a/plugin.wasm", b"#!/bin/sh"), ("plugin.wasm", MODULE))), INVALID)
    yield Animal("text", one(tar(("plugin.wasm", b"(module (func))"))), INVALID)
    yield Animal("elf", one(tar(("plugin.wasm", b"\x7fELF" + bytes(60)))), INVALID)
    yield Animal("nothing-in-it", one(tar(("plugin.wasm", b""))), INVALID)
    yield Animal("seven-bytes", one(tar(("plugin.wasm", b"\0asm\1\0\0"))), INVALID)
    yield Animal("gzipped-module", one(tar(("plugin.wasm", zipped(MODULE)))), INVALID)
    yield Animal("no-layers", image(), "number of layers must be greater than zero")
    yield Animal(
        "no-layers-docker",
        image(form=Format.DOCKER),
        "could not extract Wasm file from the image as Docker container number of layers must be greater than zero",
    )
    yield Animal(
        "layers-null", image(change=lambda body: body.update(layers=None)), "number of layers must be greater than zero"
    )
    yield Animal(
        "manifest-null", image(raw=lambda _: b"null", served=OCI.manifest), "number of layers must be greater than zero"
    )
    yield Animal(
        "wasm-to-oci",
        image(
            ("application/vnd.wasm.content.layer.v1+wasm", MODULE),
            config=b"{}",
            config_type="application/vnd.wasm.config.v1+json",
        ),
        f"invalid media type application/vnd.wasm.content.layer.v1+wasm (expect {gz})",
    )
    yield Animal(
        "oras-single",
        image((SOLO, MODULE), config=b"{}", config_type=EMPTY),
        f"invalid media type {SOLO} (expect {gz})",
    )
    yield Animal(
        "cncf",
        image(("application/wasm", MODULE), config=b"{}", config_type="application/vnd.wasm.config.v0+json"),
        "invalid media type application/wasm",
    )
    yield Animal(
        "spin",
        image(
            ("application/vnd.wasm.content.layer.v1+wasm", MODULE), ("application/vnd.wasm.content.layer.v1+data", b"x")
        ),
        "could not find the layer of type " + SOLO,
    )
    yield Animal(
        "empty-artifact", image((EMPTY, b"{}"), config=b"{}", config_type=EMPTY), f"invalid media type {EMPTY}"
    )
    yield Animal(
        "three-layers-artifact",
        image((SOLO_CONFIG, b"{}"), ("text/plain", b"x"), (SOLO, MODULE)),
        "number of layers must be 2 but got 3",
    )
    yield Animal(
        "solo-in-docker",
        image((SOLO_CONFIG, b"{}"), (SOLO, MODULE), form=Format.DOCKER),
        f"as Docker container invalid media type {SOLO}",
    )
    yield Animal(
        "artifact-damaged",
        damaged(image((SOLO_CONFIG, b"{}"), (SOLO, MODULE)), MODULE, MODULE[:-1] + b"\xff"),
        "could not extract wasm binary: error verifying sha256 checksum",
    )
    yield Animal(
        "artifact-size-lies",
        image((SOLO_CONFIG, b"{}"), (SOLO, MODULE), change=layer_field(size=len(MODULE) + 5)),
        "Content-Length header",
        old="could not extract wasm binary: error verifying size; got ",
    )
    yield Animal("artifact-not-wasm", image((SOLO_CONFIG, b"{}"), (SOLO, b"hello world")), INVALID)
    yield Animal("artifact-gzip", image((SOLO_CONFIG, b"{}"), (SOLO, zipped(MODULE))), INVALID)
    yield Animal("layer-is-config", image((gz, CONFIG)), "invalid media type application/vnd.oci.image.config.v1+json")
    yield Animal("same-digest-other-type", image((plain_type, LAYER), (gz, LAYER)), f"invalid media type {plain_type}")
    yield Animal("layer-missing", without(GOOD, LAYER), "could not get layer content: GET ")
    yield Animal("index-without-amd64", index((GOOD, on("linux", "arm64"))), NO_AMD64)
    yield Animal("index-wasi", index((GOOD, on("wasi", "wasm"))), NO_AMD64)
    yield Animal("index-capital-platform", index((GOOD, on("Linux", "AMD64"))), NO_AMD64)
    yield Animal("index-empty-platform", index((GOOD, {"platform": {}})), NO_AMD64)
    yield Animal("index-x86_64", index((GOOD, on("linux", "x86_64"))), NO_AMD64)
    yield Animal("index-empty", index(), NO_AMD64)
    yield Animal("index-only-attestation", index(ATTESTATION), NO_AMD64)
    yield Animal("index-nested-without", index((index((GOOD, on("linux", "arm64"))), {})), NO_AMD64)
    yield Animal(
        "index-bad-first-of-two",
        index((one(tar(("x", b"y"))), on("linux", "amd64")), (GOOD, on("linux", "amd64"))),
        NO_HIT,
    )
    yield Animal("index-child-missing", childless(), "could not fetch image: GET ")
    yield Animal("index-child-other", other_child(), "manifest digest: ")
    yield Animal("index-inline-wrong", inline_child(wrong=True), "error verifying Digest; got ")
    yield Animal(
        "index-served-as-json",
        index((GOOD, on("linux", "amd64")), served="application/json"),
        "number of layers must be greater than zero",
    )
    yield Animal(
        "index-served-with-charset",
        index((GOOD, on("linux", "amd64")), served=OCI_INDEX + "; charset=utf-8"),
        "number of layers must be greater than zero",
    )
    yield Animal("image-served-as-index", of(LAYER, served=OCI_INDEX), NO_AMD64)
    yield Animal(
        "schema-1",
        of(LAYER, served="application/vnd.docker.distribution.manifest.v1+prettyjws"),
        'unsupported MediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws"',
    )
    yield Animal(
        "sha512-layer",
        image({"mediaType": gz, "digest": "sha512:" + "a" * 128, "size": 5}),
        'could not retrieve manifest: unsupported hash: "sha512"',
    )
    yield Animal(
        "upper-case-digest",
        of(LAYER, change=lambda body: body["layers"][0].update(digest=digest_of(LAYER).upper())),
        "could not retrieve manifest: ",
    )
    yield Animal(
        "short-digest",
        image({"mediaType": gz, "digest": "sha256:abc", "size": 5}),
        "wrong number of hex digits for sha256: abc",
    )
    yield Animal("digest-missing", image({"mediaType": gz, "size": 5}), "could not ")
    yield Animal(
        "config-digest-empty",
        of(LAYER, change=lambda body: body["config"].update(digest="")),
        'could not retrieve manifest: cannot parse hash: ""',
    )
    yield Animal(
        "size-is-text", of(LAYER, change=layer_field(size="5")), "cannot unmarshal string into Go struct field"
    )
    yield Animal(
        "size-is-fraction",
        of(LAYER, change=layer_field(size=5.5)),
        "json: cannot unmarshal number 5.5 into Go struct field",
    )
    yield Animal(
        "layers-is-object",
        image(change=lambda body: body.update(layers={})),
        "json: cannot unmarshal object into Go struct field",
    )
    yield Animal(
        "manifest-is-list",
        image(raw=lambda _: b"[]", served=OCI.manifest),
        "json: cannot unmarshal array into Go value of type v1.Manifest",
    )
    yield Animal(
        "manifest-is-text",
        image(raw=lambda _: b"<html>", served=OCI.manifest),
        "invalid character '<' looking for beginning of value",
    )
    yield Animal("manifest-cut", of(LAYER, raw=lambda raw: raw[:-5]), "could not retrieve manifest: unexpected EOF")
    yield Animal("manifest-empty", image(raw=lambda _: b"", served=OCI.manifest), "could not retrieve manifest: EOF")
    yield Animal(
        "manifest-nan",
        of(LAYER, raw=lambda raw: raw.replace(b'"schemaVersion": 2', b'"schemaVersion": NaN')),
        "invalid character 'N' looking for beginning of value",
    )
    yield Animal(
        "index-is-text",
        Parts({}, {digest_of(b"{]"): (OCI_INDEX, b"{]")}, digest_of(b"{]")),
        "could not fetch image: invalid character ']' looking for beginning of object key string",
    )
    yield Animal(
        "inline-not-base64",
        of(LAYER, change=layer_field(data="***")),
        "could not retrieve manifest: illegal base64 data at input byte 0",
    )
    yield Animal(
        "inline-empty",
        of(LAYER, change=layer_field(data="")),
        "failed to parse layer as tar.gz: error verifying size; got 0",
    )
    yield Animal(
        "inline-shorter",
        of(LAYER, change=layer_field(data=base64_of(LAYER[:40]))),
        "could not extract wasm binary: error verifying size; got 40",
    )


def _wrong_modules() -> Iterator[Animal]:
    """Every fetcher takes these, and the proxy then loads nothing."""
    yield Animal("component", one(tar(("plugin.wasm", COMPONENT))), module="WI103")
    yield Animal("version-2", one(tar(("plugin.wasm", b"\0asm\2\0\0\0" + bytes(9)))), module="WI104")
    yield Animal("module-cut", one(tar(("plugin.wasm", MODULE[:-20]))), module="WI105")
    yield Animal("header-only", one(tar(("plugin.wasm", MODULE[:8]))), module="WI106")
    yield Animal("artifact-component", image((SOLO_CONFIG, b"{}"), (SOLO, COMPONENT)), module="WI103")


def _large() -> Iterator[Animal]:
    """At the limit, which counts the unpacked tar with its headers and with what stands in front."""
    yield Animal("at-the-limit", of(large(_TAR_LIMIT - 512)))
    yield Animal("over-the-limit", of(large(_TAR_LIMIT - 511)), "failed to read plugin.wasm: unexpected EOF")
    yield Animal(
        "over-by-another-file",
        of(large(_TAR_LIMIT - 512, first=tar(("a", b""))[:512])),
        "failed to read plugin.wasm: unexpected EOF",
    )


ZOO: tuple[Animal, ...] = (*_accepted(), *_suffering(), *_refused(), *_wrong_modules(), *_large())
