"""The rules use nothing of Bazel that any release from 4.2 to 9 lacks.

Only Debian's 4.2.3 runs here. For the others there is this list: each name, method and keyword on it is
documented for 4.2 (docs.bazel.build/versions/4.2.1) and has been kept since. Left out, for instance, are
what 9 took away (native.py_binary, CcInfo, cfg = "host") and what 4.2 does not have (RunEnvironmentInfo,
lambda, d1 | d2). Whoever adds a line looks both up.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.starlark import ROOT, starlark_files

# A call is written NAME(), and KEYWORD= is added for each keyword. What is of a value, and not of a global,
# begins with a point.
SINCE_4_2 = """
    exports_files() exports_files(visibility=) package() package(default_visibility=) load() glob()
    alias() alias(name=) alias(actual=) filegroup() filegroup(name=) filegroup(srcs=) filegroup(visibility=)
    config_setting() config_setting(name=) config_setting(values=)
    toolchain() toolchain(name=) toolchain(toolchain=) toolchain(toolchain_type=)
    toolchain_type() toolchain_type(name=) workspace() workspace(name=)
    native.filegroup() native.filegroup(name=) native.filegroup(srcs=) native.filegroup(tags=)
    native.filegroup(output_group=) native.register_toolchains()

    rule() rule(doc=) rule(implementation=) rule(attrs=) rule(provides=) rule(toolchains=) rule(executable=) rule(test=)
    provider() provider(doc=) provider(fields=)
    repository_rule() repository_rule(doc=) repository_rule(implementation=)
    attr.bool() attr.bool(doc=) attr.bool(default=)
    attr.string() attr.string(doc=) attr.string(default=) attr.string(values=) attr.string(mandatory=)
    attr.string_dict() attr.string_dict(doc=) attr.string_list() attr.string_list(doc=)
    attr.label() attr.label(doc=) attr.label(default=) attr.label(mandatory=) attr.label(executable=) attr.label(cfg=)
    attr.label(allow_single_file=) attr.label(allow_files=) attr.label(providers=)
    attr.label_list() attr.label_list(doc=) attr.label_list(mandatory=) attr.label_list(allow_files=)

    DefaultInfo() DefaultInfo(files=) DefaultInfo(runfiles=) DefaultInfo(executable=)
    OutputGroupInfo() Label() depset() select() fail() str() len() repr() dict() sorted() struct()
    platform_common.ToolchainInfo() platform_common.TemplateVariableInfo()

    ctx.label ctx.label.name ctx.attr ctx.file ctx.files ctx.executable ctx.toolchains ctx.var ctx.workspace_name
    ctx.info_file ctx.version_file ctx.runfiles() ctx.runfiles(files=)
    ctx.actions.declare_file() ctx.actions.declare_file(sibling=) ctx.actions.declare_directory()
    ctx.actions.write() ctx.actions.args()
    ctx.actions.expand_template() ctx.actions.expand_template(template=) ctx.actions.expand_template(output=)
    ctx.actions.expand_template(is_executable=) ctx.actions.expand_template(substitutions=)
    ctx.actions.run() ctx.actions.run(executable=) ctx.actions.run(arguments=) ctx.actions.run(inputs=)
    ctx.actions.run(outputs=) ctx.actions.run(mnemonic=) ctx.actions.run(progress_message=)
    ctx.actions.run(execution_requirements=) ctx.download() ctx.download(url=) ctx.download(output=)
    ctx.download(sha256=) ctx.file()

    args.add() args.add(format=) args.add_all() args.add_all(before_each=) args.add_all(map_each=)
    args.set_param_file_format() args.use_param_file() args.use_param_file(use_always=)
    .path .short_path .basename .extension .is_directory .default_runfiles .files_to_run .merge()
    .append() .get() .pop() .items() .join() .partition() .replace() .split() .startswith()
"""
SINCE_6 = "module_extension() module_extension(doc=) module_extension(implementation=)"
IN_MODULES = """
    module() module(name=) module(version=) module(bazel_compatibility=)
    use_extension() use_repo() register_toolchains()
"""
# What the rules tell each other, which Bazel does not care for.
FIELDS = """
    .build_arguments .consumers .executable .file .kind .layout .module .runfiles .worker
    .default .variables .wasmimg
"""

# Their keywords are of our own making.
FREE = ("load", "struct", "OutputGroupInfo", "platform_common.ToolchainInfo", "dict")

# Starlark is less than Python, and Bazel 4.2's is less than Starlark: no lambda, no set, no *rest, no nested def.
NODES = (
    *(ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.Assign, ast.AugAssign, ast.Expr),
    *(ast.For, ast.If, ast.IfExp, ast.Call, ast.keyword, ast.Name, ast.Attribute, ast.Subscript, ast.Slice),
    *(ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.ListComp, ast.DictComp, ast.comprehension, ast.expr_context),
    *(ast.BinOp, ast.Add, ast.Mod, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.In, ast.NotIn),
)


def used(path: Path) -> set[str]:
    """What a file uses of Bazel, in the words of the lists above."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = set(_own_names(tree))
    found = set()
    for node in ast.walk(tree):
        assert isinstance(node, NODES), f"{path}:{getattr(node, 'lineno', '')}: {type(node).__name__}"
        if isinstance(node, ast.FunctionDef):
            assert not node.returns, path
            assert all(isinstance(one, ast.FunctionDef) is False for one in ast.walk(node) if one is not node), path
        name = _dotted(node, own)
        if name:
            found.add(name)
        if isinstance(node, ast.Call):
            callee = _dotted(node.func, own)
            if callee:
                found.discard(callee)
                found.add(f"{callee}()")
                if callee not in FREE:
                    found |= {f"{callee}({keyword.arg}=)" for keyword in node.keywords if keyword.arg}
    called = {name[:-2] for name in found if name.endswith("()")}
    parents = {".".join(name.split(".")[:-1]) for name in found}
    return found - called - (parents - {"ctx.label"}) - {"True", "False", "None"}


def _own_names(tree: ast.Module) -> Iterator[str]:
    """Names that the file itself makes or loads, but for ``ctx`` and ``args``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.arg) and node.arg != "ctx":
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id != "args":
            yield node.id
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load":
            yield from (ast.literal_eval(word) for word in node.args[1:])
            yield from (keyword.arg or "" for keyword in node.keywords)


def _dotted(node: ast.AST, own: set[str]) -> str:
    if isinstance(node, ast.Name):
        return "" if node.id in own else node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, own)
        if before and not before.startswith("."):
            inside = before in ("ctx.attr", "ctx.file", "ctx.executable", "ctx.files")  # what follows is ours
            return before if inside else f"{before}.{node.attr}"
        return f".{node.attr}"
    return ""


@pytest.mark.parametrize("path", starlark_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_uses_what_every_bazel_has(path: Path) -> None:
    allowed = set(f"{SINCE_4_2} {FIELDS}".split())
    if path.name == "extensions.bzl":
        allowed |= set(SINCE_6.split())
    if path.name == "MODULE.bazel":
        allowed = set(IN_MODULES.split())
    assert used(path) - allowed == set()


def test_the_list_has_nothing_that_is_not_used() -> None:
    everything = set().union(*(used(path) for path in starlark_files()))
    listed = set(f"{SINCE_4_2} {SINCE_6} {IN_MODULES} {FIELDS}".split())
    assert listed - everything == set()
