"""What the rules tell each other, and rules of yours."""

WasmImageInfo = provider(
    doc = "An image of a proxy plugin, from `wasm_image`.",
    fields = {
        "build_arguments": "List of strings: the arguments of `wasmimg build` that stand for this image's attributes.",
        "consumers": "List of strings: those who must take the image, as in `wasm_image`.",
        "digest": "File: the manifest digest, `sha256:...`, which `WasmPlugin.sha256` is compared with.",
        "format": "String: `oci` or `docker`.",
        "layout": "File: the folder with the OCI layout. It holds this one image, without a name.",
        "module": "File: the WebAssembly module in the image.",
        "tar": "File: the image as one file, an OCI archive or a docker archive, whichever the format is.",
    },
)

WasmimgToolchainInfo = provider(
    doc = "A tool that speaks wasmimg's command line, from `wasmimg_toolchain`.",
    fields = {
        "executable": "File: the tool.",
        "files_to_run": "FilesToRunProvider: the tool with all it needs, for `ctx.actions.run`.",
        "runfiles": "runfiles: the tool with all it needs, for executables that call it.",
        "worker": "Boolean: whether the tool understands `--persistent_worker`.",
    },
)
