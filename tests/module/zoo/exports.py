"""ABI markers, what the host calls, and what else a module exports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Function, Import, custom, limits, signature
from tests.module.zoo.hosts import ABIS
from tests.module.zoo.specimen import (
    BYTECODE,
    INSTANCE,
    MALLOC,
    MARKER,
    UNREACHABLE,
    Specimen,
    bad_signature,
    function,
    global_,
    plugin,
    table,
)


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _markers()
    yield from _marker_shapes()
    yield from _start_sections()
    yield from _names()


def _refused(name: str, what: str, module: object, words: str) -> Specimen:
    return Specimen(name, what, bytes(module), "refused", words)  # type: ignore[call-overload]


def _markers() -> Iterator[Specimen]:
    for abi in ABIS:
        yield Specimen(f"abi-{abi}", f"ABI {abi}", bytes(plugin(abi=abi)))
    for abi in ("0_2_100", "0_3_0", "0_2_2", "1_0_0", "0_2", "", "0_2_1 ", "0_2_1_0", "0.2.1", "00_2_1"):
        yield _refused(f"abi-{abi or 'none'}", f"a marker that ends in {abi!r}", plugin(abi=abi), MARKER)
    yield _refused("marker-capitals", "a marker in capitals", plugin(marker="PROXY_ABI_VERSION_0_2_1"), MARKER)
    yield _refused(
        "marker-prefixed", "a marker with an underscore in front", plugin(marker="_proxy_abi_version_0_2_1"), MARKER
    )
    yield _refused(
        "marker-with-zero", "a zero byte behind the marker", plugin(marker="proxy_abi_version_0_2_1\0"), MARKER
    )
    yield _refused("marker-missing", "no marker", plugin(marker=None), MARKER)
    name = "proxy_abi_version_0_2_1"
    yield _refused("marker-memory", "a memory for a marker", plugin(marker=None, memory=name), MARKER)
    globals_ = (global_(0x7F, b"\x41\0"),)
    yield _refused(
        "marker-global", "a global for a marker", plugin(marker=None, names=((name, 3, 0),), globals=globals_), MARKER
    )
    yield _refused(
        "marker-table",
        "a table for a marker",
        plugin(marker=None, names=((name, 1, 0),), tables=(table(b"\x70"),)),
        MARKER,
    )
    yield _refused(
        "marker-tag",
        "a tag for a marker",
        plugin(marker=None, names=((name, 4, 0),), types=(signature(">"),), tags=(b"\0\0",)),
        MARKER,
    )
    yield _refused("marker-twice", "the same marker twice", plugin(names=((name, 0, 1),)), BYTECODE)
    yield _refused(
        "marker-and-global", "a global of the marker's name", plugin(names=((name, 3, 0),), globals=globals_), BYTECODE
    )


def _marker_shapes() -> Iterator[Specimen]:
    old, new = "proxy_abi_version_0_1_0", "proxy_abi_version_0_2_1"
    yield Specimen("markers-new-first", "0.2.1, then 0.1.0", bytes(plugin(names=((old, 0, 1),))))
    yield Specimen("markers-old-first", "0.1.0, then 0.2.1", bytes(plugin(abi="0_1_0", names=((new, 0, 1),))))
    yield _refused(
        "markers-old-first-new-callback",
        "0.1.0, then 0.2.1, with a callback of 0.2.1",
        plugin(marker=old, names=((new, 0, 1),)),
        bad_signature("proxy_on_response_headers", "ii>i", "iii>i"),
    )
    yield _refused(
        "markers-new-first-old-callback",
        "0.2.1, then 0.1.0, with a callback of 0.1.0",
        plugin(abi="0_1_0", marker=new, names=((old, 0, 1),)),
        bad_signature("proxy_on_response_headers", "iii>i", "ii>i"),
    )
    yield Specimen(
        "markers-unknown-first",
        "Higress's marker, then 0.2.1",
        bytes(plugin(marker="proxy_abi_version_0_2_100", names=((new, 0, 1),))),
    )
    yield Specimen(
        "markers-unknown-last",
        "0.2.1, then Higress's marker",
        bytes(plugin(names=(("proxy_abi_version_0_2_100", 0, 1),))),
    )
    yield Specimen("marker-last", "the marker is the last export", bytes(plugin(marker=None, names=((new, 0, 1),))))
    yield Specimen(
        "marker-gives", "a marker that gives a number", bytes(plugin(marker=None, more=((new, function(">i")),)))
    )
    yield Specimen(
        "marker-takes", "a marker that takes two", bytes(plugin(marker=None, more=((new, function("iI>")),)))
    )
    yield Specimen(
        "marker-traps", "a marker that would trap", bytes(plugin(marker=None, more=((new, Function(">", b"\0")),)))
    )
    done = Import("env", "proxy_done", ">i")
    yield Specimen(
        "marker-imported",
        "an imported function for a marker",
        bytes(plugin(marker=None, imports=(done,), names=((new, 0, 1),))),
    )
    yield Specimen(
        "marker-is-malloc", "one function under both names", bytes(plugin(marker=None, names=((new, 0, 2),)))
    )
    yield _refused(
        "marker-beyond",
        "a marker for a function that is not there",
        plugin(marker=None, names=((new, 0, 9),)),
        BYTECODE,
    )


def _start_sections() -> Iterator[Specimen]:
    def at(text: str, code: bytes = b"", start: int = 4) -> bytes:
        return bytes(plugin(more=(("extra", Function(text, code)),), start=start))

    yield Specimen("start-section", "a start section", at(">"))
    yield Specimen("start-section-taking", "a start function that takes something", at("i>"), "refused", BYTECODE)
    yield Specimen(
        "start-section-giving", "a start function that gives something", at(">i", b"\x41\0"), "refused", BYTECODE
    )
    yield Specimen("start-section-beyond", "a start function that is not there", at(">", start=5), "refused", BYTECODE)
    done = plugin(imports=(Import("wasi_unstable", "sched_yield", ">i"),), start=1)
    yield _refused("start-section-imported-giving", "an imported start function that gives something", done, BYTECODE)
    yield Specimen(
        "start-section-traps",
        "a start function that traps",
        at(">", b"\0"),
        "refused",
        INSTANCE,
        "a trap in the start function",
    )


def _names() -> Iterator[Specimen]:
    def exporting(*names: tuple[str | bytes, int, int], **changes: Any) -> bytes:
        return bytes(plugin(names=names, **changes))

    yield Specimen("export-no-name", "an export without a name", exporting(("", 0, 1)))
    yield Specimen(
        "export-two-without-name", "two exports without a name", exporting(("", 0, 1), ("", 2, 0)), "refused", BYTECODE
    )
    yield Specimen("export-name-longest", "a name of 100,000 bytes", exporting(("n" * 100_000, 0, 1)))
    yield Specimen("export-name-too-long", "a name of 100,001 bytes", exporting(("n" * 100_001, 0, 1)))
    yield Specimen("export-unicode", "a name with umlauts and an emoji", exporting(("grüß-😀", 0, 1)))
    yield Specimen("export-control", "a name with an escape sequence", exporting(("\x1b[31m\0\n", 0, 1)))
    for name, data in _BAD_NAMES.items():
        yield Specimen(
            f"export-{name}", f"a name of the bytes {data.hex()}", exporting((data, 0, 1)), "refused", BYTECODE
        )
    for kind, name in enumerate(("function", "table", "memory", "global", "tag")):
        yield Specimen(
            f"export-{name}-beyond",
            f"an export of a {name} that is not there",
            exporting(("extra", kind, 77)),
            "refused",
            BYTECODE,
        )
    yield Specimen("export-kind-5", "an export of an unknown kind", exporting(("extra", 5, 0)), "refused", BYTECODE)
    yield Specimen("export-kind-255", "an export of the kind 255", exporting(("extra", 255, 0)), "refused", BYTECODE)
    yield Specimen("export-twice", "one function under two names", exporting(("a", 0, 2), ("b", 0, 2)))
    yield Specimen(
        "export-same-name", "two functions under one name", exporting(("a", 0, 2), ("a", 0, 1)), "refused", BYTECODE
    )
    yield Specimen(
        "export-same-name-other-kind",
        "a function and a memory under one name",
        exporting(("a", 0, 2), ("a", 2, 0)),
        "refused",
        BYTECODE,
    )
    yield Specimen("export-many", "2,000 exports", exporting(*((f"function_{place}", 0, 1) for place in range(2000))))
    yield Specimen(
        "export-all-kinds",
        "a table, a global and a memory beside functions",
        exporting(("t", 1, 0), ("g", 3, 0), ("m", 2, 0), tables=(table(b"\x70"),), globals=(global_(0x7F, b"\x41\0"),)),
    )
    yield Specimen(
        "export-tag",
        "an exported tag",
        exporting(("t", 4, 0), types=(signature(">"),), tags=(b"\0\0",)),
        "crashes",
        UNREACHABLE,
    )
    yield Specimen(
        "export-mutable-global",
        "an exported global that can change",
        exporting(("g", 3, 0), globals=(global_(0x7E, b"\x42\0", 1),)),
    )
    for letter, type_ in {"x": 0x6F, "r": 0x70}.items():
        code = function(f">{letter}").code
        yield Specimen(
            f"export-global-{letter}",
            f"an exported global of the type {type_:02x}",
            exporting(("g", 3, 0), globals=(global_(type_, code),)),
        )
    for letter in "xr":
        yield Specimen(
            f"export-any-{letter}",
            f"a function of its own that gives {letter}",
            bytes(plugin(more=(("extra", function(f">{letter}")),))),
        )
    yield Specimen(
        "export-multi",
        "a function of its own that gives two numbers",
        bytes(plugin(more=(("extra", function("iI>iI")),))),
    )
    yield Specimen(
        "export-table-of-externref",
        "an exported table of external references",
        exporting(("t", 1, 0), tables=(table(b"\x6f"),)),
    )
    yield Specimen("no-callback", "a plugin without callbacks", bytes(plugin(exports=plugin().exports[:3])), "silent")
    yield Specimen(
        "nothing-exported-but-marker", "a marker alone", bytes(plugin(exports=plugin().exports[1:2])), "refused", MALLOC
    )
    yield Specimen(
        "shared-memory-name",
        "a custom section beside",
        bytes(plugin(behind=(custom("linking", b"\2"),), memories=(limits(1, 2),))),
    )


_BAD_NAMES = {
    "continuation": b"\x80",
    "latin-1": b"caf\xe9",
    "overlong-nul": b"\xc0\x80",
    "overlong-slash": b"\xe0\x80\xaf",
    "surrogate": b"\xed\xa0\x80",
    "beyond-unicode": b"\xf4\x90\x80\x80",
    "five-bytes": b"\xf8\x88\x80\x80\x80",
    "cut": b"\xe2\x82",
    "ff": b"\xff",
}
