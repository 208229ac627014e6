"""What happens while a build runs, as data; the command line alone turns it into print."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from wasmimg.errors import WasmimgError

__all__ = ["Event", "Tell", "silent", "told_progress", "told_retries"]

_PAUSE = 0.1  # seconds between two words on one upload


class Event(NamedTuple):
    """``kind`` is ``step`` (what is being done), ``progress`` (how far that is), ``note`` (a
    decision and its reason), ``warning``, ``retry``, ``output`` (a line of an engine or of Envoy) or ``log`` (one of a plugin)."""

    kind: str
    text: str


Tell = Callable[[Event], None]


def told_progress(tell: Tell, doing: str) -> Callable[[str, int, int], None]:
    """A listener to uploads (digest, bytes so far, bytes in all) that tells of them now and then."""
    last = 0.0

    def hear(digest: str, sent: int, size: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _PAUSE:
            last = now
            tell(Event("progress", f"{doing}: {digest[7:19]} {sent / 1e6:.1f} of {size / 1e6:.1f} MB"))

    return hear


def told_retries(tell: Tell) -> Callable[[WasmimgError, float], None]:
    """A listener to retries (what failed, the pause in seconds) that tells of each."""

    def hear(error: WasmimgError, pause: float) -> None:
        reason = f" ({error.reason})" if error.reason else ""
        tell(Event("retry", f"{error.message}{reason}; again in {pause:.1f} s"))

    return hear


def silent(event: Event) -> None:
    """For callers who do not care."""
