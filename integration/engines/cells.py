"""One cell of the table: an engine makes an image somewhere, and verify takes it or wasmimg refused to begin."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import uuid
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from integration import reader
from integration.calling import WASMIMG, Said, call, succeed
from wasmimg import verify
from wasmimg.consumers.selection import Consumer
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access

__all__ = ["TARGETS", "Cell", "Table", "try_cell", "write_new_module"]

TARGETS = ("registry", "layout", "archive", "store")
_HAND = {
    "docker": ("docker", "push"),
    "buildah": ("buildah", "push", "--tls-verify=false"),
    "podman": ("podman", "push", "--tls-verify=false"),
}


def write_new_module(example: Path, path: Path) -> Path:
    """The example with a custom section behind it that no module ever had: no cache knows its layer."""
    path.write_bytes(example.read_bytes() + b"\0\x22\1x" + os.urandom(32))
    path.chmod(0o644)
    return path


class Cell(NamedTuple):
    """``engine`` is what wasmimg is told, ``what`` what that is here; ``user`` is root, rootless or sandbox."""

    engine: str
    what: str
    store: str
    form: str
    target: str
    user: str = "root"

    def __str__(self) -> str:
        return f"{self.what}-{self.store}-{self.form}-{self.target}-{self.user}".replace(" ", "-")


class Table:
    """What became of the cells, as rows of engine and store with a column for each format and target."""

    def __init__(self) -> None:
        self._cells: dict[Cell, str] = {}

    def note(self, cell: Cell, outcome: str) -> None:
        """Keep what became of ``cell``."""
        self._cells[cell] = outcome

    def lines(self) -> list[str]:
        """The table, and below it the sentences of what was refused."""
        if not self._cells:
            return []
        forms = list(dict.fromkeys(cell.form for cell in self._cells))
        columns = [(form, target) for form in forms for target in TARGETS]
        rows: dict[tuple[str, ...], dict[tuple[str, str], str]] = defaultdict(dict)
        sentences: dict[str, int] = {}
        for cell, outcome in self._cells.items():
            word, _, sentence = outcome.partition(": ")
            if sentence:
                word += f" [{sentences.setdefault(sentence, len(sentences) + 1)}]"
            rows[cell.what, cell.store, cell.user][cell.form, cell.target] = word
        head = ["engine", "store", "user", *(f"{form} {target}" for form, target in columns)]
        body = [[*row, *(found.get(column, "") for column in columns)] for row, found in rows.items()]
        widths = [max(len(line[number]) for line in [head, *body]) for number in range(len(head))]
        table = [
            "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)) for line in [head, *body]
        ]
        return [line.rstrip() for line in table] + [f"[{number}] {sentence}" for sentence, number in sentences.items()]


def try_cell(
    cell: Cell,
    module: Path,
    registry: str,
    environment: Mapping[str, str],
    folder: Path,
    *,
    prefix: tuple[str, ...] = (),
) -> str:
    """``accepted``, or ``refused: `` and the sentence; anything else fails.

    ``prefix`` are words in front of a command that make it that of another user. ``folder`` is where
    that user may write.
    """
    unique = uuid.uuid4().hex
    reference = f"{registry}/cell/{unique}:1"
    archive = "docker-archive" if cell.form == "docker" else "oci-archive"
    words, source = {
        "registry": (("--push",), f"docker://{reference}"),
        "layout": (("-o", f"oci:{folder}/{unique}"), f"oci:{folder}/{unique}"),
        "archive": (("-o", f"{archive}:{folder}/{unique}.tar"), f"{archive}:{folder}/{unique}.tar"),
        "store": ((), f"docker://{reference}"),
    }[cell.target]
    line = ("build", module, "-e", cell.engine, "-f", cell.form, "-t", reference, *words)
    said = call(*prefix, *WASMIMG, *line, environment=environment, cwd=folder)
    if said.code != 0:
        return _refused(said, reference)
    if cell.target == "store" and cell.engine in _HAND:
        # What stays in a store is right when a push by hand makes it so.
        succeed(*prefix, *_HAND[cell.engine], reference, environment=environment, cwd=folder)
    report = verify(source, (Consumer("istio"),), Access(), Policy(), environment)
    assert report.exit_code == 0, report
    assert all(verdict.accepted for verdict in report.verdicts), report.verdicts
    assert report.facts is not None
    assert report.facts.module_digest == f"sha256:{hashlib.sha256(module.read_bytes()).hexdigest()}"
    assert not report.wire or report.facts.format == cell.form, said.err
    return "accepted"


def _refused(said: Said, reference: str) -> str:
    assert said.code == 4, f"{said.code}: {said.err}"
    lines = said.err.splitlines()
    (first,) = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    (last,) = [number for number, line in enumerate(lines) if line.startswith("  try: ")]
    sentence = ": ".join(line.strip() for line in lines[first:last])
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:  # nothing was pushed
        reader.from_registry(reference)
    caught.value.close()
    return f"refused: {sentence.removeprefix('error: ')}"
