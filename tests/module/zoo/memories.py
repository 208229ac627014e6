"""Memories, tables and globals of a module's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Function, Import, Section, i32, i64, limits, signature, uleb, word
from tests.module.zoo.specimen import (
    BYTECODE,
    INSTANCE,
    SEGFAULT,
    Fate,
    Specimen,
    active,
    global_,
    plugin,
    table,
)

_TOUCHED = "whether the proxy ever touches the memory"
_GREETING = b"x-wasmimgok"


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _sizes()
    yield from _exports()
    yield from _several()
    yield from _tables()
    yield from _globals()
    yield from _constants()


def _sizes() -> Iterator[Specimen]:
    def one(name: str, what: str, limit: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        return Specimen(f"memory-{name}", what, bytes(plugin(memories=(limit,), **changes)), fate, words)

    yield one("empty", "no page", limits(0), "silent", data=())
    yield one("maximum-0", "no page, and no more ever", limits(0, 0), "silent", data=())
    yield one("maximum", "with a maximum", limits(1, 1))
    yield one("maximum-65536", "with a maximum of 4 GiB", limits(1, 65536))
    yield one("maximum-65537", "with a maximum beyond 4 GiB", limits(1, 65537), "refused", BYTECODE)
    yield one("16384", "1 GiB", limits(16384))
    yield one("16384-maximum", "1 GiB, and up to 4 GiB", limits(16384, 65536))
    yield one("16385", "a page more than 1 GiB", limits(16385), "refused", INSTANCE)
    yield one("16385-maximum", "a page more, which is all", limits(16385, 16385), "refused", INSTANCE)
    yield one("65536", "4 GiB", limits(65536), "refused", INSTANCE)
    yield one("65537", "a page more than 4 GiB", limits(65537), "refused", BYTECODE)
    yield one("4294967295", "as many pages as there are numbers", limits(0xFFFFFFFF), "refused", BYTECODE)
    yield one("reversed", "a maximum below the minimum", limits(2, 1), "refused", BYTECODE)
    yield one("shared", "shared", limits(1, 2, shared=True))
    yield one("shared-without-maximum", "shared, without a maximum", b"\2\1", "refused", BYTECODE)
    yield one("shared-16385", "shared, and too large", limits(16385, 16385, shared=True), "refused", INSTANCE)
    wide = (active(16, _GREETING, wide=True),)
    yield one("wide", "with 64-bit addresses", limits(1, wide=True), data=wide)
    yield one("wide-maximum", "with 64-bit addresses and a maximum", limits(1, 2, wide=True), data=wide)
    yield one(
        "wide-narrow-data", "with 64-bit addresses, and data at a 32-bit one", limits(1, wide=True), "refused", BYTECODE
    )
    yield one("wide-shared", "with 64-bit addresses, shared", limits(1, 2, shared=True, wide=True), data=wide)
    yield one(
        "wide-16385", "with 64-bit addresses, too large", limits(16385, wide=True), "refused", INSTANCE, data=wide
    )
    yield one(
        "wide-65537",
        "with 64-bit addresses, 4 GiB and a page",
        limits(65537, wide=True),
        "refused",
        INSTANCE,
        data=wide,
    )
    yield one("wide-262144", "with 64-bit addresses, 16 GiB", limits(262144, wide=True), "refused", INSTANCE, data=wide)
    yield one(
        "wide-262145",
        "with 64-bit addresses, 16 GiB and a page",
        limits(262145, wide=True),
        "refused",
        BYTECODE,
        data=wide,
    )
    yield one(
        "wide-maximum-2-18", "with 64-bit addresses, and the largest maximum", limits(1, 1 << 18, wide=True), data=wide
    )
    yield one(
        "wide-maximum-more",
        "with 64-bit addresses, and a larger maximum",
        limits(1, (1 << 18) + 1, wide=True),
        "refused",
        BYTECODE,
        data=wide,
    )
    yield one("flags-8", "with a page size of its own", b"\x08\1\0", "refused", BYTECODE)
    yield one("flags-16", "with unknown flags", b"\x10\1", "refused", BYTECODE)
    yield one("flags-long", "with flags that fill two bytes", b"\x80\0\1", "refused", BYTECODE)
    yield one("padded", "a number of pages in five bytes", b"\0" + uleb(1, 5))
    yield one("padded-six", "a number of pages in six bytes", b"\0" + uleb(1, 6), "refused", BYTECODE)


def _exports() -> Iterator[Specimen]:
    none: dict[str, Any] = {"memories": (), "memory": None, "data": ()}
    yield Specimen("memory-none", "no memory", bytes(plugin(**none)), "dies")
    yield Specimen("memory-none-0_1_0", "no memory, in 0.1.0", bytes(plugin(abi="0_1_0", **none)), "dies")
    quiet = plugin(**none)
    yield Specimen(
        "memory-none-no-callback",
        "no memory and no callback",
        bytes(plugin(**none, exports=quiet.exports[:2])),
        "silent",
        running=_TOUCHED,
    )
    still = Function("iii>i", i32(0))
    yield Specimen(
        "memory-none-quiet",
        "no memory, and a callback that calls nothing",
        bytes(plugin(header=still, **none)),
        "silent",
        running=_TOUCHED,
    )
    log = (Import("env", "proxy_log", "iii>i"),)
    start = Function(">", i32(2) + i32(0) + i32(0) + b"\x10\1\x1a")
    logging = plugin(imports=log, more=(("_initialize", start),), **none)
    yield Specimen(
        "memory-none-logs-at-start",
        "no memory, and a word for the log at the start",
        bytes(logging),
        "crashes",
        SEGFAULT,
    )
    yield Specimen("memory-not-exported", "a memory that is not exported", bytes(plugin(memory=None)), "dies")
    yield Specimen("memory-any-name", "exported under another name", bytes(plugin(memory="mem")))
    yield Specimen("memory-no-name", "exported under the empty name", bytes(plugin(memory="")))
    yield Specimen("memory-two-names", "exported under two names", bytes(plugin(names=(("memory2", 2, 0),))))
    yield Specimen(
        "memory-is-global",
        "a global of the name memory",
        bytes(plugin(memory=None, names=(("memory", 3, 0),), globals=(global_(0x7F, i32(0)),))),
        "dies",
    )


def _several() -> Iterator[Specimen]:
    def two(name: str, what: str, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        changes = {"memories": (limits(1), limits(1)), **changes}
        return Specimen(f"memories-{name}", what, bytes(plugin(**changes)), fate, words)

    yield two("two", "two memories, the first one exported")
    yield two(
        "second-exported", "two memories, the second one exported", "silent", memory=None, names=(("memory", 2, 1),)
    )
    yield two("both-exported", "two memories, both exported: the last one counts", "silent", names=(("second", 2, 1),))
    yield two(
        "both-exported-reversed",
        "two memories, both exported, the first one last",
        memory=None,
        names=(("second", 2, 1), ("memory", 2, 0)),
    )
    yield two("none-exported", "two memories, none exported", "dies", memory=None)
    yield two("ten", "ten memories", memories=(limits(1),) * 10)
    yield two(
        "one-too-large",
        "two memories, the second one too large",
        "refused",
        INSTANCE,
        memories=(limits(1), limits(16385)),
    )
    yield two("large", "two memories of 1 GiB", memories=(limits(16384), limits(16384)))
    yield two("wide-and-narrow", "one with 64-bit addresses beside", memories=(limits(1), limits(1, wide=True)))
    second = b"\2\1" + i32(16) + b"\x0b" + word(_GREETING)
    yield two(
        "data-in-second",
        "data for the second one, which is exported",
        memory=None,
        names=(("memory", 2, 1),),
        data=(second,),
    )


def _tables() -> Iterator[Specimen]:
    def one(name: str, what: str, *tables: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        return Specimen(f"table-{name}", what, bytes(plugin(tables=tables, **changes)), fate, words)

    yield one("funcref", "a table", table(b"\x70"))
    yield one("externref", "a table of external references", table(b"\x6f"))
    yield one("many", "a hundred tables", *(table(b"\x70"),) * 100)
    yield one("reversed", "a maximum below the minimum", table(b"\x70", 2, 1), fate="refused", words=BYTECODE)
    yield one("largest", "ten million elements", table(b"\x70", 10_000_000))
    yield one("too-large", "an element more", table(b"\x70", 10_000_001), fate="refused", words=BYTECODE)
    yield one("maximum", "a maximum of 2^32 - 1", table(b"\x70", 0, 0xFFFFFFFF))
    yield one("shared", "shared", b"\x70\3\1\1", fate="refused", words=BYTECODE)
    yield one("wide", "with 64-bit indexes", b"\x70" + limits(1, wide=True))
    yield one("wide-maximum", "with 64-bit indexes and a maximum", b"\x70" + limits(1, 1 << 40, wide=True))
    yield one("flags-8", "with unknown flags", b"\x70\x08\1", fate="refused", words=BYTECODE)
    yield one("i32", "a table of numbers", table(b"\x7f"), fate="refused", words=BYTECODE)
    yield one("stringref", "a table of strings, a proposal", table(b"\x67"), fate="refused", words=BYTECODE)
    yield one("first-value", "with a first value", b"\x40\0\x70" + limits(1) + b"\xd2\1\x0b")
    yield one(
        "first-value-wrong",
        "with a first value of another type",
        b"\x40\0\x70" + limits(1) + i32(0) + b"\x0b",
        fate="refused",
        words=BYTECODE,
    )
    yield one(
        "first-value-byte",
        "with a first value and an unknown byte",
        b"\x40\1\x70" + limits(1) + b"\xd2\1\x0b",
        fate="refused",
        words=BYTECODE,
    )
    yield one("typed-beyond", "of a type that is not there", b"\x63\x4d" + limits(1), fate="refused", words=BYTECODE)


def _globals() -> Iterator[Specimen]:
    def one(name: str, what: str, *globals_: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        return Specimen(f"global-{name}", what, bytes(plugin(globals=globals_, **changes)), fate, words)

    bad: dict[str, Any] = {"fate": "refused", "words": BYTECODE}
    yield one("mutable", "one that can change", global_(0x7F, i32(-1), 1))
    yield one("mutability-2", "neither constant nor not", global_(0x7F, i32(0), 2), **bad)
    yield one("shared", "shared, a proposal", global_(0x7F, i32(0), 3), **bad)
    yield one("type-bad", "of a type that is none", global_(0x40, i32(0)), **bad)
    yield one("type-i8", "of a packed type", global_(0x78, i32(0)), **bad)
    yield one("mismatch", "an i32 that starts as an i64", global_(0x7F, i64(0)), **bad)
    yield one("no-value", "without a first value", global_(0x7F, b""), **bad)
    yield one("two-values", "with two first values", global_(0x7F, i32(0) + i32(0)), **bad)
    yield one("no-end", "whose expression does not end", b"\x7f\0" + i32(0), **bad)
    yield one("many", "3,000", *(global_(0x7F, i32(place)) for place in range(3000)))
    yield one(
        "many-and-one-bad",
        "3,000 and a bad one",
        *(global_(0x7F, i32(place)) for place in range(3000)),
        global_(0x7F, i64(0)),
        **bad,
    )
    yield one(
        "i32-unused-bits", "an i32 with bits that are not used", global_(0x7F, b"\x41\x80\x80\x80\x80\x10"), **bad
    )
    yield one("i32-minus-padded", "-1 in five bytes", global_(0x7F, b"\x41\xff\xff\xff\xff\x7f"))
    yield one(
        "i32-minus-bad",
        "-1 in five bytes, without the bits of the sign",
        global_(0x7F, b"\x41\xff\xff\xff\xff\x0f"),
        **bad,
    )
    yield one("i32-six-bytes", "an i32 in six bytes", global_(0x7F, b"\x41\x80\x80\x80\x80\x80\0"), **bad)
    yield one("i64-padded", "an i64 in ten bytes", global_(0x7E, b"\x42" + b"\x80" * 9 + b"\0"))
    yield one(
        "i64-unused-bits", "an i64 with bits that are not used", global_(0x7E, b"\x42" + b"\x80" * 9 + b"\2"), **bad
    )
    yield one("section-13", "behind a tag", global_(0x7F, i32(0)), types=(signature("i>"),), tags=(b"\0\0",))
    yield one("section-empty", "a section of globals without one", instead=((6, Section(6, b"\0")),))


def _constants() -> Iterator[Specimen]:
    def one(
        name: str,
        type_: int | bytes,
        code: bytes,
        *,
        good: bool = True,
        before: tuple[bytes, ...] = (),
        types: tuple[bytes, ...] = (),
    ) -> Specimen:
        made = (type_ if isinstance(type_, bytes) else bytes([type_])) + b"\0" + code + b"\x0b"
        module = bytes(plugin(globals=(*before, made), types=types))
        what = f"a global that starts as {name.replace('-', ' ')}"
        return Specimen(f"constant-{name}", what, module, "header" if good else "refused", "" if good else BYTECODE)

    number, changing = global_(0x7F, i32(7)), global_(0x7F, i32(7), 1)
    yield one("i32", 0x7F, i32(-2147483648))
    yield one("i64", 0x7E, i64(-(1 << 63)))
    yield one("f32", 0x7D, b"\x43" + bytes(4))
    yield one("f64", 0x7C, b"\x44" + bytes(8))
    yield one("f64-cut", 0x7C, b"\x44" + bytes(3), good=False)
    yield one("v128", 0x7B, b"\xfd\x0c" + bytes(16))
    yield one("v128-splat", 0x7B, i32(0) + b"\xfd\x11", good=False)
    yield one("global", 0x7F, b"\x23\0", before=(number,))
    yield one("changing-global", 0x7F, b"\x23\0", before=(changing,), good=False)
    yield one("itself", 0x7F, b"\x23\0", good=False)
    yield one("later-global", 0x7F, b"\x23\2", before=(number,), good=False)
    yield one("global-of-other-type", 0x7E, b"\x23\0", before=(number,), good=False)
    yield one("sum", 0x7F, i32(1) + i32(2) + b"\x6a")
    yield one("sum-of-global", 0x7F, b"\x23\0" + i32(2) + b"\x6b" + i32(3) + b"\x6c", before=(number,))
    yield one("sum-i64", 0x7E, i64(1) + i64(2) + b"\x7c" + i64(3) + b"\x7d" + i64(3) + b"\x7e")
    yield one("sum-of-one", 0x7F, i32(1) + b"\x6a", good=False)
    yield one("sum-of-mixed", 0x7F, i32(1) + i64(2) + b"\x6a", good=False)
    yield one("quotient", 0x7F, i32(1) + i32(2) + b"\x6d", good=False)
    yield one("call", 0x7F, i32(1) + b"\x10\2", good=False)
    yield one("load", 0x7F, i32(1) + b"\x28\2\0", good=False)
    yield one("nop", 0x7F, b"\1" + i32(1), good=False)
    yield one("function", 0x70, b"\xd2\1")
    yield one("function-beyond", 0x70, b"\xd2\x4d", good=False)
    yield one("function-for-extern", 0x6F, b"\xd2\1", good=False)
    yield one("null-of-bottom", 0x70, b"\xd0\x73")
    yield one("null-extern-of-bottom", 0x6F, b"\xd0\x72")
    yield one("null-of-other", 0x70, b"\xd0\x6f", good=False)
    yield one("null-for-non-null", b"\x64\x70", b"\xd0\x70", good=False)
    yield one("null-unknown", 0x70, b"\xd0\x40", good=False)
    yield one("null-type-beyond", 0x70, b"\xd0\x4d", good=False)
    types = (b"\x5f\1\x7f\1", b"\x5e\x78\1", signature(">i"))
    yield one("function-of-type", b"\x63\2", b"\xd2\0", types=types, good=False)
    yield one("struct", b"\x63\0", i32(1) + b"\xfb\0\0", types=types)
    yield one("struct-without-field", b"\x63\0", b"\xfb\0\0", types=types, good=False)
    yield one("struct-default", 0x6B, b"\xfb\1\0", types=types)
    yield one("struct-as-any", 0x6E, b"\xfb\1\0", types=types)
    yield one("struct-as-array", 0x6A, b"\xfb\1\0", types=types, good=False)
    yield one("struct-of-array-type", 0x6E, b"\xfb\1\1", types=types, good=False)
    yield one("struct-type-beyond", 0x6E, b"\xfb\1\x4d", types=types, good=False)
    yield one("array", b"\x63\1", i32(1) + i32(3) + b"\xfb\6\1", types=types)
    yield one("array-default", b"\x63\1", i32(3) + b"\xfb\7\1", types=types)
    yield one("array-fixed", b"\x63\1", i32(1) + i32(2) + b"\xfb\x08\1\2", types=types)
    yield one("array-fixed-too-few", b"\x63\1", i32(1) + b"\xfb\x08\1\2", types=types, good=False)
    yield one("i31", 0x6C, i32(1) + b"\xfb\x1c")
    yield one("i31-as-eq", 0x6D, i32(1) + b"\xfb\x1c")
    yield one("i31-as-struct", 0x6B, i32(1) + b"\xfb\x1c", good=False)
    yield one("any-of-extern", 0x6E, b"\xd0\x6f\xfb\x1a")
    yield one("extern-of-any", 0x6F, i32(1) + b"\xfb\x1c\xfb\x1b")
    yield one("struct-get", 0x7F, b"\xfb\1\0\xfb\2\0\0", types=types, good=False)
    yield one("null-i31-of-none", 0x6C, b"\xd0\x71")
    yield one("any-of-exn", 0x6E, b"\xd0\x69", good=False)
