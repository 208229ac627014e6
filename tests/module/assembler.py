"""An assembler of WebAssembly modules for tests: nothing is checked, so that broken ones can be made, too.

Types are short text as in ``ii>i``: parameters, ``>``, results, with i, I, f, F for i32, i64, f32, f64,
v for v128, r for funcref, x for externref, e for exnref and a for anyref.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "HEADER",
    "Function",
    "Import",
    "Module",
    "Section",
    "custom",
    "i32",
    "i64",
    "limits",
    "signature",
    "signed",
    "uleb",
    "vector",
    "word",
]

HEADER = b"\0asm\1\0\0\0"
_TYPES = {
    letter: bytes([code]) for letter, code in zip("iIfFvrxea", b"\x7f\x7e\x7d\x7c\x7b\x70\x6f\x69\x6e", strict=True)
}
# The order of the specification; the data count stands before the code.
_ORDER = (1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11)
_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)


def uleb(value: int, size: int = 1) -> bytes:
    """``value`` as unsigned LEB128, padded to ``size`` bytes."""
    out = bytearray()
    while value > 0x7F or len(out) < size - 1:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> bytes:
    """``value`` as signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def i32(value: int) -> bytes:
    """The instruction ``i32.const``; with ``0b`` behind it a constant expression."""
    return b"\x41" + signed(value)


def i64(value: int) -> bytes:
    """The instruction ``i64.const``."""
    return b"\x42" + signed(value)


def word(text: str | bytes) -> bytes:
    """A name: its length and its bytes."""
    data = text.encode() if isinstance(text, str) else text
    return uleb(len(data)) + data


def vector(items: Sequence[bytes]) -> bytes:
    """A count and the items."""
    return uleb(len(items)) + b"".join(items)


def values(letters: str) -> bytes:
    """A list of value types."""
    return vector([_TYPES[letter] for letter in letters])


def signature(text: str) -> bytes:
    """A function type, from text such as ``ii>i``."""
    parameters, results = text.split(">")
    return b"\x60" + values(parameters) + values(results)


def limits(least: int, most: int | None = None, *, shared: bool = False, wide: bool = False) -> bytes:
    """The limits of a memory or table; ``wide`` is memory64."""
    flags = (most is not None) | shared << 1 | wide << 2
    return bytes([flags]) + uleb(least) + (b"" if most is None else uleb(most))


def _size(entry: bytes) -> int:
    """How many types an entry of the type section is: a small group has several."""
    return entry[1] if entry[:1] == b"\x4e" else 1


class Section(NamedTuple):
    """Any section: its number, content, and (to lie) the bytes of its length."""

    number: int
    content: bytes
    length: bytes | None = None

    def __bytes__(self) -> bytes:
        length = uleb(len(self.content)) if self.length is None else self.length
        return bytes([self.number]) + length + self.content


def custom(name: str | bytes, content: bytes = b"") -> Section:
    """A custom section."""
    return Section(0, word(name) + content)


class Import(NamedTuple):
    """``what`` is the type of a function as text, or for another kind its number (0 to 4) and type as bytes."""

    module: str | bytes
    name: str | bytes
    what: str | bytes


class Function(NamedTuple):
    """``type`` is text or the index of a type, ``code`` is without locals and the last ``end``.

    ``body`` instead is everything behind the length.
    """

    type: str | int
    code: bytes = b""
    locals: tuple[tuple[int, str], ...] = ()
    body: bytes | None = None

    def __bytes__(self) -> bytes:
        declared = vector([uleb(count) + _TYPES[letter] for count, letter in self.locals])
        body = declared + self.code + b"\x0b" if self.body is None else self.body
        return uleb(len(body)) + body


@dataclass(frozen=True)
class Module:
    """A module in parts; ``bytes()`` makes it.

    ``exports`` are (name, kind, index); ``types`` are further types, as bytes, before those of the functions. ``instead``
    takes the place of the section with its number (None: leaves it out), ``before`` stands before the first section,
    ``behind`` after the last one, ``tail`` is no section at all.
    """

    types: tuple[bytes, ...] = ()
    imports: tuple[Import, ...] = ()
    functions: tuple[Function, ...] = ()
    tables: tuple[bytes, ...] = ()
    memories: tuple[bytes, ...] = ()
    tags: tuple[bytes, ...] = ()
    globals: tuple[bytes, ...] = ()
    exports: tuple[tuple[str | bytes, int, int], ...] = ()
    start: int | None = None
    elements: tuple[bytes, ...] = ()
    data_count: int | None = None
    data: tuple[bytes, ...] = ()
    instead: tuple[tuple[int, Section | None], ...] = ()
    before: tuple[Section, ...] = ()
    behind: tuple[Section, ...] = ()
    tail: bytes = b""
    header: bytes = HEADER

    def __bytes__(self) -> bytes:
        return self.header + b"".join(map(bytes, self.sections())) + self.tail

    def sections(self) -> list[Section]:
        """All of them, in the order in which they are written."""
        types = list(self.types)
        contents = self._contents(types)
        contents[1] = vector(types)
        made = {
            number: Section(number, content)
            for number, content in contents.items()
            if number in (8, 12) or content != b"\0"
        }
        replaced = dict(self.instead)
        listed: Iterable[Section | None] = (replaced.get(number, made.get(number)) for number in _ORDER)
        return [*self.before, *(one for one in listed if one is not None), *self.behind]

    def _contents(self, types: list[bytes]) -> dict[int, bytes]:
        def index(text: str | int) -> bytes:
            if isinstance(text, int):
                return uleb(text)
            code = signature(text)
            if code not in types:
                types.append(code)
            return uleb(sum(_size(one) for one in types[: types.index(code)]))

        imports = [
            word(one.module)
            + word(one.name)
            + (b"\0" + index(one.what) if isinstance(one.what, str) else bytes(one.what))
            for one in self.imports
        ]
        contents = {
            2: vector(imports),
            3: vector([index(one.type) for one in self.functions]),
            4: vector(self.tables),
            5: vector(self.memories),
            13: vector(self.tags),
            6: vector(self.globals),
            7: vector([word(name) + bytes([kind]) + uleb(place) for name, kind, place in self.exports]),
            9: vector(self.elements),
            10: vector([bytes(one) for one in self.functions]),
            11: vector(self.data),
        }
        if self.start is not None:
            contents[8] = uleb(self.start)
        if self.data_count is not None:
            contents[12] = uleb(self.data_count)
        return contents
