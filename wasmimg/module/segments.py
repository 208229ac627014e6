"""The segments: what is written into tables and memories at the start.

Sources: WebAssembly core specification 3.0, 5.5.12, 5.5.14 and 5.5.16; V8 src/wasm/module-decoder-impl.h.
"""

from __future__ import annotations

from wasmimg.module.numbers import MalformedModule, read_u32, read_u32s
from wasmimg.module.space import MOST_SEGMENTS, TABLE_ELEMENTS, Space
from wasmimg.module.valtypes import FUNCREF, NUMBERS, Value, read_reference_type, read_value_type

__all__ = ["Segments"]

_PAGE_SIZE = 1 << 16  # bytes
_I32, _I64 = NUMBERS["i"], NUMBERS["I"]
_FUNCTION = FUNCREF._replace(nullable=False)  # what is named by its number
_WALKED_SEGMENTS = 4096  # Go cuts its data into 60,000 and more at each run of zeros: a walk over them takes 0.2 s


class Segments:
    """The segments of a module half read; ``overflows`` are those that lie outside of what they fill, in words."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.overflows: list[str] = []
        self._declared: int | None = None
        self._count = 0

    def check_count(self) -> None:
        """Raises MalformedModule if there are not as many data segments as were declared."""
        if self._declared not in (None, self._count):
            raise MalformedModule(
                f"the module declares {self._declared} data segments and has {self._count}",
                len(self._space.data),
            )

    def read_elements(self, at: int, end: int) -> int:
        """The element section; gives the offset behind it and raises MalformedModule, as the others do."""
        count, at = self._space.count(at, end)
        for _ in range(count):
            start = at
            flags, at = read_u32(self._space.data, at)
            if flags > 7:
                raise MalformedModule(f"0x{flags:02x} are no flags of an element segment", start)
            active, indexed, expressions = not flags & 1, flags & 3 == 2, bool(flags & 4)
            if active:
                table = 0
                if indexed:
                    table, at = read_u32(self._space.data, at)
                if table >= len(self._space.tables):
                    raise MalformedModule(f"an element segment is for the table {table}, which is not there", start)
                place, at = self._space.constant(at, end, _I64 if self._space.tables[table].limits.wide else _I32)
            type_ = _FUNCTION
            if flags & 3:
                if expressions and active:
                    type_, at = read_reference_type(self._space.data, at, self._space.types.texts)
                elif expressions:  # V8 takes any type where no table does
                    type_, at = read_value_type(self._space.data, at, self._space.types.texts)
                elif self._space.byte(at, end) != 0:
                    raise MalformedModule("an element segment holds no functions", at)
                else:
                    at += 1
            elif expressions:
                type_ = FUNCREF
            if active and not self._space.types.fits(type_, self._space.tables[table].type):
                raise MalformedModule(f"an element segment holds what the table {table} does not", start)
            size, at = self._read_members(at, end, type_ if expressions else None)
            if active:
                limits = self._space.tables[table].limits
                self._compare(f"an element segment for table {table}", place.value, size, limits.least, limits.wide)
        return at

    def _compare(self, what: str, start: int | None, size: int, room: int, wide: bool) -> None:
        if start is not None:
            start %= 1 << (64 if wide else 32)
            if start + size > room:
                self.overflows.append(f"{what} ends at {start + size}, and there are {room} at the start")

    def _read_members(self, at: int, end: int, type_: Value | None) -> tuple[int, int]:
        size, at = self._space.count(at, end, TABLE_ELEMENTS)
        if type_:
            for _ in range(size):
                _, at = self._space.constant(at, end, type_)
            return size, at
        members, after = read_u32s(self._space.data, at, size, end)
        if size and max(members) >= len(self._space.functions):
            raise MalformedModule(f"an element segment names the function {max(members)}, which is not there", at)
        return size, after

    def read_data_count(self, at: int, end: int) -> int:
        """The section that says how many data segments there are."""
        self._declared, at = read_u32(self._space.data, at)
        return at

    def read_data(self, at: int, end: int) -> int:
        """The data section."""
        self._count, at = self._space.count(at, end, MOST_SEGMENTS)
        if self._count > _WALKED_SEGMENTS:
            return end
        for _ in range(self._count):
            start = at
            flags, at = read_u32(self._space.data, at)
            if flags > 2:
                raise MalformedModule(f"0x{flags:02x} are no flags of a data segment", start)
            memory, place = 0, None
            if flags == 2:
                memory, at = read_u32(self._space.data, at)
            if flags != 1:
                if memory >= len(self._space.memories):
                    raise MalformedModule(f"a data segment is for the memory {memory}, which is not there", start)
                place, at = self._space.constant(at, end, _I64 if self._space.memories[memory].wide else _I32)
            size, at = read_u32(self._space.data, at)
            at += size
            if at > end:
                raise MalformedModule("a data segment is cut short", start)
            if place is not None:
                limits = self._space.memories[memory]
                room = limits.least * _PAGE_SIZE
                self._compare(f"a data segment for memory {memory}", place.value, size, room, limits.wide)
        return at
