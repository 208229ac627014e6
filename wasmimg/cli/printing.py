"""All printing: the story goes to stderr, the result to stdout."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING

from wasmimg.errors import FileSystemFailed, WasmimgError
from wasmimg.events import Event

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = [
    "Story",
    "error_as_json",
    "print_error",
    "print_json",
    "print_result",
    "say",
    "show_every_name",
    "size",
    "table",
]


def show_every_name() -> None:
    """Let both streams take any text: a file name need not be of the terminal's encoding."""
    codecs.register_error("wasmimg", _as_bytes_or_escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="wasmimg")


def _as_bytes_or_escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)  # the bytes that the name has on disk
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


def print_result(text: str) -> None:
    """``text`` on stdout; raises FileSystemFailed when it cannot be written there."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        pass  # who reads it has seen enough
    except OSError as error:
        raise FileSystemFailed("the result cannot be written to stdout", reason=error.strerror) from None


def print_json(value: object) -> None:
    """``value`` on stdout, in ASCII: it stays JSON whatever the encoding, and whatever a name holds."""
    print_result(json.dumps(value, indent=2))


def say(text: str) -> None:
    """``text`` on stderr; where nobody hears it, the work goes on without its story."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def print_error(error: WasmimgError, *, as_json: bool = False, subject: str = "") -> None:
    """One sentence, the reason, and a way out."""
    prefix = f"{subject}: " if subject else ""
    lines = [f"{_red('error')}: {prefix}{error.message}"]
    if error.reason:
        lines += [f"  {line}" for line in error.reason.splitlines()]
    if error.hint:
        lines.append(f"  try: {error.hint}")
    say("\n".join(lines))
    if as_json:
        with suppress(FileSystemFailed):  # which may be the very error that is told
            print_json({"error": error_as_json(error)})


def error_as_json(error: WasmimgError) -> dict[str, object]:
    """What ``--json`` shows of ``error``."""
    return {"message": error.message, "reason": error.reason, "hint": error.hint, "exit_code": error.exit_code}


def size(count: int) -> str:
    """A number of bytes for reading."""
    if count < 10_000:
        return f"{count:,} bytes"
    return f"{count / 1e6:,.2f} MB"


def _colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _red(text: str) -> str:
    return f"\x1b[31m{text}\x1b[0m" if _colour() else text


class Story:
    """What happens, as it happens: lines, and in a ``with`` block a display that moves where
    there is a terminal. ``names`` are the images being built, if there are several."""

    def __init__(self, *, quiet: bool, verbose: bool, names: Sequence[str] = ()) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._names = names
        self._progress: Progress | None = None
        self._console: Console | None = None
        self._tasks: dict[str, TaskID] = {}
        self._noted: set[str] = set()

    def __enter__(self) -> Story:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not self._quiet:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._console = Console(stderr=True, highlight=False)
            from rich.table import Column

            columns = (
                SpinnerColumn(finished_text=" "),
                TextColumn("{task.fields[name]}"),
                TextColumn("{task.description}", table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")),
                TimeElapsedColumn(),
            )
            self._progress = Progress(*columns, console=self._console, transient=len(self._names) < 2)
            self._progress.start()
            for name in self._names or ("",):
                self._tasks[name] = self._progress.add_task(
                    "waiting" if name else "", total=1, name=name, start=not name
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            with suppress(OSError):
                self._progress.stop()

    def tell(self, event: Event, name: str = "") -> None:
        """Show ``event`` of the image ``name``."""
        if self._quiet and event.kind != "warning":
            return
        if event.kind == "output" and not self._verbose:
            return
        if event.kind == "progress":
            if self._progress is not None:
                self._progress.update(self._tasks[name], description=_plain(event.text))
            return
        if event.kind == "step" and self._progress is not None:
            task = self._tasks[name]
            self._progress.start_task(task)
            self._progress.update(task, description=_plain(event.text))
            if not self._verbose:
                return
        if event.kind == "note":
            if event.text in self._noted:  # what holds for all images is said once
                return
            self._noted.add(event.text)
            name = ""
        word = {"warning": "warning: ", "retry": "retry: ", "output": "| "}.get(event.kind, "")
        self._line(f"{name}: {word}{event.text}" if name else f"{word}{event.text}")

    def done(self, name: str, text: str) -> None:
        """The image ``name`` is finished, well or not."""
        if self._progress is not None and name in self._tasks:
            self._progress.update(self._tasks[name], description=_plain(text), completed=1)
            self._progress.stop_task(self._tasks[name])
        elif not self._quiet:
            self._line(f"{name}: {text}" if name else text)

    def _line(self, text: str) -> None:
        if self._console is None:
            say(text)
            return
        with suppress(OSError):
            self._console.print(text, markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """``text`` where rich reads markup."""
    return text.replace("[", r"\[")


def table(rows: Mapping[str, str]) -> str:
    """Two columns of text."""
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {key:<{width}}  {value}" for key, value in rows.items())
