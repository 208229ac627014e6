"""Value types and function types, written as short text.

A function type is its parameters, ``>`` and its results, one letter a value: ``iI>i`` takes an i32 and an
i64 and gives an i32. The letters are i, I, f, F for i32, i64, f32, f64, and v for v128. References, which
no host function has, are told apart by their family: r for functions, x for external ones, a for
garbage-collected ones and e for exceptions; R and X are types of those families that are narrower than
funcref and externref. Where that is too coarse, a :class:`Value` says it all.

Sources: WebAssembly core specification 3.0, 5.3 (types); V8 src/wasm/wasm-constants.h.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_s64, read_u32, read_u64

__all__ = [
    "FUNCREF",
    "LONGEST",
    "NUMBERS",
    "Limits",
    "Texts",
    "Value",
    "in_words",
    "read_heap_type",
    "read_limits",
    "read_reference_type",
    "read_value_type",
    "read_value_types",
]


class Value(NamedTuple):
    """The type of a value.

    ``heap`` is, of a reference, the index of the type it refers to, or the number below 0 of an
    abstract one; None of a number or vector.
    """

    letter: str
    heap: int | None = None
    nullable: bool = False


_LETTERS = {0x7F: "i", 0x7E: "I", 0x7D: "f", 0x7C: "F", 0x7B: "v"}
_NUMERIC = bytes.maketrans(bytes(_LETTERS), "".join(_LETTERS.values()).encode())
# exn, array, struct, i31, eq, any, extern, func, none, noextern, nofunc, noexn; 0x67 and 0x68 belong to proposals
_HEAPS = {
    **dict.fromkeys((0x69, 0x74), "e"),
    **dict.fromkeys((0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x71), "a"),
    0x6F: "x",
    0x72: "X",
    0x70: "r",
    0x73: "R",
}
_WORDS = {
    "i": "i32",
    "I": "i64",
    "f": "f32",
    "F": "f64",
    "v": "v128",
    "r": "funcref",
    "R": "funcref",
    "X": "externref",
    "x": "externref",
    "a": "anyref",
    "e": "exnref",
}
Texts = Sequence[str | None]  # a function's type as text, None for another one
LONGEST = 1000  # kV8MaxWasmFunctionParams and kV8MaxWasmFunctionReturns

NUMBERS = {letter: Value(letter) for letter in _LETTERS.values()}
_VALUES = {
    **{code: NUMBERS[letter] for code, letter in _LETTERS.items()},
    **{code: Value(letter, code - 0x80, nullable=True) for code, letter in _HEAPS.items()},
}
FUNCREF = _VALUES[0x70]


class Limits(NamedTuple):
    """Of a memory (in pages) or a table (in elements); ``wide`` is that of memory64."""

    least: int
    most: int | None
    shared: bool
    wide: bool


def in_words(signature: str) -> str:
    """``ii>i`` as proxies print it: ``i32 i32 -> i32``."""
    sides = (" ".join(_WORDS[letter] for letter in side) or "void" for side in signature.split(">"))
    return " -> ".join(sides)


def read_value_types(data: memoryview, at: int, types: Texts) -> tuple[str, int]:
    """A list of value types as letters, and the offset behind it; raises MalformedModule."""
    count, at = read_u32(data, at)
    if count > LONGEST:
        raise MalformedModule(f"a function type has {count} values on one side, and V8 takes {LONGEST}", at)
    plain = bytes(data[at : at + count])
    if not plain.translate(None, bytes(_LETTERS)) and len(plain) == count:
        return plain.translate(_NUMERIC).decode(), at + count
    letters = []
    for _ in range(count):
        value, at = read_value_type(data, at, types)
        letters.append(value.letter)
    return "".join(letters), at


def read_value_type(data: memoryview, at: int, types: Texts) -> tuple[Value, int]:
    """A value type, and the offset behind it; a reference may name one of ``types``. Raises MalformedModule."""
    if at >= len(data):
        raise MalformedModule("a type is cut short", at)
    byte = data[at]
    if byte in _VALUES:
        return _VALUES[byte], at + 1
    if byte in (0x63, 0x64):
        return read_heap_type(data, at + 1, types, nullable=byte == 0x63)
    raise MalformedModule(f"0x{byte:02x} is no type of a value", at)


def read_reference_type(data: memoryview, at: int, types: Texts) -> tuple[Value, int]:
    """The type of a reference, and the offset behind it; raises MalformedModule."""
    value, after = read_value_type(data, at, types)
    if value.heap is None:
        raise MalformedModule(f"0x{data[at]:02x} is no reference type", at)
    return value, after


def read_heap_type(data: memoryview, at: int, types: Texts, *, nullable: bool = True) -> tuple[Value, int]:
    """The type of a reference to a heap type, and the offset behind it; raises MalformedModule."""
    heap, after = read_s64(data, at, 33)
    if heap >= 0:
        if heap < len(types):
            return Value("a" if types[heap] is None else "R", heap, nullable), after
    elif heap + 0x80 in _HEAPS:
        return Value(_HEAPS[heap + 0x80], heap, nullable), after
    raise MalformedModule(f"the heap type {heap} does not exist", at)


def read_limits(data: memoryview, at: int, *, memory: bool) -> tuple[Limits, int]:
    """The limits of a memory or a table, and the offset behind them; raises MalformedModule."""
    if at >= len(data):
        raise MalformedModule("limits are cut short", at)
    flags = data[at]
    if flags & ~(0b111 if memory else 0b101):
        raise MalformedModule(f"0x{flags:02x} are no flags of limits", at)
    shared, wide = bool(flags & 2), bool(flags & 4)
    if shared and not flags & 1:
        raise MalformedModule("a shared memory has no maximum", at)
    read = read_u64 if wide else read_u32
    least, after = read(data, at + 1)
    most = None
    if flags & 1:
        most, after = read(data, after)
        if most < least:
            raise MalformedModule(f"limits end at {most}, below their start at {least}", at)
    return Limits(least, most, shared, wide), after
