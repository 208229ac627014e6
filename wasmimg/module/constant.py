"""Constant expressions: what a global starts with, and where a segment goes.

Source: WebAssembly core specification 3.0, 3.4.14 (constant expressions) and 5.4 (instructions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_s64, read_u32
from wasmimg.module.types import Types
from wasmimg.module.valtypes import NUMBERS, Value, read_heap_type

__all__ = ["Constant", "Global", "read_constant"]

_END = 0x0B
_I32, _I64, _F32, _F64, _V128 = (NUMBERS[letter] for letter in "iIfFv")
_ARITHMETIC = {0x6A: _I32, 0x6B: _I32, 0x6C: _I32, 0x7C: _I64, 0x7D: _I64, 0x7E: _I64}  # add, sub, mul


class Global(NamedTuple):
    """``value`` is a number known beforehand."""

    type: Value
    mutable: bool
    value: int | None


class Constant(NamedTuple):
    """The type and, for an integer that can be told from the module, the value."""

    type: Value
    value: int | None = None


def read_constant(
    data: memoryview, at: int, *, types: Types, functions: Sequence[int], globals_: Sequence[Global]
) -> tuple[Constant, int]:
    """The expression at ``at`` up to its ``end``, and the offset behind it; raises MalformedModule.

    ``functions`` are the numbers of their types.
    """
    stack: list[Constant] = []
    begin = at
    while True:
        if at >= len(data):
            raise MalformedModule("a constant expression is cut short", begin)
        code, start, at = data[at], at, at + 1
        if code == _END:
            break
        if code in (0x41, 0x42):
            value, at = read_s64(data, at, 32 if code == 0x41 else 64)
            stack.append(Constant(_I32 if code == 0x41 else _I64, value))
        elif code in (0x43, 0x44):
            at += 4 if code == 0x43 else 8
            stack.append(Constant(_F32 if code == 0x43 else _F64))
        elif code == 0x23:
            index, at = read_u32(data, at)
            if index >= len(globals_) or globals_[index].mutable:
                raise MalformedModule(f"a constant expression reads the global {index}, which it cannot", start)
            stack.append(Constant(globals_[index].type, globals_[index].value))
        elif code == 0xD0:
            reference, at = read_heap_type(data, at, types.texts)
            stack.append(Constant(reference))
        elif code == 0xD2:
            index, at = read_u32(data, at)
            if index >= len(functions):
                raise MalformedModule(f"a constant expression names the function {index} of {len(functions)}", start)
            stack.append(Constant(Value("R", functions[index])))
        elif code in _ARITHMETIC:
            if [one.type for one in stack[-2:]] != [_ARITHMETIC[code]] * 2:
                raise MalformedModule("a constant expression adds up what is not there", start)
            stack[-2:] = [Constant(_ARITHMETIC[code], _computed(code, stack[-2].value, stack[-1].value))]
        elif code == 0xFD:
            sub, at = read_u32(data, at)
            if sub != 12:  # v128.const
                raise MalformedModule(f"the instruction 0xfd {sub} is not constant", start)
            at += 16
            stack.append(Constant(_V128))
        elif code == 0xFB:
            from wasmimg.module.objects import read_object

            wanted, made, at = read_object(data, at, types, stack[-1].type if stack else None, len(stack))
            rest = len(stack) - len(wanted)
            if rest < 0 or not all(map(types.fits, (one.type for one in stack[rest:]), wanted)):
                raise MalformedModule("an object is made of other values than those of its type", start)
            stack[rest:] = [Constant(made)]
        else:
            raise MalformedModule(f"the instruction 0x{code:02x} is not constant", start)
    if len(stack) != 1:
        raise MalformedModule(f"a constant expression gives {len(stack)} values", begin)
    if at > len(data):
        raise MalformedModule("a constant expression is cut short", begin)
    return stack[-1], at


def _computed(code: int, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    bits = 32 if _ARITHMETIC[code] is _I32 else 64
    whole = (left + right, left - right, left * right)[(code - 0x6A) % 0x12]
    return (whole + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
