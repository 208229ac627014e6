"""The type section: function types as text, and the types of garbage-collected objects.

Sources: WebAssembly core specification 3.0, 5.3.8 to 5.3.12 and 5.5.4; V8 src/wasm/module-decoder-impl.h.
"""

from __future__ import annotations

from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.valtypes import Types, read_value_type, read_value_types

__all__ = ["read_types"]

_FUNCTION, _STRUCT, _ARRAY, _GROUP, _SUB, _SUB_FINAL = 0x60, 0x5F, 0x5E, 0x4E, 0x50, 0x4F
_MOST = 1_000_000  # kV8MaxWasmTypes


def read_types(data: memoryview, at: int, end: int) -> list[str | None]:
    """Each type of the section: a function's as text, None for another one's; raises MalformedModule."""
    within = data[:end]
    count, at = read_u32(within, at)
    if count > min(_MOST, end - at):
        raise MalformedModule(f"the type section cannot hold {count} types", at)
    found: list[str | None] = []
    for _ in range(count):
        size = 1
        if at < end and within[at] == _GROUP:
            size, at = read_u32(within, at + 1)
            if size > end - at:
                raise MalformedModule(f"a group of {size} types does not fit into its section", at)
        first = len(found)
        found.extend([None] * size)  # within a group types may name each other
        for place in range(first, first + size):
            found[place], at = _read_sub(within, at, found)
    if at != end:
        raise MalformedModule("the type section is longer than its types", at)
    return found


def _read_sub(data: memoryview, at: int, known: Types) -> tuple[str | None, int]:
    if at < len(data) and data[at] in (_SUB, _SUB_FINAL):
        parents, at = read_u32(data, at + 1)
        if parents > 1:
            raise MalformedModule(f"a type has {parents} parents", at)
        if parents:
            parent, at = read_u32(data, at)
            if parent >= len(known):
                raise MalformedModule(f"the parent type {parent} does not exist", at)
    if at >= len(data):
        raise MalformedModule("the type section is cut short", at)
    form, start, at = data[at], at, at + 1
    if form == _FUNCTION:
        parameters, at = read_value_types(data, at, known)
        results, at = read_value_types(data, at, known)
        return f"{parameters}>{results}", at
    if form not in (_STRUCT, _ARRAY):
        raise MalformedModule(f"0x{form:02x} is no form of a type", start)
    fields = 1
    if form == _STRUCT:
        fields, at = read_u32(data, at)
    for _ in range(min(fields, len(data))):
        at = _read_field(data, at, known)
    return None, at


def _read_field(data: memoryview, at: int, known: Types) -> int:
    if at < len(data) and data[at] in (0x77, 0x78):  # i16 and i8
        at += 1
    else:
        _, at = read_value_type(data, at, known)
    if at >= len(data) or data[at] > 1:
        raise MalformedModule("a field does not say whether it can change", at)
    return at + 1
