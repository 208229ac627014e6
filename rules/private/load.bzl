"""wasm_image_load: an image brought into docker's store."""

load(":launcher.bzl", "launcher", "runfile", "shell_word", "shell_words")
load(":providers.bzl", "WasmImageInfo")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _wasm_image_load_impl(ctx):
    image = ctx.attr.image[WasmImageInfo]
    return [launcher(ctx, ctx.file._template, [image.module], {
        "{ARGUMENTS}": shell_words(image.build_arguments),
        "{MODULE}": runfile(ctx, image.module),
        "{REFERENCE}": shell_word(ctx.attr.reference),
    })]

wasm_image_load = rule(
    doc = """Brings an image into docker's store: `bazel run` it.

The image is made once more there, from the same module by the same tool. What follows `--` goes to `wasmimg build`.
""",
    implementation = _wasm_image_load_impl,
    attrs = {
        "image": attr.label(
            doc = "A `wasm_image`.",
            mandatory = True,
            providers = [WasmImageInfo],
        ),
        "reference": attr.string(
            doc = "What to call it there: `NAME:TAG`.",
            mandatory = True,
        ),
        "_template": attr.label(
            default = "//rules/private:load.sh.tpl",
            allow_single_file = True,
        ),
    },
    executable = True,
    toolchains = [TOOLCHAIN_TYPE],
)
