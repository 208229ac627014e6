"""Which tool makes and checks images."""

load(":providers.bzl", "WasmimgToolchainInfo")

# As a string, since rule(toolchains) takes no Label before Bazel 5; in str(), so that it means
# this repository wherever it is used from.
TOOLCHAIN_TYPE = str(Label("//rules:toolchain_type"))

# With --incompatible_auto_exec_groups each action has to name its toolchain, in a keyword that Bazel has
# from version 6 on. This attribute turns that off for a rule, and means nothing to older ones.
NO_AUTO_EXEC_GROUPS = attr.bool(default = False)

def wasmimg_of(ctx):
    """The tool that was chosen for a rule.

    Args:
      ctx: the context of a rule with TOOLCHAIN_TYPE among its toolchains.

    Returns:
      a WasmimgToolchainInfo.
    """
    return ctx.toolchains[TOOLCHAIN_TYPE].wasmimg

def _wasmimg_toolchain_impl(ctx):
    tool = ctx.executable.tool
    info = ctx.attr.tool[DefaultInfo]
    runfiles = ctx.runfiles(files = [tool]).merge(info.default_runfiles)
    default = DefaultInfo(files = depset([tool]), runfiles = runfiles)
    variables = platform_common.TemplateVariableInfo({"WASMIMG": tool.path})
    wasmimg = WasmimgToolchainInfo(
        executable = tool,
        files_to_run = info.files_to_run,
        runfiles = runfiles,
        worker = ctx.attr.worker,
    )
    return [
        default,
        variables,
        platform_common.ToolchainInfo(wasmimg = wasmimg, variables = variables, default = default),
    ]

wasmimg_toolchain = rule(
    doc = """Makes a toolchain of any executable that speaks wasmimg's command line.

The default one packs this repository's own sources; it needs `sh` and Python 3.10 or newer where actions run.
Register another one before it to pin the interpreter, or to use wasmimg as it is installed:

```starlark
wasmimg_toolchain(name = "mine_impl", tool = "//tools:wasmimg")

toolchain(
    name = "mine",
    toolchain = ":mine_impl",
    toolchain_type = "@wasmimg//rules:toolchain_type",
)
```
""",
    implementation = _wasmimg_toolchain_impl,
    attrs = {
        "tool": attr.label(
            doc = "The executable.",
            mandatory = True,
            allow_files = True,
            executable = True,
            cfg = "exec",
        ),
        "worker": attr.bool(
            doc = "Whether actions are given to one process that stays, Bazel's persistent worker. " +
                  "The tool must understand `--persistent_worker`. What is in the cache is the same either way.",
            default = False,
        ),
    },
)

def _current_wasmimg_toolchain_impl(ctx):
    toolchain = ctx.toolchains[TOOLCHAIN_TYPE]
    return [toolchain, toolchain.variables, toolchain.default]

current_wasmimg_toolchain = rule(
    doc = """The tool that was chosen, for genrules.

`@wasmimg//rules:current_toolchain` is one. With it in `toolchains`, `$(WASMIMG)` in `cmd` is the tool.
""",
    implementation = _current_wasmimg_toolchain_impl,
    toolchains = [TOOLCHAIN_TYPE],
)
