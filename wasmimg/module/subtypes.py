"""Which type may stand for which.

Sources: WebAssembly core specification 3.0, 3.3 (matching); V8 src/wasm/wasm-subtyping.cc.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wasmimg.module.valtypes import Value

__all__ = ["ARRAY", "FUNCTION", "STRUCT", "Definition", "Field", "extends", "fits"]

FUNCTION, STRUCT, ARRAY = 0x60, 0x5F, 0x5E
# Abstract heap types, as numbers below 0 (0x6e is any): those above each one, itself among them.
_ANY, _EQ, _EXTERN, _FUNC = -0x12, -0x13, -0x11, -0x10
_I31, _STRUCT, _ARRAY, _EXN = -0x14, -0x15, -0x16, -0x17
_NONE, _NO_EXTERN, _NO_FUNC, _NO_EXN = -0x0F, -0x0E, -0x0D, -0x0C
_ABOVE = {
    _ANY: {_ANY},
    _EQ: {_EQ, _ANY},
    _I31: {_I31, _EQ, _ANY},
    _STRUCT: {_STRUCT, _EQ, _ANY},
    _ARRAY: {_ARRAY, _EQ, _ANY},
    _NONE: {_NONE, _I31, _STRUCT, _ARRAY, _EQ, _ANY},
    _FUNC: {_FUNC},
    _NO_FUNC: {_NO_FUNC, _FUNC},
    _EXTERN: {_EXTERN},
    _NO_EXTERN: {_NO_EXTERN, _EXTERN},
    _EXN: {_EXN},
    _NO_EXN: {_NO_EXN, _EXN},
}
_FORMS = {FUNCTION: _FUNC, STRUCT: _STRUCT, ARRAY: _ARRAY}


class Field(NamedTuple):
    """Of a structure or array; the letters of the packed i8 and i16 are b and h."""

    value: Value
    mutable: bool


class Definition(NamedTuple):
    """A type that a module defines: ``parameters`` and ``results`` of a function, ``fields`` of a structure or array.

    Two types are the same when their ``identity`` is; ``depth`` is how many ancestors one has, and
    ``alone`` whether no other is in its group. ``empties`` tells whether each field has a value to begin with.
    """

    form: int
    parameters: tuple[Value, ...] = ()
    results: tuple[Value, ...] = ()
    fields: tuple[Field, ...] = ()
    parent: int | None = None
    final: bool = True
    alone: bool = True
    identity: int = -1
    depth: int = 0
    empties: bool = True


def fits(value: Value, wanted: Value, known: Sequence[Definition]) -> bool:
    """Whether a value of the one type may stand where the other is wanted."""
    if value.heap is None or wanted.heap is None:
        return value == wanted
    if value.nullable and not wanted.nullable:
        return False
    if value.heap < 0:
        above = _ABOVE[value.heap]
        if wanted.heap < 0:
            return wanted.heap in above
        # A null is of every type of its family, and nothing else that is abstract is of a type with a definition.
        return value.heap in (_NONE, _NO_FUNC) and _FORMS[known[wanted.heap].form] in above
    if wanted.heap < 0:
        return wanted.heap in _ABOVE[_FORMS[known[value.heap].form]]
    return _descends(value.heap, wanted.heap, known)


def _descends(index: int, ancestor: int, known: Sequence[Definition]) -> bool:
    one: int | None = index
    while one is not None:
        if known[one].identity == known[ancestor].identity:
            return True
        one = known[one].parent
    return False


def extends(child: Definition, parent: Definition, known: Sequence[Definition]) -> bool:
    """Whether what a child declares is as its parent's, or narrower."""
    if child.form != parent.form:
        return False
    if child.form == FUNCTION:
        return _all_fit(parent.parameters, child.parameters, known) and _all_fit(child.results, parent.results, known)
    # zip ends with the shorter: the fields of a child may be more.
    return len(child.fields) >= len(parent.fields) and all(
        one.mutable == other.mutable
        and fits(one.value, other.value, known)
        and (not one.mutable or fits(other.value, one.value, known))
        for one, other in zip(child.fields, parent.fields, strict=False)
    )


def _all_fit(values: Sequence[Value], wanted: Sequence[Value], known: Sequence[Definition]) -> bool:
    return len(values) == len(wanted) and all(
        fits(one, other, known) for one, other in zip(values, wanted, strict=True)
    )
