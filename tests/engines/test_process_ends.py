"""A command that hangs or is interrupted ends with all of its children; one that works is left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.fakes import is_running
from wasmimg.engines import process
from wasmimg.engines.process import Finished, Limits, run_command
from wasmimg.errors import EngineFailed, NetworkFailed

IDLE = 0.15
GRACE = 0.1
# Writes its own number and that of a child to the file named first, says "ready", and falls silent.
FAMILY = 'sleep 30 & echo $$ $! >"$1"; sleep 0.05; echo ready; wait'
STUBBORN = "trap '' TERM; " + FAMILY


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_POLL", 0.02)
    monkeypatch.setattr(process, "_GRACE", GRACE)


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A file for the numbers of processes; those still running are ended after the test."""
    path = tmp_path / "pids"
    yield path
    for pid in _running(path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _running(pids: Path) -> list[int]:
    """Those in the file that go on running; one that was killed may take a moment to end."""
    numbers = [int(word) for word in pids.read_text().split()] if pids.exists() else []
    began = time.monotonic()
    while (left := [pid for pid in numbers if is_running(pid)]) and time.monotonic() - began < 0.5:
        time.sleep(0.01)
    return left


def _run(*argv: str, idle: float = IDLE, network: bool = False) -> Finished:
    return run_command(argv, environment=dict(os.environ), limits=Limits(idle), network=network)


def _python(script: str, idle: float = IDLE) -> Finished:
    return _run(sys.executable, "-uSc", f"import sys, time, os\n{script}", idle=idle)


@pytest.mark.parametrize("script", [FAMILY, STUBBORN], ids=["obedient", "stubborn"])
def test_a_command_that_hangs_ends_with_its_children(script: str, pids: Path) -> None:
    began = time.monotonic()
    with pytest.raises(EngineFailed, match=r"sh -c moved no byte for 0\.15 seconds, and was ended") as caught:
        _run("sh", "-c", script, "sh", str(pids))
    assert time.monotonic() - began < IDLE + 2 * GRACE + 1
    assert len(pids.read_text().split()) == 2
    assert _running(pids) == []
    assert "idle_timeout" in (caught.value.hint or "")


def test_a_push_that_hangs_may_be_tried_again(pids: Path) -> None:
    with pytest.raises(NetworkFailed, match="moved no byte") as caught:
        _run("sh", "-c", FAMILY, "sh", str(pids), network=True)
    assert caught.value.transient
    assert caught.value.reason == "ready"


def test_a_command_that_speaks_is_not_cut() -> None:
    assert _python("for n in range(14): print(n); time.sleep(0.03)").stdout.endswith("13")


def test_a_command_that_shows_progress_on_one_line_is_not_cut() -> None:
    done = _python(r"for n in range(14): sys.stdout.write(f'\r{n}%'); sys.stdout.flush(); time.sleep(0.03)")
    assert done.stdout.endswith("13%")


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux tells how many bytes a process moved")
def test_a_command_that_moves_bytes_in_silence_is_not_cut() -> None:
    script = "out = os.open(os.devnull, os.O_WRONLY)\nfor n in range(14): os.write(out, bytes(4096)); time.sleep(0.03)"
    assert _python(script).status == 0


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux tells how many bytes a process moved")
def test_a_child_that_moves_bytes_keeps_its_parent() -> None:
    child = (
        "import os,time\\nout=os.open(os.devnull,1)\\nfor n in range(14): os.write(out,bytes(4096)); time.sleep(0.03)"
    )
    assert _run("sh", "-c", f"'{sys.executable}' -Sc \"$(printf '{child}')\"; true").status == 0


def test_a_command_that_ends_is_not_waited_for_longer() -> None:
    began = time.monotonic()
    _run("true", idle=30)
    assert time.monotonic() - began < 1


def test_a_command_that_closes_its_output_first_is_not_waited_for_longer() -> None:
    began = time.monotonic()
    assert _run("sh", "-c", "echo done; exec >&- 2>&-; sleep 0.05", idle=30).stdout == "done"
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("script", [FAMILY, STUBBORN], ids=["obedient", "stubborn"])
def test_an_interrupt_ends_the_command_and_its_children(script: str, pids: Path) -> None:
    def interrupt(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run_command(
            ("sh", "-c", script, "sh", str(pids)),
            environment=dict(os.environ),
            limits=Limits(10),
            on_line=interrupt,
        )
    assert len(pids.read_text().split()) == 2
    assert _running(pids) == []


@pytest.mark.parametrize(
    "script, done", [('echo a; sleep 0.2; echo b; : >"$1"', True), ("echo a; exec sleep 30", False)]
)
def test_a_whole_command_may_finish_before_an_interrupt_ends_it(
    script: str, done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE", 0.6)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_command(
            ("sh", "-c", script, "sh", str(tmp_path / "done")),
            environment=dict(os.environ),
            limits=Limits(10),
            whole=True,
            on_line=lambda line: os.kill(os.getpid(), signal.SIGINT) if line == "a" else None,
        )
    assert (tmp_path / "done").exists() is done
    assert time.monotonic() - began < 5


def test_an_interrupt_while_a_command_starts_leaves_nothing(pids: Path) -> None:
    def interrupted(delay: float) -> None:
        signal.setitimer(signal.ITIMER_REAL, delay)
        _run("sh", "-c", 'echo $$ >>"$1"; exec sleep 30', "sh", str(pids), idle=1)

    before = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        for step in range(10):
            with pytest.raises(KeyboardInterrupt):
                interrupted(0.001 + step * 0.0004)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    time.sleep(0.05)
    assert _running(pids) == []


def test_a_listener_that_fails_is_not_taken_for_a_hang() -> None:
    def closed(line: str) -> None:
        raise BrokenPipeError("nobody reads this")

    began = time.monotonic()
    with contextlib.suppress(BrokenPipeError):
        done = run_command(("sh", "-c", "seq 20000"), environment=dict(os.environ), limits=Limits(1.0), on_line=closed)
        assert done.status == 0
    assert time.monotonic() - began < 1.0
