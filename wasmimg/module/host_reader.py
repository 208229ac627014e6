"""A module as the host library reads it before V8 does: for the words it would have for a damaged one.

Source: proxy-wasm/proxy-wasm-cpp-host src/wasm.cc load; src/bytecode_util.cc getAbiVersion and getStrippedSource.
"""

from __future__ import annotations

from wasmimg.module.abi import MARKER
from wasmimg.module.numbers import MalformedModule, read_u32

__all__ = ["finds_marker", "walk_sections"]

_EXPORTS = 7


def finds_marker(data: memoryview) -> bool:
    """Whether an ABI marker is found; raises MalformedModule where the host gives up.

    It walks over the sections in any order and stops at the exports, so that it never sees what lies behind.
    """
    at = 8
    while at < len(data):
        number = data[at]
        size, body = read_u32(data, at + 1)
        at = body + size
        if at > len(data):
            raise MalformedModule("a section is cut short", body)
        if number == _EXPORTS:
            return _among_exports(data[:at], body)
    return False


def walk_sections(data: memoryview) -> None:
    """Raises MalformedModule where the host gives up on the sections, of which it reads the custom ones' names."""
    at = 8
    while at < len(data):
        number = data[at]
        size, body = read_u32(data, at + 1)
        at = body + size
        if at > len(data):
            raise MalformedModule("a section is cut short", body)
        if number == 0:
            length, name = read_u32(data, body)
            if name + length > len(data):
                raise MalformedModule("the name of a custom section is cut short", body)


def _among_exports(data: memoryview, at: int) -> bool:
    count, at = read_u32(data, at)
    if at + count > len(data):
        raise MalformedModule("the exports are cut short", at)
    for _ in range(count):
        size, at = read_u32(data, at)
        stop = at + size
        if stop >= len(data):
            raise MalformedModule("an export is cut short", at)
        if data[stop] == 0 and bytes(data[at:stop]).startswith(MARKER.encode()):
            return True
        _, at = read_u32(data, stop + 1)
    return False
