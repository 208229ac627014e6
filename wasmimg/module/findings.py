"""A finding of ``check`` as data."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LEVELS", "Finding"]

LEVELS = ("error", "warning", "note")


class Finding(NamedTuple):
    """``level`` is one of LEVELS; ``code`` is stable; ``fix`` says what to do.

    ``words`` are what the proxy itself would say, if it says anything. ``hosts`` are those that
    the finding holds for; none stands for every proxy.
    """

    level: str
    code: str
    message: str
    fix: str
    words: str = ""
    hosts: tuple[str, ...] = ()
