"""Sections and numbers: out of order, twice, cut short, too long, oddly written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tests.module.assembler import (
    HEADER,
    Function,
    Module,
    Section,
    custom,
    i32,
    limits,
    signature,
    uleb,
    vector,
    word,
)
from tests.module.zoo.specimen import (
    BYTECODE,
    CORRUPT,
    MARKER,
    Fate,
    Specimen,
    global_,
    indexes,
    plugin,
    table,
)

_NAMES = {1: "type", 2: "import", 3: "function", 4: "table", 5: "memory", 6: "global", 7: "export", 8: "start", 9: "element", 10: "code", 11: "data", 12: "count", 13: "tag"}  # fmt: skip


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _full()
    yield from _order()
    yield from _lengths()
    yield from _counts()
    yield from _numbers()
    yield from _bodies()


def _everything() -> Module:
    """A plugin with every section."""
    return plugin(
        tables=(table(b"\x70", 4),),
        tags=(b"\0\0",),
        types=(signature(">"),),
        globals=(global_(0x7F, i32(0)),),
        start=1,
        elements=(b"\0" + i32(0) + b"\x0b" + indexes(1),),
        data_count=1,
    )


def _joined(sections: list[Section]) -> bytes:
    return HEADER + b"".join(map(bytes, sections))


def _full() -> Iterator[Specimen]:
    yield Specimen("sections-all", "a plugin with every section", bytes(_everything()))
    spaced = [part for one in _everything().sections() for part in (custom("between", b"x"), one)]
    yield Specimen("sections-spaced", "a custom section before each of them", _joined(spaced))
    none = {number: Section(number, b"\0") for number in _NAMES if number not in (1, 2, 3, 5, 7, 8, 10, 11, 12)}
    yield Specimen("sections-empty", "sections without entries", bytes(plugin(instead=tuple(none.items()))))
    yield Specimen(
        "sections-empty-12",
        "a data count of nothing, and data",
        bytes(plugin(instead=((12, Section(12, b"\0")),))),
        "refused",
        BYTECODE,
    )


def _order() -> Iterator[Specimen]:
    whole = _everything().sections()
    for place, (one, other) in enumerate(pairwise(whole)):
        swapped = [*whole[:place], other, one, *whole[place + 2 :]]
        names = f"{_NAMES[other.number]}-before-{_NAMES[one.number]}"
        yield Specimen(f"order-{names}", "two sections in the wrong order", _joined(swapped), "refused", BYTECODE)
    for place, one in enumerate(whole):
        twice = [*whole[:place], one, one, *whole[place + 1 :]]
        yield Specimen(
            f"twice-{_NAMES[one.number]}", "a section that is there twice", _joined(twice), "refused", BYTECODE
        )
        yield Specimen(
            f"again-{_NAMES[one.number]}",
            "a section that is there again at the end",
            _joined([*whole, one]),
            "refused",
            BYTECODE,
        )
    simple = plugin().sections()
    first_exports = [next(one for one in simple if one.number == 7), *(one for one in simple if one.number != 7)]
    yield Specimen("order-exports-first", "the exports before all others", _joined(first_exports), "refused", BYTECODE)
    for number in (14, 15, 16, 64, 127, 128, 255):
        odd = Section(number, b"\0")
        for where, sections in (("first", [odd, *simple]), ("last", [*simple, odd])):
            yield Specimen(
                f"number-{number}-{where}",
                f"a section of the unknown number {number}",
                _joined(sections),
                "refused",
                BYTECODE,
            )
    without = [one for one in simple if one.number != 7]
    for number in (1, 2, 3, 5, 7, 10):
        left = [one for one in simple if one.number != number]
        words = MARKER if number == 7 else BYTECODE
        yield Specimen(f"without-{_NAMES[number]}", "a section left out", _joined(left), "refused", words)
    # Without a marker the host does not get to V8, whatever else is wrong.
    damages: dict[str, Any] = {
        "limits": {"memories": (b"\x40\1",)},
        "data": {"data": (b"\x09",)},
        "table": {"tables": (b"\x01\0\1",)},
        "global": {"globals": (b"\x7f\0\x8b\x0b",)},
    }
    for name, changes in damages.items():
        made = bytes(replace(plugin(marker="marker"), **changes))
        yield Specimen(f"no-marker-and-bad-{name}", f"no marker, and a damaged {name}", made, "refused", MARKER)
    whole_without = plugin(marker="marker").sections()
    doubled = _joined([*whole_without, whole_without[-3]])
    yield Specimen("no-marker-and-twice", "no marker, and a section twice", doubled, "refused", MARKER)
    yield Specimen(
        "without-export-and-bad",
        "no exports, and a section of an unknown number",
        _joined([*without, Section(99, b"")]),
        "refused",
        MARKER,
    )


def _lengths() -> Iterator[Specimen]:
    whole = _everything().sections()

    def changed(place: int, one: Section) -> bytes:
        return _joined([*whole[:place], one, *whole[place + 1 :]])

    for place, (number, content, _) in enumerate(whole):
        name = _NAMES[number]
        # The host walks over the sections first; it is of chance whether it gets to the exports, and V8 to its turn.
        more = BYTECODE if name in ("import", "export", "start") else CORRUPT
        less = BYTECODE if name in ("export", "count") else CORRUPT
        yield Specimen(
            f"long-{name}",
            "a section with a byte behind its content",
            changed(place, Section(number, content + b"\0")),
            "refused",
            BYTECODE,
        )
        yield Specimen(
            f"short-{name}",
            "a section without its last byte",
            changed(place, Section(number, content[:-1])),
            "refused",
            BYTECODE,
        )
        yield Specimen(
            f"length-more-{name}",
            "a length that reaches into the next section",
            changed(place, Section(number, content, uleb(len(content) + 1))),
            "refused",
            more,
        )
        yield Specimen(
            f"length-less-{name}",
            "a length that is one too small",
            changed(place, Section(number, content, uleb(len(content) - 1))),
            "refused",
            less,
        )
        yield Specimen(
            f"nothing-{name}",
            "a section of no byte",
            changed(place, Section(number, b"")),
            "refused",
            BYTECODE if number != 7 else CORRUPT,
        )
        yield Specimen(
            f"padded-{name}", "a length in five bytes", changed(place, Section(number, content, uleb(len(content), 5)))
        )
    one = whole[0]
    size = len(one.content)
    yield Specimen(
        "length-six-bytes",
        "a length in six bytes",
        changed(0, Section(1, one.content, uleb(size, 6))),
        "refused",
        CORRUPT,
    )
    unused = uleb(size, 5)[:4] + b"\x10"
    yield Specimen(
        "length-unused-bits",
        "a length with bits that are not used",
        changed(0, Section(1, one.content, unused)),
        "refused",
        CORRUPT,
    )
    yield Specimen(
        "length-4-gib",
        "a length of almost 4 GiB",
        changed(0, Section(1, one.content, b"\xff\xff\xff\xff\x0f")),
        "refused",
        CORRUPT,
    )
    yield Specimen(
        "length-1-gib", "a length of 1 GiB", changed(0, Section(1, one.content, uleb(1 << 30))), "refused", CORRUPT
    )


def _counts() -> Iterator[Specimen]:
    whole = _everything().sections()
    for place, (number, content, _) in enumerate(whole):
        if number in (8, 12):
            continue
        name = _NAMES[number]
        for change, count in (
            ("more", content[0] + 1),
            ("less", content[0] - 1),
            ("huge", 0xFFFFFFFF),
            ("million", 1_000_001),
        ):
            section = Section(number, uleb(count) + content[1:])
            words = CORRUPT if name == "export" and count > 1_000_000 else BYTECODE
            yield Specimen(
                f"count-{change}-{name}",
                f"a section that claims {count} entries",
                _joined([*whole[:place], section, *whole[place + 1 :]]),
                "refused",
                words,
            )
        padded = Section(number, uleb(content[0], 5) + content[1:])
        yield Specimen(
            f"count-padded-{name}", "a count in five bytes", _joined([*whole[:place], padded, *whole[place + 1 :]])
        )
        unused = Section(number, uleb(content[0], 5)[:4] + b"\x10" + content[1:])
        yield Specimen(
            f"count-unused-bits-{name}",
            "a count with bits that are not used",
            _joined([*whole[:place], unused, *whole[place + 1 :]]),
            "refused",
            CORRUPT if name == "export" else BYTECODE,
        )


def _numbers() -> Iterator[Specimen]:
    """Numbers within the exports, which the host reads before V8 does."""

    def exported(first: bytes, *, fate: Fate = "header", words: str = "", last: bytes = b"") -> tuple[bytes, Fate, str]:
        good = plugin()
        entries = [word(name) + bytes([kind]) + uleb(index) for name, kind, index in good.exports]
        section = Section(7, vector([first, *entries, *([last] if last else [])]))
        return bytes(replace(good, instead=((7, section),))), fate, words

    yield Specimen("export-index-padded", "an index in five bytes", *exported(word("a") + b"\0" + uleb(1, 5)))
    yield Specimen(
        "export-index-six-bytes",
        "an index in six bytes",
        *exported(word("a") + b"\0" + uleb(1, 6), fate="refused", words=CORRUPT),
    )
    yield Specimen(
        "export-index-unused-bits",
        "an index with bits that are not used",
        *exported(word("a") + b"\0\x81\x80\x80\x80\x10", fate="refused", words=CORRUPT),
    )
    yield Specimen(
        "export-index-3-gib",
        "an index of 2^30",
        *exported(word("a") + b"\0" + uleb(1 << 30), fate="refused", words=CORRUPT),
    )
    yield Specimen("export-name-padded", "the length of a name in five bytes", *exported(uleb(1, 5) + b"a\0\1"))
    yield Specimen(
        "export-name-beyond",
        "a name that ends behind the section",
        *exported(b"\xff\x7fa\0\1", fate="refused", words=CORRUPT),
    )
    yield Specimen(
        "export-name-4-gib", "a name of 4 GiB", *exported(b"\xff\xff\xff\xff\x0fa\0\1", fate="refused", words=CORRUPT)
    )
    behind = word("a") + b"\0" + b"\x81\x80\x80\x80\x10"
    yield Specimen(
        "export-behind-marker",
        "an index with unused bits behind the marker",
        *exported(word("b") + b"\0\1", last=behind, fate="refused", words=BYTECODE),
    )
    yield Specimen(
        "export-name-beyond-marker",
        "a name that ends behind the section, behind the marker",
        *exported(word("b") + b"\0\1", last=b"\x7fa\0\1", fate="refused", words=BYTECODE),
    )
    marker = word("proxy_abi_version_0_2_1")
    only = Section(7, uleb(1) + uleb(23, 5) + marker[1:] + b"\0" + uleb(1, 5))
    yield Specimen(
        "marker-padded",
        "a marker with its numbers in five bytes, and no malloc",
        bytes(plugin(instead=((7, only),))),
        "refused",
        "Wasm module is missing malloc function.",
    )


def _bodies() -> Iterator[Specimen]:
    good = plugin()

    def code(*bodies: bytes) -> bytes:
        return bytes(replace(good, instead=((10, Section(10, vector(bodies))),)))

    own = [bytes(one) for one in good.functions]
    yield Specimen("bodies-missing", "a function without code", code(*own[:2]), "refused", BYTECODE)
    yield Specimen("bodies-more", "code without a function", code(*own, own[0]), "refused", BYTECODE)
    yield Specimen("body-empty", "code of no byte", code(b"\0", *own[1:]), "refused", BYTECODE)
    yield Specimen(
        "body-beyond", "code that ends behind its section", code(*own[:2], b"\x7f" + own[2][1:]), "refused", BYTECODE
    )
    yield Specimen(
        "body-padded", "the size of code in five bytes", code(*own[:2], uleb(len(own[2]) - 1, 5) + own[2][1:])
    )
    yield Specimen(
        "body-six-bytes",
        "the size of code in six bytes",
        code(*own[:2], uleb(len(own[2]) - 1, 6) + own[2][1:]),
        "refused",
        BYTECODE,
    )
    large = Function(">", b"\1" * 7_654_319)
    yield Specimen("body-largest", "code of 7,654,321 bytes", bytes(plugin(more=(("large", large),))))
    larger = Function(">", b"\1" * 7_654_320)
    yield Specimen(
        "body-too-large", "code of a byte more", bytes(plugin(more=(("large", larger),))), "refused", BYTECODE
    )
    none = Module(
        memories=(limits(1),), exports=(("memory", 2, 0),), instead=((3, Section(3, b"\0")), (10, Section(10, b"\0")))
    )
    yield Specimen("functions-none", "sections of functions without one", bytes(none), "refused", MARKER)
    imported = plugin(
        functions=(), exports=(("proxy_abi_version_0_2_1", 0, 0), ("memory", 2, 0), ("malloc", 0, 1)), imports=()
    )
    yield Specimen("functions-imported-only", "a malloc that is not there", bytes(imported), "refused", BYTECODE)
    types = Section(3, uleb(3) + b"\x4d\x4d\x4d")
    yield Specimen(
        "function-type-beyond",
        "functions of a type that is not there",
        bytes(replace(good, instead=((3, types),))),
        "refused",
        BYTECODE,
    )
