"""What the sections of a module declare, for those behind them, and how all of them read what they share."""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.constant import Constant, Global, read_constant
from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.types import Types
from wasmimg.module.valtypes import Limits, Value

__all__ = ["MOST", "MOST_SEGMENTS", "TABLE_ELEMENTS", "Space", "Table"]

MOST = 1_000_000  # kV8MaxWasmFunctions, and imports, exports, globals, tags
MOST_SEGMENTS = 100_000  # kV8MaxWasmDataSegments, memories, tables
TABLE_ELEMENTS = 10_000_000  # kV8MaxWasmTableSize


class Table(NamedTuple):
    """``type`` is that of its elements."""

    type: Value
    limits: Limits


class Space:
    """What has a number, in the order of the numbers: imported ones first.

    Its methods raise MalformedModule.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.types = Types(data, 0, ())
        self.functions: list[int] = []  # the type of each
        self.tables: list[Table] = []
        self.memories: list[Limits] = []
        self.globals: list[Global] = []

    def count(self, at: int, end: int, most: int = MOST) -> tuple[int, int]:
        """How many entries there are, none of which is of less than a byte."""
        count, after = read_u32(self.data, at)
        if count > min(most, end - after):
            raise MalformedModule(f"a section cannot hold {count} entries", at)
        return count, after

    def byte(self, at: int, end: int) -> int:
        """The byte at ``at``, before ``end``."""
        if at >= end:
            raise MalformedModule("a section is cut short", at)
        return self.data[at]

    def signature(self, index: int, at: int) -> str:
        """The type of a function by its number, as text."""
        text = self.types.texts[index] if index < len(self.types.texts) else None
        if text is None:
            raise MalformedModule(f"the function type {index} does not exist", at)
        return text

    def constant(self, at: int, end: int, wanted: Value) -> tuple[Constant, int]:
        """A constant expression that gives what is wanted, and the offset behind it."""
        constant, after = read_constant(
            self.data[:end], at, types=self.types, functions=self.functions, globals_=self.globals
        )
        if not self.types.fits(constant.type, wanted):
            raise MalformedModule("a constant expression gives a value of another type", at)
        return constant, after
