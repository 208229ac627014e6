"""A reader of WebAssembly modules: the preamble and the sections.

It never trusts a length and never reads code. Source: WebAssembly core specification,
chapter 5.5 "Modules" (binary format).
"""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_u32

__all__ = ["PRECOMPILED", "Section", "Sections", "read_sections", "sniff"]

MAGIC = b"\0asm"
CORE_VERSION = b"\x01\0\0\0"
COMPONENT_VERSION = b"\x0d\0\x01\0"  # component-model design/mvp/Binary.md: version 13, layer 1

# The host cuts out custom sections with this in their name, and all custom ones behind the first of them
# (proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc stripMatchingSections).
PRECOMPILED = "precompiled_"

_SECTION_NAMES = (
    "custom", "type", "import", "function", "table", "memory", "global", "export", "start", "element", "code", "data",
    "data count", "tag",
)  # fmt: skip
# The order that the specification prescribes; "data count" stands before "code".
_ORDER = {number: place for place, number in enumerate((1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11))}


class Section(NamedTuple):
    """A section: its number, its name, and where its content lies (bytes)."""

    number: int
    name: str
    start: int
    size: int


Sections = tuple[Section, ...]


def sniff(data: memoryview) -> str:
    """What the first bytes say the file is: ``core``, or in plain words what else."""
    head = bytes(data[:512])
    if head[:4] == MAGIC:
        if head[4:8] == CORE_VERSION:
            return "core"
        if head[4:8] == COMPONENT_VERSION:
            return "component"
        return "version" if len(head) >= 8 else "truncated"
    if not head:
        return "empty"
    for magic, kind in _OTHERS:
        if head.startswith(magic):
            return kind
    if head[257:262] == b"ustar":
        return "a tar archive"
    if head.lstrip().startswith((b"(", b";;")):
        return "WebAssembly text (.wat); assemble it with wat2wasm"
    if head.lstrip()[:1] == b"<":
        return "HTML or XML, perhaps the error page of a download"
    if MAGIC.startswith(head[:4]):
        return "truncated"
    if all(byte in b"\t\n\r\f\x1b" or 32 <= byte < 127 for byte in head):
        return "text"
    return "not WebAssembly"


_OTHERS = (
    (b"\x1f\x8b", "gzip-compressed; unpack it with gunzip"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed; unpack it with unzstd"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x7fELF", "a program for Linux (ELF), not compiled to wasm"),
    (b"MZ", "a program for Windows"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"BC\xc0\xde", "LLVM bitcode, not linked to wasm"),
    (b"#!", "a script"),
)


def read_sections(data: memoryview) -> Sections:
    """Walk over the sections of a core module; raises MalformedModule."""
    found: list[Section] = []
    at, size, place, stripped = 8, len(data), -1, False
    while at < size:
        number = data[at]
        if number >= len(_SECTION_NAMES):
            raise MalformedModule(f"section number {number} does not exist", at)
        length, body = read_u32(data, at + 1)
        if body + length > size:
            raise MalformedModule(
                f"the {_SECTION_NAMES[number]} section wants {length} bytes and only {size - body} follow: the file is cut short",
                at,
            )
        name = _SECTION_NAMES[number]
        if number == 0:
            name_length, name_start = read_u32(data, body)
            if name_start + name_length > body + length:
                raise MalformedModule("the name of a custom section is longer than the section", body)
            # V8 wants UTF-8 and never sees what is stripped.
            name = str(data[name_start : name_start + name_length], "utf-8", "replace")
            stripped = stripped or PRECOMPILED in name
            if "\ufffd" in name and not stripped:
                _check_text(data[name_start : name_start + name_length], body)
        else:
            if _ORDER[number] <= place:
                raise MalformedModule(f"the {name} section is out of order or there twice", at)
            place = _ORDER[number]
        found.append(Section(number, name, body, length))
        at = body + length
    return tuple(found)


def _check_text(name: memoryview, at: int) -> None:
    try:
        str(name, "utf-8")
    except UnicodeDecodeError:
        raise MalformedModule("the name of a custom section is not UTF-8", at) from None
