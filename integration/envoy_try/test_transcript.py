"""What docs/try.md shows is what wasmimg prints; times, memory and ports are as they are."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from integration.calling import WASMIMG

DOCUMENT = (Path(__file__).parent.parent.parent / "docs" / "try.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (r"in \d+\.\d\d s", "in 0.00 s"),
    (r"\b\d+ MB", "0 MB"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:0"),
)


def _calls() -> list[tuple[str, str]]:
    """Every command in the document, and what it prints."""
    found = []
    for kind, text in _BLOCK.findall(DOCUMENT):
        if kind == "console":
            found += [tuple(part.split("\n", 1)) for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    return found


CALLS = _calls()


def _normal(text: str) -> str:
    for pattern, instead in _VARYING:
        text = re.sub(pattern, instead, text)
    return text


def test_there_are_good_and_bad_ones() -> None:
    assert len(CALLS) == 10


@pytest.mark.parametrize(("command", "shown"), CALLS, ids=[command for command, _ in CALLS])
def test_a_transcript(
    command: str, shown: str, tried_plugins: dict[str, Path], calm: dict[str, str], tmp_path: Path
) -> None:
    for path in tried_plugins.values():
        (tmp_path / path.name).symlink_to(path)
    (requests,) = [text for kind, text in _BLOCK.findall(DOCUMENT) if kind == "http"]
    (tmp_path / "requests.http").write_text(requests)
    program, *words = shlex.split(command)
    assert program == "wasmimg"
    process = subprocess.Popen(
        [*WASMIMG, *words], cwd=tmp_path, env=calm, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    printed = ""
    if shown.endswith("^C\n"):
        shown = shown.removesuffix("^C\n")
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in shown.splitlines())
        process.send_signal(signal.SIGINT)
    printed += process.communicate(timeout=60)[0]
    assert _normal(printed) == _normal(shown)
