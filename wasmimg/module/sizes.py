"""Where the bytes of a module are."""

from __future__ import annotations

from wasmimg.module.reader import Sections

__all__ = ["sizes_of"]


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
