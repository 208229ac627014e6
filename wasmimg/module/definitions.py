"""The type section in full, with structures, arrays, groups and parents.

Sources: WebAssembly core specification 3.0, 5.3.8 to 5.3.12, 5.5.4 and 3.2.12 (subtypes);
V8 src/wasm/module-decoder-impl.h DecodeTypeSection and src/wasm/canonical-types.cc.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.subtypes import ARRAY, FUNCTION, STRUCT, Definition, Field, extends
from wasmimg.module.valtypes import LONGEST, Texts, Value, read_value_type

__all__ = ["Definitions", "read_definitions"]

_GROUP, _SUB, _SUB_FINAL = 0x4E, 0x50, 0x4F
_MOST = 1_000_000  # kV8MaxWasmTypes
_MOST_FIELDS = 10_000  # kV8MaxWasmStructFields
_DEEPEST = 63  # ancestors; kV8MaxRttSubtypingDepth
_PACKED = {0x78: Value("b"), 0x77: Value("h")}  # i8 and i16


class Definitions(NamedTuple):
    """The types of a module; ``texts`` are those of its functions, and None for others."""

    types: Sequence[Definition]
    texts: Texts


def read_definitions(data: memoryview, at: int) -> Definitions:
    """The type section that starts at ``at`` and ends with ``data``; raises MalformedModule."""
    count, at = read_u32(data, at)
    found: list[Definition] = []
    texts: list[str | None] = []
    groups: dict[Hashable, list[Definition]] = {}
    for _ in range(count):
        start, size = at, 1
        if at < len(data) and data[at] == _GROUP:
            size, at = read_u32(data, at + 1)
        first = len(texts)
        if size > min(len(data) - at, _MOST - first):
            raise MalformedModule(f"a group of {size} types does not fit into its section", start)
        texts.extend([None] * size)  # within a group types may name each other
        group = []
        for place in range(first, first + size):
            one, at = _read_type(data, at, texts)
            group.append(one._replace(alone=size == 1))
            if one.form == FUNCTION:
                sides = (one.parameters, one.results)
                texts[place] = ">".join("".join(value.letter for value in side) for side in sides)
        key = tuple(_key(one, first, found) for one in group)
        same = groups.get(key)
        if same is not None:
            found.extend(same)
            continue
        found.extend(one._replace(identity=place) for place, one in enumerate(group, first))
        for place in range(first, first + size):
            found[place] = _checked(found, place, start)
        groups[key] = found[first:]
    if at != len(data):
        raise MalformedModule("the type section is longer than its types", at)
    return Definitions(found, texts)


def _checked(found: Sequence[Definition], place: int, at: int) -> Definition:
    one = found[place]
    if one.parent is None:
        return one
    if one.parent >= place:
        raise MalformedModule(f"the parent {one.parent} of the type {place} does not come before it", at)
    parent = found[one.parent]
    if parent.final:
        raise MalformedModule(f"the parent {one.parent} of the type {place} can have no children", at)
    if parent.depth == _DEEPEST:
        raise MalformedModule(f"the type {place} has more than {_DEEPEST} ancestors", at)
    if not extends(one, parent, found):
        raise MalformedModule(f"the type {place} is not as its parent {one.parent}", at)
    return one._replace(depth=parent.depth + 1)


def _read_type(data: memoryview, at: int, texts: Texts) -> tuple[Definition, int]:
    final, parent = True, None
    if at < len(data) and data[at] in (_SUB, _SUB_FINAL):
        final = data[at] == _SUB_FINAL
        parents, at = read_u32(data, at + 1)
        if parents > 1:
            raise MalformedModule(f"a type has {parents} parents", at)
        if parents:
            parent, at = read_u32(data, at)
    if at >= len(data):
        raise MalformedModule("the type section is cut short", at)
    form, start, at = data[at], at, at + 1
    if form == FUNCTION:
        parameters, at = _read_values(data, at, texts)
        results, at = _read_values(data, at, texts)
        return Definition(form, parameters, results, parent=parent, final=final), at
    if form not in (STRUCT, ARRAY):
        raise MalformedModule(f"0x{form:02x} is no form of a type", start)
    count = 1
    if form == STRUCT:
        count, at = read_u32(data, at)
        if count > _MOST_FIELDS:
            raise MalformedModule(f"a structure has {count} fields, and V8 takes {_MOST_FIELDS}", start)
    fields = []
    for _ in range(count):
        field, at = _read_field(data, at, texts)
        fields.append(field)
    empties = all(field.value.heap is None or field.value.nullable for field in fields)
    return Definition(form, fields=tuple(fields), parent=parent, final=final, empties=empties), at


def _read_values(data: memoryview, at: int, texts: Texts) -> tuple[tuple[Value, ...], int]:
    count, at = read_u32(data, at)
    if count > LONGEST:
        raise MalformedModule(f"a function type has {count} values on one side, and V8 takes {LONGEST}", at)
    values = []
    for _ in range(count):
        value, at = read_value_type(data, at, texts)
        values.append(value)
    return tuple(values), at


def _read_field(data: memoryview, at: int, texts: Texts) -> tuple[Field, int]:
    if at < len(data) and data[at] in _PACKED:
        value, at = _PACKED[data[at]], at + 1
    else:
        value, at = read_value_type(data, at, texts)
    if at >= len(data) or data[at] > 1:
        raise MalformedModule("a field does not say whether it can change", at)
    return Field(value, data[at] == 1), at + 1


def _key(one: Definition, first: int, found: Sequence[Definition]) -> Hashable:
    """What makes a type of a group that starts at ``first`` the same as another group's."""

    def place(index: int) -> tuple[bool, int]:
        return (True, index - first) if index >= first else (False, found[index].identity)

    def key(value: Value) -> Hashable:
        if value.heap is None:
            return value.letter
        return (value.heap if value.heap < 0 else place(value.heap), value.nullable)

    return (
        one.form,
        one.final,
        None if one.parent is None else place(one.parent),
        tuple(map(key, one.parameters)),
        tuple(map(key, one.results)),
        tuple((key(field.value), field.mutable) for field in one.fields),
    )
