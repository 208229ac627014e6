"""For MODULE.bazel, which Bazel reads from version 6 on."""

load("//rules/private:wheels.bzl", "wheels_repository")

def _wasmimg_impl(_module_ctx):
    wheels_repository(name = "wasmimg_wheels")

wasmimg = module_extension(
    doc = "Declares what the default tool is made of; wasmimg's own MODULE.bazel uses it.",
    implementation = _wasmimg_impl,
)
