"""Reading the .bzl and BUILD files of this repository: they are Python to the parser."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "constant", "starlark_files"]

ROOT = Path(__file__).parent.parent.parent


def starlark_files() -> list[Path]:
    """Every file that users of the rules load; what belongs to this repository's own tests is left out."""
    found = [
        *ROOT.glob("rules/**/*.bzl"),
        *ROOT.glob("rules/**/BUILD.bazel"),
        *ROOT.glob("*.bazel"),
        ROOT / "WORKSPACE",
        ROOT / "wasmimg" / "BUILD.bazel",
    ]
    return sorted(found)


def constant(path: Path, name: str) -> Any:
    """The value of a global of a .bzl file that is written out."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in statement.targets
        ):
            return ast.literal_eval(statement.value)
    raise AssertionError(f"{path} has no {name}")
