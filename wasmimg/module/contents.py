"""What is in a module, for people: its ABI, the tools that made it, and where its bytes are.

Sources: WebAssembly core specification 5.5 (sections, exports); tool-conventions
ProducersSection.md (the custom section ``producers``); proxy-wasm/spec (ABI markers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from wasmimg.module.reader import MalformedModule, Section, read_sections, read_u32, sniff

__all__ = ["Contents", "Tool", "read_contents"]

_MARKER = "proxy_abi_version_"
_FUNCTION = 0


class Tool(NamedTuple):
    """One entry of ``producers``: ``field`` is language, processed-by or sdk."""

    field: str
    name: str
    version: str


class Contents(NamedTuple):
    """``kind`` is ``core``, or what :func:`sniff` says it is. ``abi`` is as in ``0.2.1``.

    ``sizes`` are bytes: of code, data, names, debug information, other custom sections, and the
    rest. ``fault`` says why the reading ended early, if it did.
    """

    kind: str
    size: int
    abi: str | None = None
    tools: tuple[Tool, ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    fault: str = ""


def read_contents(data: memoryview) -> Contents:
    """Read as much of a module as can be read; raises nothing."""
    kind = sniff(data)
    if kind != "core":
        return Contents(kind, len(data))
    try:
        sections = read_sections(data)
    except MalformedModule as error:
        return Contents(kind, len(data), fault=str(error))
    abi, tools, fault = None, tuple[Tool, ...](), ""
    try:
        abi = next((_abi(name) for name in _exported_functions(data, sections) if name.startswith(_MARKER)), None)
        tools = tuple(_tools(data, sections))
    except MalformedModule as error:
        fault = str(error)
    return Contents(kind, len(data), abi, tools, tuple(_sizes(len(data), sections).items()), fault)


def _abi(marker: str) -> str:
    return marker.removeprefix(_MARKER).replace("_", ".")


def _sizes(total: int, sections: tuple[Section, ...]) -> dict[str, int]:
    sizes = {"code": 0, "data": 0, "names": 0, "debug": 0, "custom": 0}
    for section in sections:
        if section.number != 0:
            place = section.name
        elif section.name == "name":
            place = "names"
        elif section.name.startswith((".debug_", "reloc..debug_")) or section.name == "sourceMappingURL":
            place = "debug"
        else:
            place = "custom"
        if place in sizes:
            sizes[place] += section.size
    return {**sizes, "other": total - sum(sizes.values())}


def _exported_functions(data: memoryview, sections: tuple[Section, ...]) -> Iterator[str]:
    for section in sections:
        if section.number == 7:
            end = section.start + section.size
            count, at = read_u32(data, section.start)
            for _ in range(count):
                name, at = _name(data, at, end)
                if at >= end:
                    raise MalformedModule("the export section is cut short", at)
                kind = data[at]
                _, at = read_u32(data, at + 1)
                if kind == _FUNCTION:
                    yield name


def _tools(data: memoryview, sections: tuple[Section, ...]) -> Iterator[Tool]:
    for section in sections:
        if section.number == 0 and section.name == "producers":
            end = section.start + section.size
            _, at = _name(data, section.start, end)
            fields, at = read_u32(data, at)
            for _ in range(fields):
                field, at = _name(data, at, end)
                values, at = read_u32(data, at)
                for _ in range(values):
                    name, at = _name(data, at, end)
                    version, at = _name(data, at, end)
                    yield Tool(field, name, version)


def _name(data: memoryview, at: int, end: int) -> tuple[str, int]:
    size, start = read_u32(data, at)
    if start + size > end:
        raise MalformedModule("a name is longer than its section", at)
    return bytes(data[start : start + size]).decode("utf-8", "replace"), start + size
