"""Running docker and buildah: all use of ``sh`` is in this file.

``sh`` starts a command and waits for it. Left to itself it gives a command a terminal, hears it
in threads and by whole lines, and kills only the child when time is up; here every command has
its own session, pipes that are read where the caller waits, a bounded record of what it said, and
is ended as a whole group.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.errors import EngineFailed, NetworkFailed, NoEngine, UsageError
from wasmimg.image.reference import parse_reference
from wasmimg.interrupts import held_back
from wasmimg.retry import Kind, classify_text

__all__ = ["Finished", "Limits", "find_program", "run_command"]

_TAIL = 200  # lines kept of each stream
_LINE = 4096  # characters kept of each line
_CHUNK = 1 << 20  # bytes; no pipe holds more
_POLL = 0.2  # seconds
_MOMENT = 0.005  # seconds: between the last byte of a command and its end
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
    whole: bool = False,
    on_line: Callable[[str], None] | None = None,
    check: bool = True,
) -> Finished:
    """Run ``argv`` to its end; ``stdin`` is a file for its standard input.

    Raises, when it fails and ``check`` is set, the error that its words stand for; when it hangs,
    NetworkFailed for a ``network`` command and EngineFailed else. Whatever ends the wait, an
    interrupt too, ends the command and all of its children first; a ``whole`` one has some seconds
    to end by itself.
    """
    record = _Record(on_line)
    with held_back() as interrupts, ExitStack() as files:
        program = find_program(argv[0], environment)
        source = files.enter_context(open(os.devnull if stdin is None else stdin, "rb", buffering=0))
        pipes = {name: _pipe(files) for name in ("out", "err")}
        process = _start(program, argv, environment, source, pipes)
        try:
            hung = _listen(process, pipes, record, limits.idle, interrupts)
            if whole and interrupts and process.is_alive():
                _listen(process, pipes, record, min(limits.idle, _GRACE), ())
        finally:
            if process.is_alive():
                _end_session(process)
            status = _status(process)
        finished = Finished(status, record.text("out"), record.text("err"))
    if hung:
        raise _hung(argv, limits, network, finished)
    if check and finished.status != 0:
        raise _failed(argv, finished)
    return finished


class _Pipe(NamedTuple):
    """What a command says goes into ``theirs`` and comes out of ``ours``."""

    ours: FileIO
    theirs: FileIO


def _pipe(files: ExitStack) -> _Pipe:
    reading, writing = os.pipe()
    return _Pipe(files.enter_context(FileIO(reading)), files.enter_context(FileIO(writing, "w")))


def _start(
    program: str, argv: tuple[str, ...], environment: Mapping[str, str], source: FileIO, pipes: Mapping[str, _Pipe]
) -> Any:
    import sh

    try:
        process = sh.Command(program)(
            *argv[1:],
            _bg=True,
            _bg_exc=False,
            _new_session=True,
            _encoding="utf-8",
            _env=dict(environment),
            _in=source,
            _out=pipes["out"].theirs,
            _err=pipes["err"].theirs,
        )
    except (OSError, sh.ForkException, sh.CommandNotFound) as error:
        raise NoEngine(
            f"{argv[0]} cannot be run",
            reason=f"{program}: {str(error).strip().splitlines()[-1]}",
            hint=f"install {argv[0]} anew, or build without it: --engine embedded",
        ) from None
    for pipe in pipes.values():
        pipe.theirs.close()
    return process


def _status(process: Any) -> int:
    try:
        process.wait()
    except Exception as error:
        return int(getattr(error, "exit_code", 1))
    return int(process.exit_code or 0)


class _Record:
    """The last lines of both streams, and when there was a last byte."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._lines: dict[str, deque[str]] = {"out": deque(maxlen=_TAIL), "err": deque(maxlen=_TAIL)}
        self._pending = {"out": bytearray(), "err": bytearray()}
        self._on_line = on_line
        self.last = time.monotonic()

    def hear(self, stream: str, data: bytes) -> None:
        """Take what a stream said; progress that is shown on one line counts as lines."""
        self.last = time.monotonic()
        pending = self._pending[stream]
        *lines, rest = re.split(rb"[\r\n]", data)
        for line in lines:
            pending += line
            self._keep(stream, pending)
        pending += rest

    def text(self, stream: str) -> str:
        """The last lines of a stream that has ended."""
        self._keep(stream, self._pending[stream])
        return "\n".join(self._lines[stream])

    def _keep(self, stream: str, pending: bytearray) -> None:
        # A registry's address may hold a password: it goes before the line is cut.
        line = _URL_SECRET.sub(r"\1:***@", pending.decode("utf-8", "replace").rstrip())
        pending.clear()
        if not line:
            return
        if stream == "err":  # what docker answers on the other stream is read as JSON
            line = line[:_LINE]
        self._lines[stream].append(line)
        if self._on_line is not None:
            self._on_line(line)


def _listen(process: Any, pipes: Mapping[str, _Pipe], record: _Record, idle: float, interrupts: Sequence[int]) -> bool:
    """Hear a command until it has ended or there is an interrupt; True when it hangs instead."""
    import selectors

    watched = os.path.isdir("/proc/self")
    # Without a view on its I/O, a command that uploads in silence looks idle: be patient.
    limit = idle if watched else max(10 * idle, 300.0)
    moved = 0
    with selectors.DefaultSelector() as open_streams:
        for name, pipe in pipes.items():
            open_streams.register(pipe.ours, selectors.EVENT_READ, name)
        while process.is_alive() and not interrupts:
            for key, _ in open_streams.select(_POLL if open_streams.get_map() else _MOMENT):
                data = os.read(key.fd, _CHUNK)
                if data:
                    record.hear(key.data, data)
                else:
                    open_streams.unregister(key.fileobj)
            if watched and time.monotonic() - record.last >= min(limit, 1.0):
                total = _session_bytes(process.pid)
                if total - moved >= _MOVED:
                    moved, record.last = total, time.monotonic()
            if time.monotonic() - record.last >= limit:
                return True
        for key in open_streams.get_map().values():
            # What it said last; a child that lives on may keep the pipe open.
            os.set_blocking(key.fd, False)
            with suppress(BlockingIOError):
                record.hear(key.data, os.read(key.fd, _CHUNK))
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


def _end_session(process: Any) -> None:
    """End a command and its children: first by asking."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _signal_session(process.pid, number)
        asked = time.monotonic()
        while process.is_alive() and time.monotonic() - asked < _GRACE:
            time.sleep(_MOMENT)
        if not process.is_alive():
            break
    _signal_session(process.pid, signal.SIGKILL)  # children that outlived their parent


def _signal_session(session: int, number: signal.Signals) -> None:
    for member in _members(session):
        with suppress(OSError):
            os.kill(member, number)


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


def _without_names(text: str, argv: tuple[str, ...]) -> str:
    """``text`` less the images that the command was given: one may be called ``denied`` or ``eof``."""
    for word in argv[1:]:
        with suppress(UsageError):
            image = parse_reference(word.removeprefix("docker://"))
            registry, path, tag = map(re.escape, (image.registry, image.repository, image.tag))
            # A name of one part may be a word of the message as well, so it has to stand in an address.
            freely = f"{registry}|{path}" if "/" in path else registry
            text = re.sub(rf"(?<![\w.-])(?:{freely})(?![\w-])|(?<=[/:])(?:{path}|{tag})(?![\w-])", "", text)
    return text


def _failed(argv: tuple[str, ...], finished: Finished) -> Exception:
    command = " ".join(argv[:2])
    words = _last_words(finished)
    diagnosis = classify_text(_without_names(words, argv))
    if diagnosis.kind is Kind.UNKNOWN:
        diagnosis = classify_text(_without_names(f"{finished.stderr}\n{finished.stdout}", argv))
    reason = words or f"it said nothing, and ended with status {finished.status}"
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
