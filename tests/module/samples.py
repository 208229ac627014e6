"""Small plugins for the tests of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.module.assembler import Function, Import, Module, i32, limits

__all__ = ["plugin", "producers"]

_RETURNS = {"": b"", "i": i32(0)}


def plugin(
    *,
    abi: str | None = "0.2.1",
    imports: tuple[tuple[str, str, str], ...] = (),
    exports: Mapping[str, str] | None = None,
    exported: tuple[tuple[str, int, int], ...] | None = None,
    **more: Any,
) -> bytes:
    """A plugin that every host loads, but for what is said: ``exports`` are further functions, each with its type.

    A type that is empty leaves out the function of that name; ``exported`` takes the place of the whole section.
    """
    wanted = {"proxy_on_log": "i>", "malloc": "i>i", **(exports or {})}
    if abi is not None:
        wanted = {f"proxy_abi_version_{abi.replace('.', '_')}": ">", **wanted}
    functions = {name: kind for name, kind in wanted.items() if kind}
    parts: dict[str, Any] = {
        "imports": tuple(Import(*one) for one in imports),
        "functions": tuple(Function(kind, _RETURNS[kind.split(">")[1]]) for kind in functions.values()),
        "memories": (limits(1),),
        "exports": (*((name, 0, len(imports) + place) for place, name in enumerate(functions)), ("memory", 2, 0)),
    }
    if exported is not None:
        parts["exports"] = exported
    return bytes(Module(**{**parts, **more}))


def producers(**fields: Mapping[str, str]) -> bytes:
    """The content of a section ``producers``: for each field the names and versions."""
    from tests.module.assembler import vector, word

    return vector(
        [
            word(field.replace("_", "-")) + vector([word(name) + word(version) for name, version in values.items()])
            for field, values in fields.items()
        ]
    )
