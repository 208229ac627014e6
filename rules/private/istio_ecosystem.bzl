"""declare_wasm_image_targets, as in istio-ecosystem/wasm-extensions: bazel/wasm.bzl."""

load(":image.bzl", "wasm_image")
load(":push.bzl", "wasm_image_push")

def declare_wasm_image_targets(name, wasm_file, repository = "ghcr.io/istio-ecosystem/wasm-extensions", **kwargs):
    """Declares `:wasm_image` and `:push_wasm_image`, as the macro of that name in istio-ecosystem/wasm-extensions.

    `bazel run --define WASM_IMAGE_TAG=1.24 :push_wasm_image` pushes `REPOSITORY/NAME:1.24`.

    Args:
      name: name of the plugin, the last part of the image's name.
      wasm_file: label of the module.
      repository: where the images of all plugins are.
      **kwargs: further attributes of the `wasm_image`.
    """
    wasm_image(name = "wasm_image", module = wasm_file, **kwargs)
    wasm_image_push(
        name = "push_wasm_image",
        image = ":wasm_image",
        remote_tags = ["$(WASM_IMAGE_TAG)"],
        repository = "%s/%s" % (repository, name),
    )
