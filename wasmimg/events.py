"""What happens while a build runs, as data; the command line alone turns it into print."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Event", "Tell", "silent"]


class Event(NamedTuple):
    """``kind`` is ``step`` (what is being done), ``note`` (a decision and its reason),
    ``warning``, ``retry`` or ``output`` (a line of docker or buildah)."""

    kind: str
    text: str


Tell = Callable[[Event], None]


def silent(event: Event) -> None:
    """For callers who do not care."""
