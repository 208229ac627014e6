"""On a terminal the story moves and is coloured; where it should not, it does not."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.calling import command, environment


def _on_terminal(folder: Path, *words: str, **more: str) -> tuple[int, str, str]:
    """Call wasmimg with a terminal as stderr: exit code, stdout, and what the terminal got."""
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            command(*words), cwd=folder, env=environment(**more), stdout=subprocess.PIPE, stderr=theirs, text=True
        ) as process:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:  # Linux says so when the other end is closed
                    break
                if not part:
                    break
                shown += part
            out, _ = process.communicate()
            return process.returncode, out, shown.decode()
    finally:
        os.close(ours)


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize(
    "more, coloured",
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_an_error_is_red_where_colour_is_wanted(more: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    code, _, shown = _on_terminal(tmp_path, "check", "gone.wasm", **more)
    assert code == 2
    assert ("\x1b[31merror\x1b[0m" in shown) is coloured


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("term, moves", [("xterm", True), ("dumb", False)])
def test_progress_moves_on_a_terminal_alone_and_the_result_is_plain(term: str, moves: bool, tmp_path: Path) -> None:
    (tmp_path / "[").mkdir()
    words = ("build", "plugin.wasm", "-e", "embedded", "-o", "oci:[/red]")
    code, out, shown = _on_terminal(tmp_path, *words, TERM=term)
    assert code == 0
    assert out.startswith("oci:[/red]@sha256:")
    assert ("\x1b[" in shown) is moves


@pytest.mark.usefixtures("cli")
def test_quiet_shows_nothing_on_a_terminal_either(tmp_path: Path) -> None:
    words = ("build", "plugin.wasm", "-e", "embedded", "-o", "oci:out", "-q")
    assert _on_terminal(tmp_path, *words, TERM="xterm")[2] == ""


@pytest.mark.usefixtures("cli")
def test_a_password_is_not_read_from_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            command("verify", "docker://127.0.0.1:1/p/q:1", "--username", "me", "--password-stdin"),
            cwd=tmp_path,
            env=environment(),
            stdin=theirs,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 2
    assert "that is a terminal" in done.stderr
