"""The custom section ``producers``: the tools that made a module.

Source: WebAssembly/tool-conventions ProducersSection.md.
"""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule, read_name, read_u32
from wasmimg.module.reader import Sections

__all__ = ["Tool", "read_tools"]


class Tool(NamedTuple):
    """One entry of ``producers``: ``field`` is language, processed-by or sdk."""

    field: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


def read_tools(data: memoryview, sections: Sections) -> tuple[Tool, ...]:
    """The tools as they are listed; raises MalformedModule when the section says what it does not hold."""
    found = []
    for section in sections:
        if section.number == 0 and section.name == "producers":
            end = section.start + section.size
            within = data[:end]
            _, at = read_name(within, section.start, end)
            fields, at = read_u32(within, at)
            for _ in range(fields):
                field, at = read_name(within, at, end)
                values, at = read_u32(within, at)
                if values > end - at:
                    raise MalformedModule("producers lists more than it holds", at)
                for _ in range(values):
                    name, at = read_name(within, at, end)
                    version, at = read_name(within, at, end)
                    found.append(Tool(field, name, version))
    return tuple(found)
