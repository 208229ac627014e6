"""A call of wasmimg as an action of Bazel, which shows all that an action prints: only what went wrong is heard."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from typing import NamedTuple

__all__ = ["Outcome", "run_captured", "run_quietly"]


class Outcome(NamedTuple):
    """How a call ended, and what there is to show of it."""

    code: int
    output: str


def run_quietly(main: Callable[[], int]) -> int:
    """Call ``main``, and drop what it prints on stdout if it returns 0; returns what it returns."""
    result = io.StringIO()
    with redirect_stdout(result):
        code = main()
    if code:
        print(result.getvalue(), end="", flush=True)
    return code


def run_captured(run: Callable[[list[str]], int], arguments: list[str]) -> Outcome:
    """Run a command line in this process by ``run``; stderr comes before stdout, as an action shows them."""
    story = io.StringIO()
    with redirect_stderr(story), redirect_stdout(story):
        code = run_quietly(lambda: run(arguments))
    return Outcome(code, story.getvalue())
