"""Calling Debian's Bazel 4.2.3, as a user does."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from integration.calling import call, clean_environment, wasmimg
from integration.services import program

__all__ = ["Ran", "Workspace", "hashes", "layout_by_hand"]

# "INFO: 7 processes: 1 internal, 6 linux-sandbox."
_PROCESSES = re.compile(r"^INFO: \d+ process(?:es)?: (.*)\.$", re.M)


class Ran(NamedTuple):
    """How a call of Bazel ended; ``processes`` are its actions by how each was run."""

    code: int
    out: str
    err: str
    processes: dict[str, int]

    @property
    def actions(self) -> dict[str, int]:
        """``processes`` without what Bazel does inside itself."""
        return {how: count for how, count in self.processes.items() if how not in ("internal", "action cache hit")}


class Workspace(NamedTuple):
    """A workspace and the server of its own that builds there; ``bazelrc`` makes Bazel need no network."""

    folder: Path
    output_base: Path
    bazelrc: Path

    def call(self, command: str, *words: object) -> Ran:
        """Run a command of Bazel to its end, whatever that is."""
        said = call(
            program("bazel"),
            f"--output_base={self.output_base}",
            f"--bazelrc={self.bazelrc}",
            command,
            *words,
            environment=clean_environment(),
            cwd=self.folder,
            timeout=600,
        )
        found = _PROCESSES.findall(said.err)
        counts = re.findall(r"(\d+) ([\w -]+)", found[-1]) if found else []
        return Ran(said.code, said.out, said.err, {how: int(count) for count, how in counts})

    def succeed(self, command: str, *words: object) -> Ran:
        """Run a command of Bazel that must not fail."""
        ran = self.call(command, *words)
        assert ran.code == 0, f"bazel {command} {' '.join(map(str, words))} ended with {ran.code}:\n{ran.err}{ran.out}"
        return ran

    def output(self, path: str) -> Path:
        """A file or folder in bazel-bin."""
        return self.folder / "bazel-bin" / path

    def shut_down(self) -> None:
        """End the server."""
        self.call("shutdown")


def hashes(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The SHA-256 of every file at or below each of ``names`` in ``folder``, by path."""
    found = {}
    for name in names:
        place = folder / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file():
                found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def layout_by_hand(module: Path, layout: Path, *options: str) -> dict[str, str]:
    """The files of the layout that ``wasmimg build`` makes of ``module``."""
    said = wasmimg(
        "build", module, "-q", "-e", "embedded", *options, "-o", f"oci:{layout}", environment=clean_environment()
    )
    assert said.code == 0, said.err
    return hashes(layout.parent, [layout.name])
