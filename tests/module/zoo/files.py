"""Files that are no module, or only the beginning of one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import accumulate

from tests.module.assembler import HEADER, Module, Section, custom, vector, word
from tests.module.zoo.specimen import BYTECODE, CORRUPT, MARKER, Specimen, plugin

_GOOD = bytes(plugin())
_COMPONENT = b"\0asm\x0d\0\1\0"
_WAT = b'(module (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1")))\n'


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield Specimen("good", "the plain plugin", _GOOD)
    yield from _others()
    yield from _headers()
    yield from _cut()
    yield from _tails()


def _refused(name: str, what: str, module: bytes, words: str) -> Specimen:
    return Specimen(name, what, module, "refused", words)


def _others() -> Iterator[Specimen]:
    yield _refused("empty", "no byte", b"", "Plugin plugin failed to load")
    yield _refused("one-byte", "one zero byte", b"\0", MARKER)
    yield _refused("short-text", "seven letters: fewer bytes than a header", b"not wasm"[:7], MARKER)
    yield _refused("html", "an error page", b"<!doctype html><title>404</title><h1>Not Found</h1>", CORRUPT)
    yield _refused("json", "an error of a registry", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', CORRUPT)
    yield _refused("text", "WebAssembly text", _WAT, CORRUPT)
    yield _refused("gzip", "the plugin compressed", gzip.compress(_GOOD, mtime=0), CORRUPT)
    yield _refused("elf", "a program for Linux", b"\x7fELF\2\1\1" + bytes(57), CORRUPT)
    yield _refused("zip", "an archive", b"PK\3\4" + bytes(60), CORRUPT)
    yield _refused("zeros", "64 zero bytes", bytes(64), CORRUPT)
    yield _refused("big-endian-magic", "the magic number backwards", b"msa\0" + _GOOD[4:], CORRUPT)
    yield _refused("bom", "a byte order mark in front", b"\xef\xbb\xbf" + _GOOD, CORRUPT)
    yield _refused("newline-in-front", "a line feed in front", b"\n" + _GOOD, CORRUPT)
    yield _refused(
        "text-mode", "copied as text: each line feed became two bytes", _GOOD.replace(b"\n", b"\r\n"), BYTECODE
    )


def _headers() -> Iterator[Specimen]:
    yield _refused("magic-only", "the magic number alone", HEADER[:4], MARKER)
    yield _refused("seven-bytes", "a header without its last byte", HEADER[:7], MARKER)
    yield _refused("header-only", "a header and nothing else", HEADER, MARKER)
    for version in (0, 2, 0x0D):
        module = b"\0asm" + version.to_bytes(4, "little") + _GOOD[8:]
        yield _refused(f"version-{version}", f"the plugin with version {version}", module, BYTECODE)
    yield _refused("version-1-layer-1", "the plugin with layer 1", b"\0asm\1\0\1\0" + _GOOD[8:], BYTECODE)
    yield _refused("component", "the smallest component", _COMPONENT, MARKER)
    nested = _COMPONENT + bytes(Section(1, _GOOD))
    yield _refused("component-around", "a component around the plugin", nested, MARKER)
    # In a component 7 is the number of types: here one function type without parameters, which gives a string.
    types = _COMPONENT + bytes(Section(7, b"\1\x40\0\0\x73"))
    yield _refused("component-types", "a component whose types are taken for exports", types, CORRUPT)
    yield _refused(
        "component-with-plugin-body", "a component's header before the plugin", _COMPONENT + _GOOD[8:], BYTECODE
    )


def _cut() -> Iterator[Specimen]:
    sections = plugin().sections()
    ends = [len(HEADER) + size for size in accumulate(len(bytes(one)) for one in sections)]
    for section, end in zip(sections, ends, strict=True):
        words = MARKER if section.number < 7 else BYTECODE
        if section.number < 10:
            yield _refused(
                f"ends-after-{section.number}", f"cut right after section {section.number}", _GOOD[:end], words
            )
        yield _refused(f"cut-in-{section.number}", f"cut within section {section.number}", _GOOD[: end - 1], CORRUPT)
        start = end - len(section.content)
        yield _refused(
            f"cut-before-{section.number}", f"section {section.number} has no content", _GOOD[:start], CORRUPT
        )
    yield Specimen("ends-after-10", "cut before the data, which are not missed", _GOOD[: ends[-2]], "silent")
    yield _refused("cut-after-number", "cut after the number of the last section", _GOOD[: ends[-2] + 1], CORRUPT)


def _tails() -> Iterator[Specimen]:
    yield _refused("tail-one-zero", "one zero byte behind the end", _GOOD + b"\0", CORRUPT)
    yield _refused("tail-zeros", "padded with zeros to the next 512", _GOOD.ljust(512, b"\0"), CORRUPT)
    yield _refused("tail-newline", "a line feed behind the end", _GOOD + b"\n", CORRUPT)
    yield _refused("tail-text", "text behind the end", _GOOD + b"-----END-----", CORRUPT)
    yield _refused("tail-module", "two modules in one file", _GOOD + _GOOD, CORRUPT)
    yield _refused("tail-section-beyond", "a last section that ends behind the file", _GOOD + b"\0\x20\1a", CORRUPT)
    yield Specimen("tail-custom", "a custom section at the end", _GOOD + bytes(custom("padding", bytes(1000))))
    yield Specimen(
        "wasi-program",
        "a plain WASI program: _start, and no marker",
        bytes(plugin(marker=None, malloc=None, more=())).replace(
            b"proxy_on_response_headers", b"proxy_xx_response_headers"
        ),
        "refused",
        MARKER,
    )
    only = Module(instead=((7, Section(7, vector([word("proxy_abi_version_0_2_1") + b"\0\0"]))),))
    yield _refused("only-exports", "nothing but an export section", bytes(only), BYTECODE)
