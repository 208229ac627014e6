"""The fixture ``cli``: wasmimg called in an empty folder, with an empty environment."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import EXAMPLE, Cli, caller


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Calls wasmimg in ``tmp_path``, where ``plugin.wasm`` is the example."""
    (tmp_path / "plugin.wasm").write_bytes(EXAMPLE.read_bytes())
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield caller(tmp_path, monkeypatch, capfd)
    for number, handler in before.items():
        signal.signal(number, handler)
