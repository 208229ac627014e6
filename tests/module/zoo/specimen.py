"""What a member of the zoo is, and the plugin that most of them are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, NamedTuple

from tests.module.assembler import Function, Import, Module, i32, i64, limits, uleb, word

__all__ = [
    "BYTECODE",
    "CORRUPT",
    "HEADER_CODE",
    "INITIALIZE",
    "INSTANCE",
    "MALLOC",
    "MARKER",
    "MISSING",
    "SEGFAULT",
    "UNREACHABLE",
    "Fate",
    "Specimen",
    "active",
    "bad_signature",
    "function",
    "global_",
    "in_words",
    "indexes",
    "plugin",
    "response",
    "table",
]

Fate = Literal["header", "silent", "fails", "dies", "refused", "crashes"]

CORRUPT = "Failed to parse corrupted Wasm module"
BYTECODE = "Failed to load Wasm bytecode"
UNREACHABLE = "unreachable code"
SEGFAULT = "Caught Segmentation fault"
INITIALIZE = "Failed to initialize Wasm code"
INSTANCE = "Failed to create new Wasm instance"
MARKER = "Missing or unknown Proxy-Wasm ABI version"
MALLOC = "Wasm module is missing malloc function."
_WORDS = {"i": "i32", "I": "i64", "f": "f32", "F": "f64"}
MISSING = "Failed to load Wasm module due to a missing import: "


class Specimen(NamedTuple):
    """A module and what Envoy 1.40 makes of it, as it was seen to do.

    ``fate`` is what comes of a request: ``header`` (200, with the plugin's ``x-wasmimg``), ``silent`` (200 without),
    ``fails`` (503), ``dies`` (Envoy itself, at the first request); or that it does not load: ``refused``, or
    ``crashes`` (Envoy itself, while it loads it). ``words`` are within one line of what Envoy says then;
    ``running`` says why only running can tell.
    """

    name: str
    what: str
    module: bytes
    fate: Fate = "header"
    words: str = ""
    running: str = ""

    @property
    def loads(self) -> bool:
        """Whether ``envoy --mode validate`` takes it."""
        return self.fate not in ("refused", "crashes")


def in_words(signature: str) -> str:
    """A type as Envoy prints it: ``i32 i64 -> void``."""
    return " -> ".join(" ".join(_WORDS[letter] for letter in side) or "void" for side in signature.split(">"))


def bad_signature(name: str, want: str, have: str) -> str:
    """What Envoy says of an exported function of the wrong type."""
    return f"Bad function signature for: {name}, want: {in_words(want)}, but the module exports: {in_words(have)}"


def active(at: int, content: bytes, *, wide: bool = False) -> bytes:
    """A data segment that is written to ``at`` at the start."""
    return b"\0" + (i64(at) if wide else i32(at)) + b"\x0b" + word(content)


# proxy_add_header_map_value(response headers, "x-wasmimg", "ok"), whose result is dropped
HEADER_CODE = i32(2) + i32(16) + i32(9) + i32(25) + i32(2) + b"\x10\0\x1a"
_ADD = Import("env", "proxy_add_header_map_value", "iiiii>i")


def response(code: bytes = b"", *, abi: str = "0_2_1", **more: Any) -> Function:
    """The callback that adds the header, after it ran ``code``."""
    return Function("ii>i" if abi == "0_1_0" else "iii>i", code + HEADER_CODE + i32(0), **more)


def function(type_: str, answer: int = 0) -> Function:
    """A function that gives ``answer`` of whatever type it is to give."""
    constants = {"": b"", "i": i32(answer), "I": i64(answer), "f": b"\x43" + bytes(4), "F": b"\x44" + bytes(8)}
    constants |= {"v": b"\xfd\x0c" + bytes(16), "r": b"\xd0\x70", "x": b"\xd0\x6f", "a": b"\xd0\x6e", "e": b"\xd0\x69"}
    return Function(type_, b"".join(constants[letter] for letter in type_.split(">")[1]))


def plugin(
    *,
    abi: str = "0_2_1",
    marker: str | None = "",
    imports: tuple[Import, ...] = (),
    more: tuple[tuple[str | bytes, Function], ...] = (),
    names: tuple[tuple[str | bytes, int, int], ...] = (),
    header: Function | None = None,
    malloc: str | None = "malloc",
    memory: str | None = "memory",
    **changes: Any,
) -> Module:
    """A plugin that adds a header, with whatever else is asked for.

    ``more`` are further functions with the names of their exports, ``names`` further exports; function 0 is
    the one that adds a header, the other imported ones follow, and then marker, malloc and callback.
    """
    own = 1 + sum(isinstance(one.what, str) or one.what[:1] == b"\0" for one in imports)
    functions = (function(">"), function("i>i", 1024), header or response(abi=abi), *(one for _, one in more))
    exports = (
        *([(memory, 2, 0)] if memory is not None else []),
        *([(f"proxy_abi_version_{abi}" if marker == "" else marker, 0, own)] if marker is not None else []),
        *([(malloc, 0, own + 1)] if malloc is not None else []),
        ("proxy_on_response_headers", 0, own + 2),
        *((name, 0, own + 3 + place) for place, (name, _) in enumerate(more)),
        *names,
    )
    base = Module(
        imports=(_ADD, *imports),
        functions=functions,
        memories=(limits(1),),
        exports=exports,
        data=(active(16, b"x-wasmimgok"),),
    )
    return replace(base, **changes)


def global_(type_: int, code: bytes, mutable: int = 0) -> bytes:
    """A global: the byte of its type, and its first value without ``end``."""
    return bytes([type_, mutable]) + code + b"\x0b"


def table(type_: bytes, least: int = 1, most: int | None = None) -> bytes:
    """A table of references."""
    return type_ + limits(least, most)


def indexes(*numbers: int) -> bytes:
    """A list of indexes."""
    return uleb(len(numbers)) + b"".join(map(uleb, numbers))
