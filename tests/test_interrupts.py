"""When Ctrl-C and SIGTERM are heard, and when they have to wait."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from wasmimg.errors import NoEngine
from wasmimg.interrupts import heard_again, heed_signals, held_back, uninterrupted

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = [signal.getsignal(number) for number in BOTH]
    yield
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", BOTH)
def test_both_are_keyboard_interrupts(number: signal.Signals) -> None:
    heed_signals()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)


def test_interrupts_are_heard_again_after_the_clean_up() -> None:
    handler = signal.getsignal(signal.SIGINT)
    with uninterrupted():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_that_is_held_back_is_seen_and_raised_at_the_end() -> None:
    seen: list[int] = []

    def begin() -> None:
        with held_back() as came:
            signal.raise_signal(signal.SIGINT)
            seen.extend(came)

    with pytest.raises(KeyboardInterrupt):
        begin()
    assert seen == [signal.SIGINT]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_counts_for_more_than_the_failure_it_came_with() -> None:
    def fail() -> None:
        with held_back():
            signal.raise_signal(signal.SIGINT)
            raise NoEngine("gone")

    with pytest.raises(KeyboardInterrupt):
        fail()


def test_what_cleans_up_holds_nothing_back() -> None:
    with uninterrupted(), held_back() as came:
        signal.raise_signal(signal.SIGINT)
        assert came == []


@pytest.mark.parametrize("number", BOTH)
def test_what_was_ignored_from_the_start_stays_ignored(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    heed_signals()
    with held_back() as came, uninterrupted():
        signal.raise_signal(number)
    signal.raise_signal(number)
    assert came == []
    assert signal.getsignal(number) is signal.SIG_IGN


def test_an_interrupt_that_python_would_drop_is_raised_again() -> None:
    class Victim:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def wait() -> None:
        with heard_again():
            Victim()
            time.sleep(5)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wait()
    assert time.monotonic() - began < 2
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
