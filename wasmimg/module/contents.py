"""What is in a module, for people: its ABI, the tools that made it, and where its bytes are.

Sources: WebAssembly core specification 5.5 (sections, exports); tool-conventions
ProducersSection.md (the custom section ``producers``); proxy-wasm/spec (ABI markers).
"""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.abi import abis_of
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import read_outline
from wasmimg.module.producers import Tool, read_tools
from wasmimg.module.reader import Sections, read_sections, sniff

__all__ = ["Contents", "read_contents", "sizes_of"]


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
        tools = read_tools(data, sections)
        abi = next(iter(abis_of(read_outline(data).functions)), None)
    except MalformedModule as error:
        fault = str(error)
    return Contents(kind, len(data), abi, tools, tuple(sizes_of(len(data), sections).items()), fault)


def sizes_of(total: int, sections: Sections) -> dict[str, int]:
    """How many bytes are code, data, names, debug, custom (other custom sections) and other."""
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
