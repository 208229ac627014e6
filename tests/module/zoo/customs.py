"""Custom sections: names, producers, precompiled code and what else tools leave behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import HEADER, Section, custom, uleb, vector, word
from tests.module.zoo.specimen import BYTECODE, CORRUPT, MARKER, Fate, Specimen, plugin


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _sections()
    yield from _names()
    yield from _function_names()
    yield from _precompiled()
    yield from _others()


def _behind(name: str, what: str, *behind: Section, fate: Fate = "header", words: str = "") -> Specimen:
    return Specimen(name, what, bytes(plugin(behind=behind)), fate, words)


def _sections() -> Iterator[Specimen]:
    yield Specimen("custom-first", "before all others", bytes(plugin(before=(custom("early", b"x"),))))
    yield _behind("custom-no-name", "without a name", custom("", b"x"))
    yield _behind("custom-no-content", "without content", custom("empty"))
    yield _behind("custom-same-twice", "two of one name", custom("a", b"1"), custom("a", b"2"))
    yield _behind("custom-large", "one of a megabyte", custom("padding", bytes(1 << 20)))
    yield _behind("custom-name-long", "a name of 100,001 bytes", custom("n" * 100_001))
    yield _behind("custom-name-padded", "the length of its name in five bytes", Section(0, uleb(1, 5) + b"a"))
    for name, data in {
        "continuation": b"\x80",
        "latin-1": b"caf\xe9",
        "surrogate": b"\xed\xa0\x80",
        "cut": b"\xe2\x82",
    }.items():
        yield _behind(
            f"custom-name-{name}",
            f"a name of the bytes {data.hex()}",
            custom(data, b"x"),
            fate="refused",
            words=BYTECODE,
        )
    yield _behind("custom-nothing", "of no byte", Section(0, b""), fate="refused", words=CORRUPT)
    for place, before, behind in (("last", (), (Section(0, b"\5abc"),)), ("first", (Section(0, b"\5abc"),), ())):
        made = bytes(plugin(before=before, behind=behind))
        yield Specimen(f"custom-name-beyond-{place}", "a name that ends behind the section", made, "refused", CORRUPT)
    yield _behind(
        "custom-name-unused-bits",
        "a length of a name with bits that are not used",
        Section(0, b"\x81\x80\x80\x80\x10a"),
        fate="refused",
        words=CORRUPT,
    )
    yield _behind(
        "custom-name-six-bytes",
        "a length of a name in six bytes",
        Section(0, uleb(1, 6) + b"a"),
        fate="refused",
        words=CORRUPT,
    )
    many = tuple(custom(f"number-{place}") for place in range(1000))
    yield _behind("custom-many", "a thousand", *many)
    bad = bytes(plugin(marker=None, behind=(Section(0, b"\5abc"),)))
    yield Specimen(
        "custom-name-beyond-no-marker", "a name that ends behind the section, and no marker", bad, "refused", MARKER
    )


def _names() -> Iterator[Specimen]:
    def one(name: str, what: str, content: bytes, *, fate: Fate = "header", words: str = "") -> Specimen:
        return _behind(f"names-{name}", what, custom("name", content), fate=fate, words=words)

    bad: dict[str, Any] = {"fate": "refused", "words": CORRUPT}
    good = _list((0, b"add"), (1, b"marker"))
    yield one("good", "names of functions", _sub(1, good))
    yield one("all", "names of module, functions and locals", _sub(0, word("plugin")) + _sub(1, good) + _sub(2, b"\0"))
    yield one("empty", "no list of names", b"")
    yield one("unknown", "an unknown list", _sub(42, b"anything"))
    yield one("unknown-beyond", "an unknown list that ends behind the section", b"\x2a\x7fx", **bad)
    yield one("number-only", "the number of a list and no more", b"\1", **bad)
    yield one("number-only-behind", "the number of a list behind a good one", _sub(1, good) + b"\2", **bad)
    yield one("beyond", "names that end behind the section", b"\1\x7f" + good, **bad)
    yield one("module-malformed", "the name of the module cut short, in its own list", _sub(0, b"\x20x"))
    yield one("locals-malformed", "names of locals that are damaged", _sub(2, b"\xff\xff"))
    yield one("twice", "two lists of functions", _sub(1, good) + _sub(1, good))
    yield one("wrong-order", "the list of the module behind the functions", _sub(1, good) + _sub(0, word("plugin")))
    yield one("padded", "lengths in five bytes", b"\1" + uleb(len(good), 5) + good)
    yield one("six-bytes", "a length in six bytes", b"\1" + uleb(len(good), 6) + good, **bad)
    yield one(
        "unused-bits", "a length with bits that are not used", b"\1" + uleb(len(good), 5)[:4] + b"\x10" + good, **bad
    )
    first = Specimen(
        "names-first", "names before all other sections", bytes(plugin(before=(custom("name", _sub(1, good)),)))
    )
    yield first
    damaged = custom("name", b"\1\x7f")
    yield Specimen(
        "names-first-damaged", "damaged names before all others", bytes(plugin(before=(damaged,))), "refused", CORRUPT
    )
    yield _behind("names-second-damaged", "good names, and then damaged ones", custom("name", _sub(1, good)), damaged)
    yield _behind("names-first-empty", "names without a list, and then damaged ones", custom("name"), damaged)
    yield Specimen(
        "names-damaged-no-marker",
        "damaged names, and no marker",
        bytes(plugin(marker=None, behind=(damaged,))),
        "refused",
        MARKER,
    )
    yield Specimen(
        "names-damaged-bad-code",
        "damaged names and an unknown section",
        bytes(plugin(behind=(damaged, Section(99, b"")))),
        "refused",
        CORRUPT,
    )
    yield _behind("names-capital", "damaged content under the name Name", custom("Name", b"\1\x7f"))


def _sub(number: int, content: bytes) -> bytes:
    return bytes([number]) + word(content)


def _list(*entries: tuple[int, bytes]) -> bytes:
    return vector([uleb(index) + word(name) for index, name in entries])


def _function_names() -> Iterator[Specimen]:
    def one(name: str, what: str, content: bytes, *, good: bool = True) -> Specimen:
        section = custom("name", _sub(1, content))
        fate: Fate = "header" if good else "refused"
        return _behind(f"function-names-{name}", what, section, fate=fate, words="" if good else CORRUPT)

    yield one("none", "a list without names", b"\0")
    yield one("nothing", "a list of no byte", b"", good=False)
    yield one("unordered", "names out of order", _list((2, b"b"), (1, b"a")))
    yield one("same", "two names for one function", _list((1, b"a"), (1, b"b")))
    yield one("beyond", "a name for a function that is not there", _list((12345, b"a")))
    yield one("no-utf8", "a name that is not UTF-8", _list((1, b"\xff\xfe")))
    yield one("empty", "a name without letters", _list((1, b"")))
    yield one("mangled", "a name of C++", _list((1, b"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE")))
    yield one("more", "fewer names than it says", b"\5" + _list((1, b"a"))[1:], good=False)
    yield one("less", "more names than it says", b"\1" + _list((1, b"a"), (2, b"b"))[1:], good=False)
    yield one("huge", "a count of 2^32 - 1", b"\xff\xff\xff\xff\x0f", good=False)
    yield one("trailing", "a byte behind the names", _list((1, b"a")) + b"\0", good=False)
    yield one("name-beyond", "a name that ends behind its list", b"\1\1\x20a", good=False)
    yield one("index-padded", "an index in five bytes", b"\1" + uleb(1, 5) + b"\1a")
    yield one("index-unused-bits", "an index with bits that are not used", b"\1\x81\x80\x80\x80\x10\1a", good=False)
    yield one("index-2-30", "an index of 2^30", b"\1" + uleb(1 << 30) + b"\1a", good=False)
    many = [(place, b"f%d" % place) for place in range(3000)]
    yield one("many", "3,000 names", _list(*many))
    yield one("many-trailing", "3,000 names and a byte more", _list(*many) + b"\0", good=False)
    yield one(
        "many-name-beyond",
        "3,000 names and one that is too long",
        uleb(3001) + _list(*many)[2:] + b"\1\x7fa",
        good=False,
    )
    # The host bounds a name by its section, not by its list; then the list does not end where it says.
    crossing = custom("name", b"\1\x04" + b"\1\1\x06a" + b"\2\5abcde")
    yield _behind(
        "function-names-crossing", "a name that ends in the next list", crossing, fate="refused", words=CORRUPT
    )
    counted = custom("name", _sub(1, b"\3\1\0\2\0") + _sub(2, b"\0" * 8))
    yield _behind(
        "function-names-count-crossing",
        "a count that the list cannot hold, but the section can",
        counted,
        fate="refused",
        words=CORRUPT,
    )


def _precompiled() -> Iterator[Specimen]:
    code = custom("precompiled_wee8_v14.6.202.10_linux_x86_64", b"\x7fELF" + bytes(100))
    bad = custom("name", b"\1\x7f")
    yield _behind("precompiled", "machine code", code)
    yield Specimen("precompiled-first", "machine code before all others", bytes(plugin(before=(code,))))
    yield _behind("precompiled-other", "machine code for another host", custom("precompiled_v8_v1_windows", b"x"))
    yield _behind("precompiled-within", "a name that holds precompiled_", custom("my_precompiled_thing", b"x"))
    yield _behind("precompiled-twice", "machine code twice", code, code)
    yield _behind("precompiled-and-names", "names behind machine code", code, custom("name", _sub(1, _list((1, b"a")))))
    yield _behind(
        "precompiled-and-damaged-names", "damaged names behind machine code", code, bad, fate="refused", words=CORRUPT
    )
    # What lies behind is cut out before V8 sees it, so its name may be anything.
    yield _behind(
        "precompiled-and-custom",
        "a section with a name that is not UTF-8 behind machine code",
        code,
        custom(b"\xff", b"x"),
    )
    yield _behind(
        "precompiled-not-utf8", "machine code under a name that is not UTF-8", custom(b"precompiled_\xff", b"x")
    )
    yield _behind(
        "precompiled-and-unknown",
        "an unknown section behind machine code",
        code,
        Section(99, b""),
        fate="refused",
        words=BYTECODE,
    )
    yield Specimen(
        "precompiled-between",
        "machine code between version and types, and a custom section",
        bytes(plugin(before=(custom("a", b"x"), code, custom("b", b"y")))),
    )
    only = HEADER + bytes(code)
    yield Specimen("precompiled-only", "machine code and nothing else", only, "refused", MARKER)


def _others() -> Iterator[Specimen]:
    field = word("language") + vector([word("Rust") + word("")])
    yield _behind("producers", "a good section of producers", custom("producers", vector([field])))
    yield _behind("producers-cut", "producers cut short", custom("producers", vector([field])[:-3]))
    yield _behind("producers-twice", "producers twice", *(custom("producers", vector([field])),) * 2)
    yield _behind("producers-noise", "producers of noise", custom("producers", b"\xff" * 20))
    yield Specimen(
        "signature-first",
        "a signature before all others",
        bytes(plugin(before=(custom("signature_wasmsign", bytes(64)),))),
    )
    yield _behind("signature-last", "a signature at the end", custom("signature", bytes(118)))
    for name, content in {
        ".debug_info": b"\xff" * 5000,
        ".debug_line": b"",
        "sourceMappingURL": word("plugin.wasm.map"),
        "external_debug_info": b"\x7fx",
        "linking": b"\2\xff\xff",
        "reloc.CODE": b"\xff",
        "dylink.0": b"\xff\xff",
        "dylink": b"\xff\xff",
        "target_features": b"\x7f",
        "component-type": b"\xff",
        "build_id": b"\x20x",
        "metadata.code.branch_hint": b"\xff\xff",
        "metadata.code.trace_inst": b"\xff",
        "compilationHints": b"\xff\xff",
        "metadata.code.compilation_priority": b"\xff\xff",
        "metadata.code.instr_freq": b"\xff\xff",
        "metadata.code.call_targets": b"\xff\xff",
        "descriptors": b"\xff\xff",
        "wamr-aot": b"\0aot",
        "go:buildid": b"x",
        "go.version": b"x",
    }.items():
        yield _behind(f"custom-{name}", f"{name}, perhaps damaged", custom(name, content))
    yield _behind(
        "custom-sourceMappingURL-damaged", "the address of a source map, damaged", custom("sourceMappingURL", b"\x7fx")
    )
