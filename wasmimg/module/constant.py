"""Constant expressions: what a global starts with, and where a segment goes.

Source: WebAssembly core specification 3.0, 3.4.14 (constant expressions) and 5.4 (instructions).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_s64, read_u32
from wasmimg.module.valtypes import Types, read_heap_type

__all__ = ["Constant", "Global", "read_constant"]

_END = 0x0B
_ARITHMETIC = {0x6A: "i", 0x6B: "i", 0x6C: "i", 0x7C: "I", 0x7D: "I", 0x7E: "I"}  # add, sub, mul
_GC_IMMEDIATES = {0: 1, 1: 1, 6: 1, 7: 1, 8: 2, 26: 0, 27: 0, 28: 0}  # struct.new ... ref.i31
_UNKNOWN = "?"  # of a garbage-collected value: what it holds is not followed


class Global(NamedTuple):
    """``letter`` is its type as in :mod:`wasmimg.module.valtypes`; ``value`` is a number known beforehand."""

    letter: str
    mutable: bool
    value: int | None


class Constant(NamedTuple):
    """The type and, for an integer that can be told from the module, the value."""

    letter: str
    value: int | None


def read_constant(
    data: memoryview, at: int, *, types: Types, functions: int, globals_: Sequence[Global]
) -> tuple[Constant, int]:
    """The expression at ``at`` up to its ``end``, and the offset behind it; raises MalformedModule."""
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
            stack.append(Constant("i" if code == 0x41 else "I", value))
        elif code in (0x43, 0x44):
            at += 4 if code == 0x43 else 8
            stack.append(Constant("f" if code == 0x43 else "F", None))
        elif code == 0x23:
            index, at = read_u32(data, at)
            if index >= len(globals_) or globals_[index].mutable:
                raise MalformedModule(f"a constant expression reads the global {index}, which it cannot", start)
            stack.append(Constant(globals_[index].letter, globals_[index].value))
        elif code == 0xD0:
            letter, at = read_heap_type(data, at, types)
            stack.append(Constant(letter, None))
        elif code == 0xD2:
            index, at = read_u32(data, at)
            if index >= functions:
                raise MalformedModule(f"a constant expression names the function {index} of {functions}", start)
            stack.append(Constant("r", None))
        elif code in _ARITHMETIC:
            if [one.letter for one in stack[-2:]] != [_ARITHMETIC[code]] * 2 and not _guessed(stack):
                raise MalformedModule("a constant expression adds up what is not there", start)
            stack[-2:] = [Constant(_ARITHMETIC[code], _computed(code, *(one.value for one in stack[-2:])))]
        elif code == 0xFD:
            sub, at = read_u32(data, at)
            if sub != 12:  # v128.const
                raise MalformedModule(f"the instruction 0xfd {sub} is not constant", start)
            at += 16
            stack.append(Constant("v", None))
        elif code == 0xFB:
            sub, at = read_u32(data, at)
            if sub not in _GC_IMMEDIATES:
                raise MalformedModule(f"the instruction 0xfb {sub} is not constant", start)
            for _ in range(_GC_IMMEDIATES[sub]):
                _, at = read_u32(data, at)
            stack = [Constant(_UNKNOWN, None)]
        else:
            raise MalformedModule(f"the instruction 0x{code:02x} is not constant", start)
    if not stack or (len(stack) > 1 and not _guessed(stack)):
        raise MalformedModule(f"a constant expression gives {len(stack)} values", begin)
    if at > len(data):
        raise MalformedModule("a constant expression is cut short", begin)
    return stack[-1], at


def _guessed(stack: list[Constant]) -> bool:
    return any(one.letter == _UNKNOWN for one in stack)


def _computed(code: int, *values: int | None) -> int | None:
    if len(values) != 2 or values[0] is None or values[1] is None:
        return None
    left, right = values[0], values[1]
    bits = 32 if _ARITHMETIC[code] == "i" else 64
    whole = (left + right, left - right, left * right)[(code - 0x6A) % 0x12]
    return (whole + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))
