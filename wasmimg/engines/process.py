"""Running docker and buildah: all use of ``sh`` is in this file.

``sh`` gives a command a terminal by default, cuts its messages, and kills only the child when
time is up; here every command has its own session, pipes, a bounded record of what it said,
and is ended as a whole group.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.errors import EngineFailed, NetworkFailed, NoEngine
from wasmimg.retry import Kind, classify_text

__all__ = ["Finished", "Limits", "find_program", "run_command"]

_TAIL = 200  # lines kept of each stream
_LINE = 4096  # characters kept of each line
_POLL = 0.2  # seconds
_MOVED = 1024  # bytes of I/O since the last look that count as progress
_GRACE = 5.0  # seconds between asking a command to end and ending it
_URL_SECRET = re.compile(r"(://[^/@\s:]*):[^/@\s]+@")


class Limits(NamedTuple):
    """``idle``: seconds without a byte after which a command counts as hung."""

    idle: float


class Finished(NamedTuple):
    """A command that ended: its exit status and the last lines of what it said."""

    status: int
    stdout: str
    stderr: str


def find_program(name: str, environment: Mapping[str, str]) -> str:
    """The path of ``name`` on PATH; raises NoEngine."""
    found = shutil.which(name, path=environment.get("PATH"))
    if found is None:
        raise NoEngine(
            f"{name} is not installed: it is not on PATH",
            hint=f"install {name}, or build without it: --engine embedded",
        )
    if sys.platform == "win32":
        raise NoEngine(f"{name} cannot be driven from Windows", hint="use --engine embedded, or run wasmimg in WSL")
    return found


def run_command(
    argv: tuple[str, ...],
    *,
    environment: Mapping[str, str],
    stdin: Path | None = None,
    limits: Limits,
    network: bool = False,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
) -> Finished:
    """Run ``argv`` to its end; ``stdin`` is a file for its standard input.

    Raises, when it fails and ``check`` is set, the error that its words stand for; when it hangs,
    NetworkFailed for a ``network`` command and EngineFailed else. Whatever ends the wait, an
    interrupt too, ends the command and all of its children first.
    """
    import sh

    program = find_program(argv[0], environment)
    record = _Record(on_line)
    ended = threading.Event()
    source: Any = None
    try:
        if stdin is not None:
            source = open(stdin, "rb")  # noqa: SIM115 (closed below, when the command has ended)
        try:
            process: Any = sh.Command(program)(
                *argv[1:],
                _bg=True,
                _bg_exc=False,
                _new_session=True,
                _tty_in=False,
                _tty_out=False,
                _truncate_exc=False,
                _return_cmd=True,
                _no_out=True,
                _no_err=True,
                _encoding="utf-8",
                _decode_errors="replace",
                _env=dict(environment),
                _in=source if source is not None else b"",
                _out=record.out,
                _err=record.err,
                _done=lambda *_: ended.set(),
            )
        except OSError as error:
            raise NoEngine(f"{argv[0]} cannot be run", reason=str(error)) from None
        try:
            hung = _wait(process.pid, ended, record, limits.idle)
        except BaseException:
            _end_session(process.pid, ended)
            raise
        if hung:
            _end_session(process.pid, ended)
        status = _status(process)
    finally:
        if source is not None:
            source.close()
    finished = Finished(status, record.text("out"), record.text("err"))
    if hung:
        raise _hung(argv, limits, network, finished)
    if check and status != 0:
        raise _failed(argv, finished)
    return finished


def _status(process: Any) -> int:
    try:
        process.wait()
    except Exception as error:
        return int(getattr(error, "exit_code", 1))
    return int(process.exit_code or 0)


class _Record:
    """The last lines of both streams, and when there was a last one."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._lines: dict[str, deque[str]] = {"out": deque(maxlen=_TAIL), "err": deque(maxlen=_TAIL)}
        self._on_line = on_line
        self.last = time.monotonic()

    def out(self, line: str) -> None:
        self._keep("out", line)

    def err(self, line: str) -> None:
        self._keep("err", line)

    def _keep(self, stream: str, text: str) -> None:
        self.last = time.monotonic()
        for line in re.split(r"[\r\n]+", text):
            if line.strip():
                # A registry's address may hold a password.
                line = _URL_SECRET.sub(r"\1:***@", line.rstrip()[:_LINE] if stream == "err" else line.rstrip())
                self._lines[stream].append(line)
                if self._on_line is not None:
                    self._on_line(line)

    def text(self, stream: str) -> str:
        return "\n".join(self._lines[stream])


def _wait(pid: int, ended: threading.Event, record: _Record, idle: float) -> bool:
    """Wait until the command has ended; True when it hangs instead."""
    watched = os.path.isdir("/proc/self")
    moved_at, moved = time.monotonic(), 0
    # Without a view on its I/O, a command that uploads in silence looks idle: be patient.
    limit = idle if watched else max(10 * idle, 300.0)
    while not ended.wait(_POLL):
        now = time.monotonic()
        if now - max(record.last, moved_at) < min(limit, 1.0):
            continue
        if watched:
            total = _session_bytes(pid)
            if total - moved >= _MOVED:
                moved, moved_at = total, now
        if now - max(record.last, moved_at) >= limit:
            return True
    return False


def _session_bytes(session: int) -> int:
    """Bytes that the processes of a session have read and written so far (proc(5), /proc/PID/io)."""
    total = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            if os.getsid(int(entry)) != session:
                continue
            with open(f"/proc/{entry}/io") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith(("rchar", "wchar")))
        except OSError:
            continue  # it ended meanwhile
    return total


def _end_session(pid: int, ended: threading.Event) -> None:
    """End the command and its children: first by asking."""
    for number, patience in ((signal.SIGTERM, _GRACE), (signal.SIGKILL, _GRACE)):
        for member in _members(pid):
            try:
                os.kill(member, number)
            except OSError:
                continue
        if ended.wait(patience):
            break
    for member in _members(pid):  # grandchildren that outlived their parent
        try:
            os.kill(member, signal.SIGKILL)
        except OSError:
            continue


def _members(session: int) -> list[int]:
    try:
        every = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    except OSError:
        return [-session]  # no /proc: the process group
    members = []
    for pid in every:
        try:
            if os.getsid(pid) == session:
                members.append(pid)
        except OSError:
            continue
    return members


def _last_words(finished: Finished) -> str:
    """The end of what a command said, without the progress that docker and buildah mix in."""
    lines = [
        line
        for line in (finished.stderr or finished.stdout).splitlines()
        if not re.match(r"#\d+ |DEPRECATED|\s*Install the buildx", line)
    ]
    errors = [line for line in lines if re.match(r"(?i)\s*(error|fatal)\b|.*level=(error|fatal)", line)]
    return "\n".join((errors or lines)[-5:])


def _failed(argv: tuple[str, ...], finished: Finished) -> Exception:
    command = " ".join(argv[:2])
    everything = f"{finished.stderr}\n{finished.stdout}"
    diagnosis = classify_text(_last_words(finished))
    if diagnosis.kind is Kind.UNKNOWN:
        diagnosis = classify_text(everything)
    reason = _last_words(finished) or f"it said nothing, and ended with status {finished.status}"
    if diagnosis.error is NetworkFailed:
        return NetworkFailed(
            f"{command} failed", reason=reason, hint=diagnosis.hint, transient=diagnosis.kind is Kind.TRANSIENT
        )
    return diagnosis.error(f"{command} failed", reason=reason, hint=diagnosis.hint)


def _hung(argv: tuple[str, ...], limits: Limits, network: bool, finished: Finished) -> Exception:
    message = f"{' '.join(argv[:2])} moved no byte for {limits.idle:g} seconds, and was ended"
    reason = _last_words(finished) or None
    if network:
        return NetworkFailed(message, reason=reason, transient=True)
    return EngineFailed(
        message, reason=reason, hint="is the engine alive? retry.idle_timeout in wasmimg.toml allows more"
    )
