"""A module as the host library reads it before V8 does: for the words it would have for a damaged one.

Source: proxy-wasm/proxy-wasm-cpp-host src/wasm.cc load; src/bytecode_util.cc getAbiVersion and getStrippedSource.
"""

from __future__ import annotations

from wasmimg.module.abi import MARKER
from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.reader import MAGIC

__all__ = ["words_for"]

_EXPORTS = 7


def words_for(data: memoryview) -> str:
    """What the proxy says to a file of which V8 would make no module; it has no words for an empty one."""
    if not len(data):
        return ""
    if len(data) >= 8 and data[:4] != MAGIC:  # what is shorter than a header passes for one
        return "Failed to parse corrupted Wasm module"
    try:
        if not _finds_marker(data):
            return "Missing or unknown Proxy-Wasm ABI version"
        _walk_sections(data)
    except MalformedModule:
        return "Failed to parse corrupted Wasm module"
    return "Failed to load Wasm bytecode"


def _finds_marker(data: memoryview) -> bool:
    # In any order of the sections; what lies behind the exports is not seen.
    at = 8
    while at < len(data):
        number = data[at]
        size, body = _read(data, at + 1)
        at = body + size
        if at > len(data):
            raise MalformedModule("a section is cut short", body)
        if number == _EXPORTS:
            return _among_exports(data[:at], body)
    return False


def _walk_sections(data: memoryview) -> None:
    at = 8
    while at < len(data):
        number = data[at]
        size, body = _read(data, at + 1)
        at = body + size
        if at > len(data):
            raise MalformedModule("a section is cut short", body)
        if number == 0:
            length, name = _read(data, body)
            if name + length > at:
                raise MalformedModule("the name of a custom section is cut short", body)


def _among_exports(data: memoryview, at: int) -> bool:
    count, at = _read(data, at)
    if at + count > len(data):
        raise MalformedModule("the exports are cut short", at)
    for _ in range(count):
        size, at = _read(data, at)
        stop = at + size
        if stop >= len(data):
            raise MalformedModule("an export is cut short", at)
        if data[stop] == 0 and bytes(data[at:stop]).startswith(MARKER.encode()):
            return True
        _, at = _read(data, stop + 1)
    return False


def _read(data: memoryview, at: int) -> tuple[int, int]:
    value, after = read_u32(data, at)
    if value >= 1 << 30:  # parseVarint wants no more of the fifth byte
        raise MalformedModule("a number does not fit into 30 bits", at)
    return value, after
