"""Calling wasmimg as a user does, and modules to call it with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "add-header" / "plugin.wasm"
Cli = Callable[..., "Said"]


class Said(NamedTuple):
    """How a call of wasmimg ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """An environment with nothing of the user's in it, and no engine on PATH."""
    kept = {name: os.environ[name] for name in ("TMPDIR", "PYTHONPATH") if name in os.environ}
    return {**kept, "HOME": "/nonexistent", "PATH": "/nonexistent", **more}


def command(*words: str) -> list[str]:
    """The words that call wasmimg in a process of its own."""
    return [sys.executable, "-m", "wasmimg", *words]


def in_process(folder: Path, *words: str, stdin: bytes = b"", **more: str) -> Said:
    """Call wasmimg in a process of its own, in ``folder``."""
    done = subprocess.run(
        command(*words), cwd=folder, env=environment(**more), input=stdin, capture_output=True, check=False
    )
    return Said(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def write_big_module(path: Path, size: int) -> None:
    """The example with a custom section of zeros behind it: a plugin of ``size`` bytes."""
    example = EXAMPLE.read_bytes()
    length = size - len(example) - 6
    number = bytes([*(length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)), length >> 28])
    with open(path, "wb") as file:
        file.write(example + b"\0" + number)
        file.truncate(size)


def caller(folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """A function that calls wasmimg in ``folder``, here in this process, where it costs less."""
    from wasmimg.__main__ import main

    clean = environment()
    monkeypatch.chdir(folder)
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in clean.items():
        monkeypatch.setenv(name, value)

    def call(*words: str, **more: str) -> Said:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["wasmimg", *words])
            for name, value in more.items():
                patch.setenv(name, value)
            code = main()
        out, err = capfd.readouterr()
        return Said(code, out, err)

    return call
