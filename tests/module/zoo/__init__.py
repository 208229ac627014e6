"""A zoo of modules: what tools make, what users trip over, and what sits at the edges of the format.

Each specimen states what Envoy 1.40 does with it. ``integration/envoy`` asks a real one about all of them.
"""

from __future__ import annotations

from itertools import chain

from tests.module.zoo import (
    callbacks,
    code,
    customs,
    exports,
    files,
    imports,
    memories,
    references,
    running,
    sections,
    segments,
    types,
)
from tests.module.zoo.specimen import Specimen

__all__ = ["ZOO", "Specimen"]

_THEMES = (files, exports, callbacks, imports, references, memories, segments, sections, customs, types, code, running)
ZOO: tuple[Specimen, ...] = tuple(chain.from_iterable(theme.specimens() for theme in _THEMES))
