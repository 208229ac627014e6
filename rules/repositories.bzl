"""For WORKSPACE, which Bazel reads up to version 8."""

load("//rules/private:wheels.bzl", "wheels_repository")

def wasmimg_repositories():
    """Declares what the default tool is made of.

    It is not needed by who registers a toolchain of their own.
    """
    wheels_repository(name = "wasmimg_wheels")

# buildifier: disable=unnamed-macro
def wasmimg_register_toolchains():
    """Registers the default toolchain: the command line of this very repository."""
    native.register_toolchains("@wasmimg//rules:default_toolchain")
