"""The type section.

Sources: WebAssembly core specification 3.0, 5.3.8 and 5.5.4; V8 src/wasm/module-decoder-impl.h.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.valtypes import FUNCREF, Texts, Value, read_value_types

if TYPE_CHECKING:
    from wasmimg.module.definitions import Definitions
    from wasmimg.module.subtypes import Definition
__all__ = ["Types", "read_types"]

_FUNCTION = 0x60
_MOST = 1_000_000  # kV8MaxWasmTypes


class Types:
    """The types of a module: ``texts`` has a function's as text, and None for another one's.

    What text is too coarse for is read when it is asked for, as hardly any module needs it.
    """

    def __init__(self, data: memoryview, at: int, texts: Texts | None = None) -> None:
        self._data = data
        self._at = at
        self._plain = texts is not None
        self.texts = self._definitions.texts if texts is None else texts

    @cached_property
    def _definitions(self) -> Definitions:
        from wasmimg.module.definitions import read_definitions

        return read_definitions(self._data, self._at)

    def defined(self, index: int) -> Definition:
        """All about one of the types."""
        return self._definitions.types[index]

    def fits(self, value: Value, wanted: Value) -> bool:
        """Whether a value of the one type may stand where the other is wanted."""
        if value == wanted:
            return True
        if value.heap is None or wanted.heap is None or (value.nullable and not wanted.nullable):
            return False
        if value.heap == wanted.heap:
            return True
        if self._plain and value.heap >= 0 > wanted.heap:  # all are functions
            return wanted.heap == FUNCREF.heap
        from wasmimg.module.subtypes import fits

        return fits(value, wanted, self._definitions.types)

    def is_plain(self, index: int) -> bool:
        """Whether the type is as a host would write it: without a group, a parent and children."""
        if self._plain:
            return True
        one = self.defined(index)
        return one.alone and one.final and one.parent is None


def read_types(data: memoryview, at: int, end: int) -> Types:
    """The type section; raises MalformedModule."""
    within, start = data[:end], at
    count, at = read_u32(within, at)
    if count > min(_MOST, end - at):
        raise MalformedModule(f"the type section cannot hold {count} types", at)
    found: list[str | None] = []
    for _ in range(count):
        if at >= end:
            raise MalformedModule("the type section is cut short", at)
        if within[at] != _FUNCTION:  # only a module with garbage-collected objects has such
            return Types(within, start)
        found.append(None)  # a type may name itself
        parameters, at = read_value_types(within, at + 1, found)
        results, at = read_value_types(within, at, found)
        found[-1] = f"{parameters}>{results}"
    if at != end:
        raise MalformedModule("the type section is longer than its types", at)
    return Types(within, start, found)
