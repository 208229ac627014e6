"""wasm_image_test: an image judged by those who shall load it."""

load(":image.bzl", "consumer_arguments")
load(":launcher.bzl", "IMAGE", "image_of", "launcher", "runfile", "shell_words")
load(":toolchain.bzl", "TOOLCHAIN_TYPE")

def _wasm_image_test_impl(ctx):
    image = image_of(ctx)
    return [launcher(ctx, ctx.file._template, [image.file], {
        "{ARGUMENTS}": shell_words(consumer_arguments(ctx.attr.consumers)),
        "{IMAGE}": runfile(ctx, image.file),
        "{KIND}": image.kind,
    })]

_wasm_image_test = rule(
    doc = "Tests that consumers take an image and that their proxies load what is in it.",
    implementation = _wasm_image_test_impl,
    attrs = {
        "consumers": attr.string_list(
            doc = "Who must take the image, as in `wasm_image`. Empty means `istio`.",
        ),
        "image": IMAGE,
        "_template": attr.label(
            default = "//rules/private:test.sh.tpl",
            allow_single_file = True,
        ),
    },
    test = True,
    toolchains = [TOOLCHAIN_TYPE],
)

def wasm_image_test(name, size = "small", **kwargs):
    """Tests that consumers take an image and that their proxies load what is in it.

    It is what `wasmimg verify` says, with its words in the test's log. A `wasm_image` is verified whenever it is
    built; this is for further consumers, and for images of other rules.

    Args:
      name: name of the target.
      size: as of every test.
      **kwargs: the attributes of the rule, and those that every test has.
    """
    _wasm_image_test(name = name, size = size, **kwargs)
