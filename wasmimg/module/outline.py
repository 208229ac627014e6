"""All of a module but its code: types, imports, functions, memories, exports, segments.

What V8 refuses while it reads a module is refused here too, as far as it does not lie within a
function. Sources: WebAssembly core specification 3.0, 5.5 (binary format) and 3.5 (validation);
V8 src/wasm/module-decoder-impl.h and wasm-limits.h.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from wasmimg.module.constant import Constant, Global, read_constant
from wasmimg.module.numbers import MalformedModule, read_name, read_u32, read_u32s
from wasmimg.module.reader import Section, Sections, read_sections
from wasmimg.module.types import read_types
from wasmimg.module.valtypes import Limits, family, read_limits, read_reference_type, read_value_type

__all__ = ["KINDS", "Import", "Other", "Outline", "read_outline"]

KINDS = ("function", "table", "memory", "global", "tag")
_PAGE_SIZE = 1 << 16  # bytes
_PAGES, _WIDE_PAGES = 1 << 16, 1 << 18  # kSpecMaxMemory32Pages, kSpecMaxMemory64Pages
_TABLE_ELEMENTS = 10_000_000  # kV8MaxWasmTableSize
_MOST = 1_000_000  # kV8MaxWasmFunctions, and imports, exports, globals, tags
_MOST_SEGMENTS = 100_000  # kV8MaxWasmDataSegments, memories, tables
_MANY = 1000
# An i32 and its first value; dynamic linking makes thousands of them, and nobody asks for the value of one.
_PLAIN_GLOBAL = re.compile(rb"\x7f[\0\1]\x41(?:[\x80-\xff]{0,3}[\0-\x7f]|[\x80-\xff]{4}[\0-\x07\x78-\x7f])\x0b")
_PLAIN = (Global("i", False, None), Global("i", True, None))
_WALKED_SEGMENTS = 4096  # Go cuts its data into 60,000 and more at each run of zeros: a walk over them takes 0.2 s
_LARGEST_BODY = 7_654_321  # bytes; kV8MaxWasmFunctionSize


class Import(NamedTuple):
    """``kind`` is one of KINDS; ``type`` is a function's type, or that of the values in a global or table, as text."""

    module: str
    name: str
    kind: str
    type: str

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


class _Table(NamedTuple):
    letter: str
    limits: Limits
    full: bool


class _Reader:
    """A module half read: each section needs what the earlier ones declared."""

    def __init__(self, data: memoryview, sections: Sections) -> None:
        self._data = data
        self._sections = sections
        self._types: list[str | None] = []
        self._functions: list[int] = []  # the type of each, imported ones first
        self._defined = 0
        self._tables: list[_Table] = []
        self._memories: list[Limits] = []
        self._globals: list[Global] = []
        self._tags = 0
        self._imports: list[Import] = []
        self._exported: dict[str, str] = {}
        self._others: dict[str, Other] = {}
        self._overflows: list[str] = []
        self._start = False
        self._declared_segments: int | None = None
        self._bodies = self._data_segments = 0
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
            9: self._read_elements,
            10: self._read_code,
            11: self._read_data,
            12: self._read_data_count,
            13: self._read_tags,
        }
        for section in self._sections:
            end = section.start + section.size
            if section.number == 1:
                self._types = read_types(self._data, section.start, end)
            elif section.number:
                at = readers[section.number](section.start, end)
                if at != end:
                    raise MalformedModule(f"the {section.name} section is not as long as its content", at)
        if self._bodies != self._defined:
            raise MalformedModule(
                f"the module declares {self._defined} functions and has code for {self._bodies}", len(self._data)
            )
        if self._declared_segments not in (None, self._data_segments):
            raise MalformedModule(
                f"the module declares {self._declared_segments} data segments and has {self._data_segments}",
                len(self._data),
            )
        return Outline(
            self._sections,
            tuple(self._imports),
            self._exported,
            self._others,
            tuple(self._memories),
            self._imported_memories,
            tuple(self._unmade()),
            tuple(self._overflows),
            self._start,
        )

    def _unmade(self) -> Iterator[str]:
        """What is imported of a kind that wasm-c-api makes none of."""
        for memory in self._memories[: self._imported_memories]:
            if memory.shared or memory.wide:
                yield f"a {'shared' if memory.shared else '64-bit'} memory"
        for table in self._tables[: sum(one.kind == "table" for one in self._imports)]:
            if table.limits.wide or table.full:
                yield f"a table {'with 64-bit indexes' if table.limits.wide else 'that cannot be empty'}"

    def _count(self, at: int, end: int, most: int = _MOST) -> tuple[int, int]:
        count, after = read_u32(self._data, at)
        if count > min(most, end - after):
            raise MalformedModule(f"a section cannot hold {count} entries", at)
        return count, after

    def _byte(self, at: int, end: int) -> int:
        if at >= end:
            raise MalformedModule("a section is cut short", at)
        return self._data[at]

    def _signature(self, index: int, at: int) -> str:
        if index >= len(self._types) or self._types[index] is None:
            raise MalformedModule(f"the function type {index} does not exist", at)
        return self._types[index] or ""

    def _read_imports(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        for _ in range(count):
            module, at = read_name(self._data, at, end)
            name, at = read_name(self._data, at, end)
            kind, start, at = self._byte(at, end), at, at + 1
            signature = ""
            if kind == 0:
                index, at = read_u32(self._data, at)
                signature = self._signature(index, start)
                self._functions.append(index)
            elif kind == 1:
                at = self._read_table(at, imported=True)
                signature = self._tables[-1].letter
            elif kind == 2:
                at = self._read_memory(at)
            elif kind == 3:
                one, at = self._read_global_type(at, end)
                self._globals.append(one)
                signature = one.letter
            elif kind == 4:
                at = self._read_tag(at, end)
            else:
                raise MalformedModule(f"{kind} is no kind of import", start)
            self._imports.append(Import(module, name, KINDS[kind], signature))
        self._imported_memories = len(self._memories)
        return at

    def _read_functions(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        indexes, after = read_u32s(self._data, at, count, end)
        for index in set(indexes):
            self._signature(index, at)
        self._functions.extend(indexes)
        self._defined = count
        return after

    def _read_table(self, at: int, *, imported: bool = False, filled: bool = False) -> int:
        full = at < len(self._data) and self._data[at] == 0x64  # (ref HEAP), which null is not of
        if full and not (imported or filled):
            raise MalformedModule("a table that cannot be empty has no first value", at)
        letter, at = read_reference_type(self._data, at, self._types)
        limits, after = read_limits(self._data, at, memory=False)
        if limits.least > _TABLE_ELEMENTS:
            raise MalformedModule(f"a table starts with {limits.least} elements, and V8 takes {_TABLE_ELEMENTS}", at)
        self._tables.append(_Table(letter, limits, full))
        return after

    def _read_tables(self, at: int, end: int) -> int:
        count, at = self._count(at, end, _MOST_SEGMENTS)
        for _ in range(count):
            filled = self._byte(at, end) == 0x40
            if filled and self._byte(at + 1, end) != 0:
                raise MalformedModule("a table with a first value is cut short", at)
            at = self._read_table(at + 2 if filled else at, filled=filled)
            if filled:
                _, at = self._read_constant(at, end, self._tables[-1].letter)
        return at

    def _read_memory(self, at: int) -> int:
        limits, after = read_limits(self._data, at, memory=True)
        pages = _WIDE_PAGES if limits.wide else _PAGES
        if max(limits.least, limits.most or 0) > pages:
            raise MalformedModule(f"a memory of {max(limits.least, limits.most or 0)} pages is more than {pages}", at)
        self._memories.append(limits)
        return after

    def _read_memories(self, at: int, end: int) -> int:
        count, at = self._count(at, end, _MOST_SEGMENTS)
        for _ in range(count):
            at = self._read_memory(at)
        return at

    def _read_global_type(self, at: int, end: int) -> tuple[Global, int]:
        letter, at = read_value_type(self._data, at, self._types)
        if self._byte(at, end) > 1:
            raise MalformedModule("a global does not say whether it can change", at)
        return Global(letter, self._data[at] == 1, None), at + 1

    def _read_globals(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        for _ in range(count):
            if count > _MANY and (plain := _PLAIN_GLOBAL.match(self._data, at, end)):
                self._globals.append(_PLAIN[self._data[at + 1]])
                at = plain.end()
                continue
            one, at = self._read_global_type(at, end)
            constant, at = self._read_constant(at, end, one.letter)
            self._globals.append(one._replace(value=constant.value))
        return at

    def _read_constant(self, at: int, end: int, wanted: str) -> tuple[Constant, int]:
        constant, after = read_constant(
            self._data[:end], at, types=self._types, functions=len(self._functions), globals_=self._globals
        )
        if family(constant.letter) not in (family(wanted), "?"):
            raise MalformedModule("a constant expression gives a value of another type", at)
        return constant, after

    def _read_exports(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        data, exported, others = self._data, self._exported, self._others
        signatures = [self._types[index] or "" for index in self._functions]
        known = (len(signatures), len(self._tables), len(self._memories), len(self._globals), self._tags)
        for _ in range(count):
            name, at = read_name(data, at, end)
            kind, start = self._byte(at, end), at
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
        return self._tables[index].letter if kind == 1 else self._globals[index].letter if kind == 3 else ""

    def _read_start(self, at: int, end: int) -> int:
        index, after = read_u32(self._data, at)
        if index >= len(self._functions) or self._types[self._functions[index]] != ">":
            raise MalformedModule("the start function takes or gives something, or is not there", at)
        self._start = True
        return after

    def _read_elements(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        for _ in range(count):
            start = at
            flags, at = read_u32(self._data, at)
            if flags > 7:
                raise MalformedModule(f"0x{flags:02x} are no flags of an element segment", start)
            active, indexed, expressions = not flags & 1, flags & 3 == 2, bool(flags & 4)
            if active:
                table = 0
                if indexed:
                    table, at = read_u32(self._data, at)
                if table >= len(self._tables):
                    raise MalformedModule(f"an element segment is for the table {table}, which is not there", start)
                place, at = self._read_constant(at, end, "I" if self._tables[table].limits.wide else "i")
            letter = "r"
            if flags & 3:
                if expressions and active:
                    letter, at = read_reference_type(self._data, at, self._types)
                elif expressions:  # V8 takes any type where no table does
                    letter, at = read_value_type(self._data, at, self._types)
                elif self._byte(at, end) != 0:
                    raise MalformedModule("an element segment holds no functions", at)
                else:
                    at += 1
            if active and family(self._tables[table].letter) != family(letter):
                raise MalformedModule(f"an element segment holds what the table {table} does not", start)
            size, at = self._read_members(at, end, letter if expressions else "")
            if active:
                limits = self._tables[table].limits
                self._compare(f"an element segment for table {table}", place.value, size, limits.least, limits.wide)
        return at

    def _compare(self, what: str, start: int | None, size: int, room: int, wide: bool) -> None:
        if start is not None:
            start %= 1 << (64 if wide else 32)
            if start + size > room:
                self._overflows.append(f"{what} ends at {start + size}, and there are {room} at the start")

    def _read_members(self, at: int, end: int, letter: str) -> tuple[int, int]:
        size, at = self._count(at, end, _TABLE_ELEMENTS)
        if letter:
            for _ in range(size):
                _, at = self._read_constant(at, end, letter)
            return size, at
        members, after = read_u32s(self._data, at, size, end)
        if size and max(members) >= len(self._functions):
            raise MalformedModule(f"an element segment names the function {max(members)}, which is not there", at)
        return size, after

    def _read_code(self, at: int, end: int) -> int:
        self._bodies, at = self._count(at, end)
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

    def _read_data_count(self, at: int, end: int) -> int:
        self._declared_segments, at = read_u32(self._data, at)
        return at

    def _read_data(self, at: int, end: int) -> int:
        self._data_segments, at = self._count(at, end, _MOST_SEGMENTS)
        if self._data_segments > _WALKED_SEGMENTS:
            return end
        for _ in range(self._data_segments):
            start = at
            flags, at = read_u32(self._data, at)
            if flags > 2:
                raise MalformedModule(f"0x{flags:02x} are no flags of a data segment", start)
            memory, place = 0, None
            if flags == 2:
                memory, at = read_u32(self._data, at)
            if flags != 1:
                if memory >= len(self._memories):
                    raise MalformedModule(f"a data segment is for the memory {memory}, which is not there", start)
                place, at = self._read_constant(at, end, "I" if self._memories[memory].wide else "i")
            size, at = read_u32(self._data, at)
            at += size
            if at > end:
                raise MalformedModule("a data segment is cut short", start)
            if place is not None:
                limits = self._memories[memory]
                room = limits.least * _PAGE_SIZE
                self._compare(f"a data segment for memory {memory}", place.value, size, room, limits.wide)
        return at

    def _read_tag(self, at: int, end: int) -> int:
        if self._byte(at, end) != 0:
            raise MalformedModule("a tag is no exception", at)
        index, after = read_u32(self._data, at + 1)
        if not self._signature(index, at).endswith(">"):
            raise MalformedModule("a tag gives a result", at)
        self._tags += 1
        return after

    def _read_tags(self, at: int, end: int) -> int:
        count, at = self._count(at, end)
        for _ in range(count):
            at = self._read_tag(at, end)
        return at
