"""Writes docs/bazel-reference.md from the doc strings of the rules.

python docs/generate_bazel_reference.py

Starlark is Python to the parser, so that neither Bazel nor stardoc is needed.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "bazel-reference.md"
RULES = ROOT / "rules"

_HEAD = """\
# Bazel rules: reference

Generated from the rules by `docs/generate_bazel_reference.py`; do not edit. [How to use them](bazel.md)

Load everything but the last section from `@wasmimg//rules:defs.bzl`.
"""
_TYPES = {
    "attr.bool": "boolean",
    "attr.label": "label",
    "attr.label_list": "list of labels",
    "attr.string": "string",
    "attr.string_dict": "dict of strings",
    "attr.string_list": "list of strings",
}
_EMPTY = {"attr.bool": "False", "attr.string": '""', "attr.string_dict": "{}", "attr.string_list": "[]"}


class Definition(NamedTuple):
    """A global of a .bzl file, and the other globals there."""

    value: ast.expr | ast.FunctionDef
    globals: Mapping[str, Definition]


def read_globals(path: Path) -> dict[str, Definition]:
    """The globals of a .bzl file of this repository, those included that it loads."""
    found: dict[str, Definition] = {}
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.FunctionDef):
            found[statement.name] = Definition(statement, found)
        elif isinstance(statement, ast.Assign):
            (target,) = statement.targets
            assert isinstance(target, ast.Name)
            value = statement.value
            known = isinstance(value, ast.Name) and value.id in found
            found[target.id] = found[value.id] if known and isinstance(value, ast.Name) else Definition(value, found)
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            found.update(_loaded(statement.value, path))
    return found


def _loaded(call: ast.Call, path: Path) -> Iterator[tuple[str, Definition]]:
    if _dotted(call.func) != "load":
        return
    label, *names = call.args
    where = text_of(label)
    if where.startswith("//"):
        package, _, name = where.removeprefix("//").partition(":")
        file = ROOT / package / name
    else:
        file = path.parent / where.removeprefix(":")
    there = read_globals(file)
    for one in names:
        yield text_of(one), there[text_of(one)]
    for keyword in call.keywords:
        assert keyword.arg is not None
        yield keyword.arg, there[text_of(keyword.value)]


def text_of(node: ast.expr) -> str:
    """A string that is written out, in one piece or several."""
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    value = ast.literal_eval(node)
    assert isinstance(value, str)
    return value


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _keywords(call: ast.Call) -> dict[str, ast.expr]:
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def section(name: str, definition: Definition) -> Iterator[str]:
    """The lines about one public name."""
    value = definition.value
    if isinstance(value, ast.FunctionDef):
        arguments = ", ".join(_signature(value.args))
        yield f"## {name}\n\n`{name}({arguments})`\n"
        yield from _prose(inspect.cleandoc(ast.get_docstring(value) or ""))
        rule = _wrapped(definition)
        if rule is not None:
            yield from _attributes(rule)
        return
    assert isinstance(value, ast.Call)
    keywords = _keywords(value)
    yield f"## {name}\n"
    yield text_of(keywords["doc"]).strip() + "\n"
    if _dotted(value.func) == "provider":
        yield "| field | |\n| --- | --- |"
        fields = keywords["fields"]
        assert isinstance(fields, ast.Dict)
        for key, doc in zip(fields.keys, fields.values, strict=True):
            assert key is not None
            yield f"| `{text_of(key)}` | {text_of(doc)} |"
        yield ""
    else:
        yield from _attributes(definition)


def _signature(arguments: ast.arguments) -> Iterator[str]:
    plain = len(arguments.args) - len(arguments.defaults)
    for index, argument in enumerate(arguments.args):
        default = f" = {ast.unparse(arguments.defaults[index - plain])}" if index >= plain else ""
        yield argument.arg + default.replace("'", '"')
    if arguments.kwarg is not None:
        yield f"**{arguments.kwarg.arg}"


def _prose(text: str) -> Iterator[str]:
    """A doc string as Markdown, its part ``Args:`` as a list."""
    head, _, arguments = text.partition("\nArgs:\n")
    yield head.strip() + "\n"
    for line in arguments.splitlines():
        if line.startswith("    "):
            yield "  " + line.strip()
        elif line.strip():
            name, _, meaning = line.strip().partition(": ")
            yield f"- `{name}`: {meaning}"
    if arguments:
        yield ""


def _wrapped(definition: Definition) -> Definition | None:
    """The rule that a macro is for: the one that it gives its ``**kwargs`` to."""
    for node in ast.walk(definition.value):
        if isinstance(node, ast.Call) and any(keyword.arg is None for keyword in node.keywords):
            rule = definition.globals.get(_dotted(node.func))
            if rule is not None and isinstance(rule.value, ast.Call):
                return rule
    return None


def _attributes(rule: Definition) -> Iterator[str]:
    assert isinstance(rule.value, ast.Call)
    attributes = _keywords(rule.value).get("attrs")
    if not isinstance(attributes, ast.Dict):
        return
    yield "| attribute | type | default | |\n| --- | --- | --- | --- |"
    for key, value in zip(attributes.keys, attributes.values, strict=True):
        assert key is not None
        if text_of(key).startswith("_"):
            continue
        call = rule.globals[value.id].value if isinstance(value, ast.Name) else value
        assert isinstance(call, ast.Call)
        kind, keywords = _dotted(call.func), _keywords(call)
        default = (
            ast.unparse(keywords["default"]).replace("'", '"') if "default" in keywords else _EMPTY.get(kind, "None")
        )
        shown = "mandatory" if "mandatory" in keywords else f"`{default}`"
        yield f"| `{text_of(key)}` | {_TYPES[kind]} | {shown} | {text_of(keywords['doc'])} |"
    yield ""


def page() -> str:
    """The whole page."""
    public = read_globals(RULES / "defs.bzl")
    lines = [_HEAD]
    for name, definition in public.items():
        if not name.startswith("_"):
            lines += section(name, definition)
    lines.append("# For WORKSPACE\n\nLoad these from `@wasmimg//rules:repositories.bzl`.\n")
    for name, definition in read_globals(RULES / "repositories.bzl").items():
        if name.startswith("wasmimg_"):
            lines += section(name, definition)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
