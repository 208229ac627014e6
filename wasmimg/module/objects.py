"""Constant instructions that make garbage-collected objects.

Source: WebAssembly core specification 3.0, 3.4.10 to 3.4.12 (references, structures, arrays) and 5.4.4.
"""

from __future__ import annotations

from collections.abc import Sequence

from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.subtypes import ARRAY, STRUCT, Definition, Field
from wasmimg.module.types import Types
from wasmimg.module.valtypes import NUMBERS, Value

__all__ = ["read_object"]

_LONGEST = 10_000  # values; kV8MaxWasmArrayNewFixedLength
_STRUCT_NEW, _STRUCT_NEW_DEFAULT, _ARRAY_NEW, _ARRAY_NEW_DEFAULT, _ARRAY_NEW_FIXED = 0, 1, 6, 7, 8
_FORMS = {
    _STRUCT_NEW: STRUCT,
    _STRUCT_NEW_DEFAULT: STRUCT,
    _ARRAY_NEW: ARRAY,
    _ARRAY_NEW_DEFAULT: ARRAY,
    _ARRAY_NEW_FIXED: ARRAY,
}
_ANY_CONVERT_EXTERN, _EXTERN_CONVERT_ANY, _REF_I31 = 26, 27, 28
_EXTERN, _ANY, _I31 = Value("x", -0x11, nullable=True), Value("a", -0x12, nullable=True), Value("a", -0x14)


def read_object(
    data: memoryview, at: int, types: Types, top: Value | None, depth: int
) -> tuple[Sequence[Value], Value, int]:
    """The instruction behind 0xfb: the values it takes, what it makes of them, and the offset behind it.

    ``top`` is the last one of the ``depth`` values that are there. Raises MalformedModule.
    """
    start = at
    code, at = read_u32(data, at)
    if code == _REF_I31:
        return [NUMBERS["i"]], _I31, at
    if code in (_ANY_CONVERT_EXTERN, _EXTERN_CONVERT_ANY):
        source, target = (_EXTERN, _ANY) if code == _ANY_CONVERT_EXTERN else (_ANY, _EXTERN)
        return [source], target._replace(nullable=top is None or top.nullable), at
    if code not in _FORMS:
        raise MalformedModule(f"the instruction 0xfb {code} is not constant", start)
    index, at = read_u32(data, at)
    # Asked first of the texts: with nothing but functions there is nothing more to read.
    if index >= len(types.texts) or types.texts[index] is not None or types.defined(index).form != _FORMS[code]:
        raise MalformedModule(f"an object is of the type {index}, which is none of its kind", start)
    one, size = types.defined(index), 1
    if code == _ARRAY_NEW_FIXED:
        size, at = read_u32(data, at)
        if size > _LONGEST:
            raise MalformedModule(f"an array is made of {size} values, and V8 takes {_LONGEST}", start)
    return _taken(code, one, size, depth, start), Value("a", index), at


def _taken(code: int, one: Definition, size: int, depth: int, at: int) -> Sequence[Value]:
    if code in (_STRUCT_NEW_DEFAULT, _ARRAY_NEW_DEFAULT):
        if not one.empties:
            raise MalformedModule("an object has a field that cannot be empty, and gets no value for it", at)
        return [NUMBERS["i"]] if code == _ARRAY_NEW_DEFAULT else []
    if len(one.fields) * size > depth:
        raise MalformedModule(f"an object is made of {len(one.fields) * size} values, and {depth} are there", at)
    values = [_unpacked(field) for field in one.fields]
    return [*values, NUMBERS["i"]] if code == _ARRAY_NEW else values * size


def _unpacked(field: Field) -> Value:
    return NUMBERS["i"] if field.value.letter in ("b", "h") else field.value
