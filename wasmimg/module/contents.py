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
from wasmimg.module.reader import read_sections, sniff
from wasmimg.module.sizes import sizes_of

__all__ = ["Contents", "read_contents"]


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
