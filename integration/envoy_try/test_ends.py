"""Envoy is ended whatever happens to wasmimg."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.calling import WASMIMG
from integration.envoy_try.conftest import envoys

_PATIENCE = 20.0  # seconds


@contextmanager
def _trying(plugin: Path, environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*WASMIMG, "try", str(plugin), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("plugin", ["holding", "looping", "looping-at-start"])
def test_an_interrupt(
    plugin: str, number: signal.Signals, tried_plugins: dict[str, Path], calm: dict[str, str]
) -> None:
    with _trying(tried_plugins[plugin], calm) as process:
        _until(lambda: bool(envoys(calm)))
        process.send_signal(number)
        out, err = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err == "error: interrupted; everything half-done has been removed\n"
    assert envoys(calm) == []
    assert list(Path(calm["TMPDIR"]).iterdir()) == []


def test_an_interrupt_at_any_moment(tried_plugins: dict[str, Path], calm: dict[str, str]) -> None:
    for number in range(12):
        with _trying(tried_plugins["holding"], calm) as process:
            time.sleep(0.05 * number)  # seconds: all of its start
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=_PATIENCE)
        # Before wasmimg has begun, Python ends as every program does: by the signal, or with 1 while it loads site.
        early = (-signal.SIGINT, 1) if number < 4 and not err.startswith("error: ") else ()
        assert process.returncode in (130, *early), err
        assert "bug in wasmimg" not in err
        assert envoys(calm) == []
        assert list(Path(calm["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("plugin", ["holding", "looping-at-start"])
def test_kill_9_of_wasmimg_leaves_no_envoy(plugin: str, tried_plugins: dict[str, Path], calm: dict[str, str]) -> None:
    with _trying(tried_plugins[plugin], calm) as process:
        _until(lambda: bool(envoys(calm)))
        time.sleep(0.2)  # so that it is busy with the plugin
        process.kill()
        process.wait()
        _until(lambda: envoys(calm) == [])
