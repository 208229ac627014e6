"""A module as the host library reads it before V8 does: for the words it would have for a damaged one.

Source: proxy-wasm/proxy-wasm-cpp-host src/wasm.cc load; src/bytecode_util.cc getAbiVersion, getCustomSection
and getStrippedSource.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmimg.module.abi import MARKER
from wasmimg.module.function_names import NAMES, check_function_names
from wasmimg.module.numbers import MalformedModule, read_u30
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
    for number, body, end in _sections(data):
        if number == _EXPORTS:
            return _among_exports(data[:end], body)
    return False


def _walk_sections(data: memoryview) -> None:
    named = False
    for number, body, end in _sections(data):
        if number == 0:
            length, name = read_u30(data, body)
            if name + length > end:
                raise MalformedModule("the name of a custom section is cut short", body)
            if not named and data[name : name + length] == NAMES.encode():
                named = True
                check_function_names(data, body, end)


def _sections(data: memoryview) -> Iterator[tuple[int, int, int]]:
    """The number of each section, and where its content begins and ends."""
    at = 8
    while at < len(data):
        number = data[at]
        size, body = read_u30(data, at + 1)
        at = body + size
        if at > len(data):
            raise MalformedModule("a section is cut short", body)
        yield number, body, at


def _among_exports(data: memoryview, at: int) -> bool:
    count, at = read_u30(data, at)
    if at + count > len(data):
        raise MalformedModule("the exports are cut short", at)
    for _ in range(count):
        size, at = read_u30(data, at)
        stop = at + size
        if stop >= len(data):
            raise MalformedModule("an export is cut short", at)
        if data[stop] == 0 and bytes(data[at:stop]).startswith(MARKER.encode()):
            return True
        _, at = read_u30(data, stop + 1)
    return False
