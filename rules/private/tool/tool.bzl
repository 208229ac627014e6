"""The default tool: this repository's own command line and what it imports, in one executable file."""

load("//rules/private:toolchain.bzl", "NO_AUTO_EXEC_GROUPS")

def _source(file):
    path = file.short_path
    if path.startswith("../"):  # of another repository: ../NAME/
        path = path.split("/", 2)[2]
    return path + "=" + file.path

def _wasmimg_tool_impl(ctx):
    tool = ctx.actions.declare_file(ctx.label.name)
    args = ctx.actions.args()
    args.set_param_file_format("multiline")
    args.use_param_file("@%s", use_always = True)
    args.add("--output", tool)
    args.add_all(ctx.files.srcs, before_each = "--source", map_each = _source)
    args.add("--source", ctx.file.main, format = "__main__.py=%s")
    args.add_all(ctx.files.wheels, before_each = "--wheel")
    ctx.actions.run(
        executable = ctx.executable.python,
        arguments = [ctx.file.packer.path, args],
        inputs = ctx.files.srcs + ctx.files.wheels + [ctx.file.main, ctx.file.packer],
        outputs = [tool],
        mnemonic = "WasmimgTool",
        progress_message = "Packing wasmimg's tool",
    )
    return [DefaultInfo(executable = tool, files = depset([tool]))]

wasmimg_tool = rule(
    doc = "Packs wasmimg and its wheels into one executable file.",
    implementation = _wasmimg_tool_impl,
    attrs = {
        "main": attr.label(
            doc = "The file that Python runs first.",
            mandatory = True,
            allow_single_file = [".py"],
        ),
        "packer": attr.label(
            doc = "The script that packs.",
            mandatory = True,
            allow_single_file = [".py"],
        ),
        "python": attr.label(
            doc = "What runs it.",
            mandatory = True,
            allow_single_file = True,
            executable = True,
            cfg = "exec",
        ),
        "srcs": attr.label_list(
            doc = "The package wasmimg.",
            mandatory = True,
            allow_files = True,
        ),
        "wheels": attr.label_list(
            doc = "What it imports.",
            mandatory = True,
            allow_files = [".whl"],
        ),
        "_use_auto_exec_groups": NO_AUTO_EXEC_GROUPS,
    },
    executable = True,
)
