"""All of a module but its code: types, imports, functions, memories, exports, segments.

What V8 refuses while it reads a module is refused here too, as far as it does not lie within a
function. Sources: WebAssembly core specification 3.0, 5.5 (binary format) and 3.5 (validation);
V8 src/wasm/module-decoder-impl.h and wasm-limits.h.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from wasmimg.module.constant import Global
from wasmimg.module.numbers import MalformedModule, read_name, read_u32, read_u32s
from wasmimg.module.reader import Section, Sections, read_sections
from wasmimg.module.segments import Segments
from wasmimg.module.space import MOST_SEGMENTS, TABLE_ELEMENTS, Space, Table
from wasmimg.module.types import read_types
from wasmimg.module.valtypes import NUMBERS, Limits, read_limits, read_reference_type, read_value_type

__all__ = ["KINDS", "Import", "Other", "Outline", "read_outline"]

KINDS = ("function", "table", "memory", "global", "tag")
_PAGES, _WIDE_PAGES = 1 << 16, 1 << 18  # kSpecMaxMemory32Pages, kSpecMaxMemory64Pages
_MANY = 1000
# An i32 and its first value; dynamic linking makes thousands of them, and nobody asks for the value of one.
_PLAIN_GLOBAL = rb"\x7f[\0\1]\x41(?:[\x80-\xff]{0,3}[\0-\x7f]|[\x80-\xff]{4}[\0-\x07\x78-\x7f])\x0b"
_PLAIN = (Global(NUMBERS["i"], False, None), Global(NUMBERS["i"], True, None))
_LARGEST_BODY = 7_654_321  # bytes; kV8MaxWasmFunctionSize


class Import(NamedTuple):
    """``kind`` is one of KINDS; ``type`` is a function's type, or that of the values in a global or table, as text.

    ``plain`` tells whether a function's type is as a host would write it: not open, and of no group.
    """

    module: str
    name: str
    kind: str
    type: str
    plain: bool = True

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Other(NamedTuple):
    """An export that is no function: ``kind`` is one of KINDS, ``type`` that of the values in a global or table."""

    kind: str
    type: str


class Outline(NamedTuple):
    """A well-formed module.

    ``functions`` are the exported ones, in order, each with its type as text; ``others`` are the other exports,
    by name. ``memories`` are the imported ones and then its own.
    ``overflows`` are the segments that lie outside of the memory or table they fill, in words; ``start`` tells
    of a start section, and ``unmade`` are imported memories and tables that no proxy makes, in words.
    """

    sections: Sections
    imports: tuple[Import, ...]
    functions: Mapping[str, str]
    others: Mapping[str, Other]
    memories: tuple[Limits, ...]
    imported_memories: int
    unmade: tuple[str, ...]
    overflows: tuple[str, ...]
    start: bool

    def named(self, name: str) -> Section | None:
        """The first custom section of that name."""
        return next((one for one in self.sections if one.number == 0 and one.name == name), None)


def read_outline(data: memoryview) -> Outline:
    """Read a core module; raises MalformedModule for what V8 would not take, code bodies aside."""
    return _Reader(data, read_sections(data)).outline()


class _Reader:
    """A module half read: each section needs what the earlier ones declared."""

    def __init__(self, data: memoryview, sections: Sections) -> None:
        self._data = data
        self._sections = sections
        self._space = Space(data)
        self._segments = Segments(self._space)
        self._defined = self._bodies = 0
        self._tags = 0
        self._imports: list[Import] = []
        self._exported: dict[str, str] = {}
        self._others: dict[str, Other] = {}
        self._start = False
        self._imported_memories = 0

    def outline(self) -> Outline:
        readers: dict[int, Callable[[int, int], int]] = {
            2: self._read_imports,
            3: self._read_functions,
            4: self._read_tables,
            5: self._read_memories,
            6: self._read_globals,
            7: self._read_exports,
            8: self._read_start,
            9: self._segments.read_elements,
            10: self._read_code,
            11: self._segments.read_data,
            12: self._segments.read_data_count,
            13: self._read_tags,
        }
        for section in self._sections:
            end = section.start + section.size
            if section.number == 1:
                self._space.types = read_types(self._data, section.start, end)
            elif section.number:
                at = readers[section.number](section.start, end)
                if at != end:
                    raise MalformedModule(f"the {section.name} section is not as long as its content", at)
        if self._bodies != self._defined:
            raise MalformedModule(
                f"the module declares {self._defined} functions and has code for {self._bodies}", len(self._data)
            )
        self._segments.check_count()
        return Outline(
            self._sections,
            tuple(self._imports),
            self._exported,
            self._others,
            tuple(self._space.memories),
            self._imported_memories,
            tuple(self._unmade()),
            tuple(self._segments.overflows),
            self._start,
        )

    def _unmade(self) -> Iterator[str]:
        """What is imported of a kind that wasm-c-api makes none of."""
        for memory in self._space.memories[: self._imported_memories]:
            if memory.shared or memory.wide:
                yield f"a {'shared' if memory.shared else '64-bit'} memory"
        for table in self._space.tables[: sum(one.kind == "table" for one in self._imports)]:
            if table.limits.wide or not table.type.nullable:
                yield f"a table {'with 64-bit indexes' if table.limits.wide else 'that cannot be empty'}"

    def _read_imports(self, at: int, end: int) -> int:
        count, at = self._space.count(at, end)
        for _ in range(count):
            module, at = read_name(self._data, at, end)
            name, at = read_name(self._data, at, end)
            kind, start, at = self._space.byte(at, end), at, at + 1
            signature, plain = "", True
            if kind == 0:
                index, at = read_u32(self._data, at)
                signature = self._space.signature(index, start)
                plain = self._space.types.is_plain(index)
                self._space.functions.append(index)
            elif kind == 1:
                at = self._read_table(at, imported=True)
                signature = self._space.tables[-1].type.letter
            elif kind == 2:
                at = self._read_memory(at)
            elif kind == 3:
                one, at = self._read_global_type(at, end)
                self._space.globals.append(one)
                signature = one.type.letter
            elif kind == 4:
                at = self._read_tag(at, end)
            else:
                raise MalformedModule(f"{kind} is no kind of import", start)
            self._imports.append(Import(module, name, KINDS[kind], signature, plain))
        self._imported_memories = len(self._space.memories)
        return at

    def _read_functions(self, at: int, end: int) -> int:
        count, at = self._space.count(at, end)
        indexes, after = read_u32s(self._data, at, count, end)
        for index in set(indexes):
            self._space.signature(index, at)
        self._space.functions.extend(indexes)
        self._defined = count
        return after

    def _read_table(self, at: int, *, imported: bool = False, filled: bool = False) -> int:
        start = at
        type_, at = read_reference_type(self._data, at, self._space.types.texts)
        if not (type_.nullable or imported or filled):
            raise MalformedModule("a table that cannot be empty has no first value", start)
        limits, after = read_limits(self._data, at, memory=False)
        if limits.least > TABLE_ELEMENTS:
            raise MalformedModule(f"a table starts with {limits.least} elements, and V8 takes {TABLE_ELEMENTS}", at)
        self._space.tables.append(Table(type_, limits))
        return after

    def _read_tables(self, at: int, end: int) -> int:
        count, at = self._space.count(at, end, MOST_SEGMENTS)
        for _ in range(count):
            filled = self._space.byte(at, end) == 0x40
            if filled and self._space.byte(at + 1, end) != 0:
                raise MalformedModule("a table with a first value is cut short", at)
            at = self._read_table(at + 2 if filled else at, filled=filled)
            if filled:
                _, at = self._space.constant(at, end, self._space.tables[-1].type)
        return at

    def _read_memory(self, at: int) -> int:
        limits, after = read_limits(self._data, at, memory=True)
        pages = _WIDE_PAGES if limits.wide else _PAGES
        if max(limits.least, limits.most or 0) > pages:
            raise MalformedModule(f"a memory of {max(limits.least, limits.most or 0)} pages is more than {pages}", at)
        self._space.memories.append(limits)
        return after

    def _read_memories(self, at: int, end: int) -> int:
        count, at = self._space.count(at, end, MOST_SEGMENTS)
        for _ in range(count):
            at = self._read_memory(at)
        return at

    def _read_global_type(self, at: int, end: int) -> tuple[Global, int]:
        type_, at = read_value_type(self._data, at, self._space.types.texts)
        if self._space.byte(at, end) > 1:
            raise MalformedModule("a global does not say whether it can change", at)
        return Global(type_, self._data[at] == 1, None), at + 1

    def _read_globals(self, at: int, end: int) -> int:
        space = self._space
        count, at = space.count(at, end)
        match = re.compile(_PLAIN_GLOBAL).match if count > _MANY else None
        for _ in range(count):
            if match is not None and (plain := match(self._data, at, end)):
                space.globals.append(_PLAIN[self._data[at + 1]])
                at = plain.end()
                continue
            one, at = self._read_global_type(at, end)
            constant, at = space.constant(at, end, one.type)
            space.globals.append(one._replace(value=constant.value))
        return at

    def _read_exports(self, at: int, end: int) -> int:
        space, data, exported, others = self._space, self._data, self._exported, self._others
        count, at = space.count(at, end)
        signatures = [space.types.texts[index] or "" for index in space.functions]
        known = (len(signatures), len(space.tables), len(space.memories), len(space.globals), self._tags)
        for _ in range(count):
            name, at = read_name(data, at, end)
            kind, start = space.byte(at, end), at
            if kind >= len(KINDS):
                raise MalformedModule(f"{kind} is no kind of export", start)
            index, at = read_u32(data, at + 1)
            if index >= known[kind]:
                raise MalformedModule(f"an export names the {KINDS[kind]} {index} of {known[kind]}", start)
            if kind:
                others[name] = Other(KINDS[kind], self._letter(kind, index))
            else:
                exported[name] = signatures[index]
        if len(exported) + len(others) != count or not exported.keys().isdisjoint(others):
            raise MalformedModule("two exports have the same name", end)
        return at

    def _letter(self, kind: int, index: int) -> str:
        space = self._space
        return space.tables[index].type.letter if kind == 1 else space.globals[index].type.letter if kind == 3 else ""

    def _read_start(self, at: int, end: int) -> int:
        index, after = read_u32(self._data, at)
        if index >= len(self._space.functions) or self._space.types.texts[self._space.functions[index]] != ">":
            raise MalformedModule("the start function takes or gives something, or is not there", at)
        self._start = True
        return after

    def _read_code(self, at: int, end: int) -> int:
        self._bodies, at = self._space.count(at, end)
        data = self._data
        for _ in range(self._bodies):
            if at + 1 >= end:
                raise MalformedModule("the code of a function is cut short", at)
            size, start = data[at], at + 1
            if size >= 128:  # most are of two bytes, and there are many: a call for each would cost as much as all else
                size, start = (size & 127 | data[start] << 7, at + 2) if data[start] < 128 else read_u32(data, at)
            at = start + size
            if at > end:
                raise MalformedModule("the code of a function is cut short", start)
            if size < 2:  # how many locals, and the end
                raise MalformedModule("a function has no code", start)
            if size > _LARGEST_BODY:
                raise MalformedModule(f"a function has {size} bytes of code, and V8 takes {_LARGEST_BODY}", start)
        return at

    def _read_tag(self, at: int, end: int) -> int:
        if self._space.byte(at, end) != 0:
            raise MalformedModule("a tag is no exception", at)
        index, after = read_u32(self._data, at + 1)
        if not self._space.signature(index, at).endswith(">"):
            raise MalformedModule("a tag gives a result", at)
        self._tags += 1
        return after

    def _read_tags(self, at: int, end: int) -> int:
        count, at = self._space.count(at, end)
        for _ in range(count):
            at = self._read_tag(at, end)
        return at
