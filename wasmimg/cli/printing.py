"""All printing: the story goes to stderr, the result to stdout."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from wasmimg.errors import WasmimgError
from wasmimg.events import Event

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["Story", "print_error", "print_json", "size", "table"]


def print_error(error: WasmimgError, *, as_json: bool = False, subject: str = "") -> None:
    """One sentence, the reason, and a way out."""
    prefix = f"{subject}: " if subject else ""
    lines = [f"{_red('error')}: {prefix}{error.message}"]
    if error.reason:
        lines += [f"  {line}" for line in error.reason.splitlines()]
    if error.hint:
        lines.append(f"  try: {error.hint}")
    print("\n".join(lines), file=sys.stderr)
    if as_json:
        print_json(
            {
                "error": {
                    "message": prefix + error.message,
                    "reason": error.reason,
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                }
            }
        )


def print_json(value: object) -> None:
    """``value`` on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


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
    """What happens, as it happens: lines, or a display that moves where there is a terminal.

    Use it in a ``with`` block. ``names`` are the images being built, if there are several.
    """

    def __init__(self, *, quiet: bool, verbose: bool, names: Sequence[str] = ()) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._names = names
        self._progress: Progress | None = None
        self._console: Console | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Story:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not self._quiet:
            from rich.console import Console
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

            self._console = Console(stderr=True, highlight=False)
            columns = (
                SpinnerColumn(finished_text=" "),
                TextColumn("{task.fields[name]}"),
                TextColumn("{task.description}"),
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
            self._progress.stop()

    def tell(self, event: Event, name: str = "") -> None:
        """Show ``event`` of the image ``name``."""
        if self._quiet and event.kind != "warning":
            return
        if event.kind == "output" and not self._verbose:
            return
        if event.kind == "step" and self._progress is not None:
            task = self._tasks[name]
            self._progress.start_task(task)
            self._progress.update(task, description=_plain(event.text))
            if not self._verbose:
                return
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
        if self._console is not None:
            self._console.print(text, markup=False, soft_wrap=True)
        else:
            print(text, file=sys.stderr, flush=True)


def _plain(text: str) -> str:
    """``text`` where rich reads markup."""
    return text.replace("[", r"\[")


def table(rows: Mapping[str, str]) -> str:
    """Two columns of text."""
    width = max(map(len, rows), default=0)
    return "\n".join(f"  {key:<{width}}  {value}" for key, value in rows.items())
