"""Element and data segments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Section, i32, i64, limits, signature, uleb, word
from tests.module.zoo.specimen import (
    BYTECODE,
    INSTANCE,
    Fate,
    Specimen,
    active,
    global_,
    indexes,
    plugin,
    response,
    table,
)

_GREETING = active(16, b"x-wasmimgok")
_BEYOND: dict[str, Any] = {"fate": "refused", "words": INSTANCE}
_BAD: dict[str, Any] = {"fate": "refused", "words": BYTECODE}


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _elements()
    yield from _places()
    yield from _data()
    yield from _counts()


def _at(place: int) -> bytes:
    return i32(place) + b"\x0b"


def _elements() -> Iterator[Specimen]:
    def one(
        name: str, what: str, segment: bytes, *, fate: Fate = "header", words: str = "", **changes: Any
    ) -> Specimen:
        changes = {"tables": (table(b"\x70", 4),), **changes}
        return Specimen(f"element-{name}", what, bytes(plugin(elements=(segment,), **changes)), fate, words)

    two, null = indexes(1, 2), b"\xd0\x70\x0b"
    yield one("0", "for the first table", b"\0" + _at(0) + two)
    yield one("1", "passive", b"\1\0" + two)
    yield one("2", "for a table that is named", b"\2\0" + _at(0) + b"\0" + two)
    yield one("3", "declared", b"\3\0" + two)
    yield one("4", "expressions for the first table", b"\4" + _at(0) + b"\2\xd2\1\x0b" + null)
    yield one("5", "passive expressions", b"\5\x70\1" + null)
    yield one("6", "expressions for a table that is named", b"\6\0" + _at(0) + b"\x70\1" + null)
    yield one("7", "declared expressions", b"\7\x70\1" + null)
    yield one("8", "unknown flags", b"\x08" + _at(0) + two, **_BAD)
    yield one("kind-1", "of an unknown kind", b"\1\1" + two, **_BAD)
    yield one("no-table", "for a table, without one", b"\0" + _at(0) + two, tables=(), **_BAD)
    yield one(
        "empty-no-table", "without elements, for a table that is not there", b"\0" + _at(0) + b"\0", tables=(), **_BAD
    )
    yield one("passive-no-table", "passive, without a table", b"\1\0" + two, tables=())
    yield one("table-beyond", "for a table that is not there", b"\2\1" + _at(0) + b"\0" + two, **_BAD)
    yield one("function-beyond", "of a function that is not there", b"\0" + _at(0) + indexes(77), **_BAD)
    yield one("declared-function-beyond", "declared, of a function that is not there", b"\3\0" + indexes(77), **_BAD)
    yield one("offset-i64", "at a 64-bit index", b"\0" + i64(0) + b"\x0b" + two, **_BAD)
    wide = (b"\x70" + limits(4, wide=True),)
    yield one("wide", "at a 64-bit index of such a table", b"\0" + i64(0) + b"\x0b" + two, tables=wide)
    yield one("wide-narrow", "at a 32-bit index of a 64-bit table", b"\0" + _at(0) + two, tables=wide, **_BAD)
    yield one(
        "externref",
        "functions for a table of external references",
        b"\0" + _at(0) + two,
        tables=(table(b"\x6f", 4),),
        **_BAD,
    )
    yield one(
        "expressions-externref",
        "external references",
        b"\6\0" + _at(0) + b"\x6f\1\xd0\x6f\x0b",
        tables=(table(b"\x6f", 4),),
    )
    yield one("expression-mismatch", "an external reference among functions", b"\5\x70\1\xd0\x6f\x0b", **_BAD)
    yield one("expression-of-number", "a number among functions", b"\5\x70\1" + _at(0), **_BAD)
    yield one("type-bad", "of a type that is none", b"\5\x40\1" + _at(0), **_BAD)
    yield one("numbers", "passive numbers, which V8 takes", b"\5\x7f\1" + _at(0))
    yield one("numbers-declared", "declared numbers, which V8 takes", b"\7\x7e\1" + i64(0) + b"\x0b")
    yield one("numbers-mismatch", "an empty reference among numbers", b"\5\x7f\1" + null, **_BAD)
    yield one("numbers-active", "numbers for a table", b"\6\0" + _at(0) + b"\x7f\1" + _at(0), **_BAD)
    yield one("typed", "of one type of function", b"\5\x63\0\1\xd0\0\x0b", types=(signature(">"),))
    yield one(
        "nullable-for-non-null",
        "that may be empty, for a table that may not",
        b"\6\0" + _at(0) + b"\x70\1" + null,
        tables=(b"\x40\0\x64\x70" + limits(1) + b"\xd2\1\x0b",),
        **_BAD,
    )
    yield one(
        "functions-for-non-null",
        "functions, for a table that may not be empty",
        b"\0" + _at(0) + indexes(1),
        tables=(b"\x40\0\x64\x70" + limits(1) + b"\xd2\1\x0b",),
    )
    yield one(
        "functions-for-any",
        "functions, for a table of any references",
        b"\0" + _at(0) + two,
        tables=(table(b"\x6e", 4),),
        **_BAD,
    )
    yield one(
        "i31-for-eq",
        "small numbers, for a table of comparable ones",
        b"\6\0" + _at(0) + b"\x6c\1" + i32(3) + b"\xfb\x1c\x0b",
        tables=(table(b"\x6d", 4),),
    )
    yield one("cut", "shorter than it says", b"\0" + _at(0) + b"\5\1", **_BAD)
    yield one("padded", "with every number in five bytes", uleb(0, 5) + _at(0) + uleb(1, 5) + uleb(1, 5))


def _places() -> Iterator[Specimen]:
    def one(
        name: str, what: str, place: bytes, size: int, *, fate: Fate = "header", words: str = "", **changes: Any
    ) -> Specimen:
        segment = b"\0" + place + b"\x0b" + indexes(*(1 for _ in range(size)))
        changes = {"tables": (table(b"\x70", 4),), **changes}
        return Specimen(f"element-at-{name}", what, bytes(plugin(elements=(segment,), **changes)), fate, words)

    yield one("end", "up to the end of the table", i32(2), 2)
    yield one("beyond", "one behind the end", i32(3), 2, **_BEYOND)
    yield one("end-empty", "nothing at the end", i32(4), 0)
    yield one("beyond-empty", "nothing behind the end", i32(5), 0, **_BEYOND)
    yield one("minus-one", "at -1", i32(-1), 1, **_BEYOND)
    yield one("grown", "behind the minimum, within the maximum", i32(4), 1, tables=(table(b"\x70", 4, 9),), **_BEYOND)
    yield one("sum", "at a sum", i32(1) + i32(1) + b"\x6a", 2)
    yield one("sum-beyond", "at a sum behind the end", i32(2) + i32(1) + b"\x6a", 2, **_BEYOND)
    number = (global_(0x7F, i32(3)),)
    yield one("global", "at a global", b"\x23\0", 1, globals=number)
    yield one("global-beyond", "at a global, behind the end", b"\x23\0", 2, globals=number, **_BEYOND)
    yield one(
        "changing-global", "at a global that can change", b"\x23\0", 1, globals=(global_(0x7F, i32(0), 1),), **_BAD
    )


def _data() -> Iterator[Specimen]:
    def one(name: str, what: str, *segments: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        return Specimen(f"data-{name}", what, bytes(plugin(data=(_GREETING, *segments), **changes)), fate, words)

    yield one("passive", "passive", b"\1" + word(b"later"))
    yield one("named-memory", "for a memory that is named", b"\2\0" + _at(64) + word(b"x"))
    yield one("flags-3", "unknown flags", b"\3\0" + _at(64) + word(b"x"), **_BAD)
    yield one("memory-beyond", "for a memory that is not there", b"\2\1" + _at(64) + word(b"x"), **_BAD)
    yield one("end", "up to the end of the memory", active(65535, b"x"))
    yield one("beyond", "one behind the end", active(65535, b"xy"), **_BEYOND)
    yield one("far-beyond", "far behind the end", active(1 << 20, b"xy"), **_BEYOND)
    yield one("end-empty", "nothing at the end", active(65536, b""))
    yield one("beyond-empty", "nothing behind the end", active(65537, b""), **_BEYOND)
    yield one("minus-one", "at -1", active(-1, b"x"), **_BEYOND)
    yield one("minus-one-empty", "nothing at -1", active(-1, b""), **_BEYOND)
    yield one(
        "grown", "behind the minimum, within the maximum", active(65536, b"x"), memories=(limits(1, 2),), **_BEYOND
    )
    yield one("offset-i64", "at a 64-bit address", active(64, b"x", wide=True), **_BAD)
    yield one("offset-f32", "at an address with a fraction", b"\0\x43" + bytes(4) + b"\x0b" + word(b"x"), **_BAD)
    yield one("offset-none", "at no address", b"\0\x0b" + word(b"x"), **_BAD)
    yield one("sum", "at a sum", b"\0" + i32(64) + i32(1) + b"\x6a\x0b" + word(b"x"))
    yield one(
        "sum-beyond", "at a sum behind the end", b"\0" + i32(65535) + i32(1) + b"\x6a\x0b" + word(b"x"), **_BEYOND
    )
    yield one("global", "at a global", b"\0\x23\0\x0b" + word(b"x"), globals=(global_(0x7F, i32(64)),))
    yield one(
        "global-beyond",
        "at a global behind the end",
        b"\0\x23\0\x0b" + word(b"x"),
        globals=(global_(0x7F, i32(65536)),),
        **_BEYOND,
    )
    yield one("function-offset", "at a reference to a function", b"\0\xd2\1\x0b" + word(b"x"), **_BAD)
    yield one("cut", "shorter than it says", b"\0" + _at(64) + b"\x20x", **_BAD)
    yield one("many", "2,000 segments", *(active(64 + place, b"x") for place in range(2000)))
    yield one(
        "many-and-beyond",
        "2,000 segments, the last one behind the end",
        *(active(64 + place, b"x") for place in range(2000)),
        active(65536, b"x"),
        **_BEYOND,
    )
    yield one(
        "many-and-bad",
        "2,000 segments, the last one with unknown flags",
        *(active(64 + place, b"x") for place in range(2000)),
        b"\x09",
        **_BAD,
    )
    none: dict[str, Any] = {"memories": (), "memory": None}
    yield Specimen("data-no-memory", "data without a memory", bytes(plugin(**none)), "refused", BYTECODE)
    yield Specimen(
        "data-passive-no-memory",
        "passive data without a memory",
        bytes(plugin(data=(b"\1" + word(b"x"),), **none)),
        "dies",
    )
    beyond = plugin(memories=(limits(1, wide=True),), data=(active(65536, b"x", wide=True),))
    yield Specimen(
        "data-wide-beyond", "behind the end of a memory with 64-bit addresses", bytes(beyond), "refused", INSTANCE
    )
    wide = plugin(memories=(limits(1, wide=True),), data=(active(-1, b"x", wide=True),))
    yield Specimen("data-wide-minus-one", "at -1 of a memory with 64-bit addresses", bytes(wide), "refused", INSTANCE)
    empty = plugin(memories=(limits(0),), data=(active(0, b""),))
    yield Specimen("data-empty-memory", "nothing at the start of no memory", bytes(empty), "silent")


def _counts() -> Iterator[Specimen]:
    def one(name: str, what: str, *, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        return Specimen(f"data-count-{name}", what, bytes(plugin(**changes)), fate, words)

    yield one("right", "the right number of segments", data_count=1)
    yield one("more", "more segments than there are", data_count=2, **_BAD)
    yield one("less", "fewer segments than there are", data_count=0, **_BAD)
    yield one("without-data", "a number and no section of data", data_count=1, data=(), **_BAD)
    yield one(
        "zero-without-data", "none, and no section of data", instead=((12, Section(12, b"\0")),), data=(), fate="silent"
    )
    yield one(
        "zero-empty-data",
        "none, and a section without segments",
        instead=((12, Section(12, b"\0")), (11, Section(11, b"\0"))),
        fate="silent",
    )
    yield one("padded", "in five bytes", instead=((12, Section(12, uleb(1, 5))),))
    yield one("trailing", "with a byte behind it", instead=((12, Section(12, b"\1\0")),), **_BAD)
    init = i32(16) + i32(0) + i32(11) + b"\xfc\x08\0\0"
    passive = (b"\1" + word(b"x-wasmimgok"),)
    yield one("used", "the header from a passive segment", header=response(init), data=passive, data_count=1)
    missing = bytes(plugin(header=response(init), data=passive))
    why = "the code of functions is not read"
    yield Specimen(
        "data-count-missing", "a passive segment that is used, and no number", missing, "refused", BYTECODE, why
    )
    drop = b"\xfc\x09\0"
    yield one("dropped", "a segment that is dropped", header=response(drop), data_count=1)
    segments = (b"\0" + _at(0) + indexes(1),)
    yield one(
        "element-dropped",
        "an element segment that is dropped",
        header=response(b"\xfc\x0d\0"),
        tables=(table(b"\x70"),),
        elements=segments,
    )
    yield one("start", "beside a start section", data_count=1, start=1)
