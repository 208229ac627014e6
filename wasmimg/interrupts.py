"""Ctrl-C, SIGTERM and a closing terminal: each raises KeyboardInterrupt, and none where it must not.

One that was ignored when wasmimg was started, as nohup and shells do, stays ignored.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["heard_again", "heed_signals", "held_back", "no_longer_heed", "uninterrupted"]


_SOON = 0.005  # seconds
# SIGHUP is not on Windows.
_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


def heed_signals() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; for a main thread alone."""
    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, signal.default_int_handler)


def no_longer_heed() -> None:
    """Let them end the process in silence: at its very end, Python would tell of them with a traceback."""
    for number in _heeded():
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def heard_again() -> Iterator[None]:
    """Raise an interrupt once more that hit a destructor or a weak reference's callback, where Python drops it."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt) and hasattr(signal, "setitimer"):
            signal.signal(signal.SIGALRM, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, _SOON)
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Pass over all of them inside: what cleans up must not be cut short."""
    with _handled_by(_pass_over):
        yield


@contextmanager
def held_back() -> Iterator[list[int]]:
    """Let all of them wait until the end of the block.

    The block sees in the list which of them came. Raised anywhere inside, an interrupt could
    hit before what was begun is known, or in a destructor, where Python drops it.
    """
    came: list[int] = []
    if _pass_over in map(signal.getsignal, _heeded()):  # inside uninterrupted()
        yield came
        return
    try:
        with _handled_by(lambda number, _: came.append(number)):
            yield came
    finally:
        if came:
            signal.raise_signal(came[0])


def _heeded() -> list[signal.Signals]:
    return [one for one in _ENDING if signal.getsignal(one) is not signal.SIG_IGN]


# A function and not SIG_IGN, which the commands that are started inside would inherit.
def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # no other is ever interrupted
        yield
        return
    before = {number: signal.signal(number, handler) for number in _heeded()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier if earlier is not None else signal.SIG_DFL)
