"""Store by builder by client by format by place: accepted, or refused before anything was pushed."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from integration.calling import clean_environment, succeed
from integration.conftest import FORMATS
from integration.engines.cells import TARGETS, Cell, Table, try_cell

_STORES = ("containerd", "classic")
_CLIENTS = {
    "newest docker, buildx": {},
    "newest docker, legacy builder": {"DOCKER_BUILDKIT": "0"},
    "Debian's docker, BuildKit": {},
    "Debian's docker, legacy builder": {"DOCKER_BUILDKIT": "0"},
}
_CELLS = [
    Cell("docker", what, store, form, target)
    for store, what, form, target in product(_STORES, _CLIENTS, FORMATS, TARGETS)
    # A file holds what was saved, whatever the client.
    if target in ("registry", "store") or what.startswith("newest")
]


def debians_docker() -> str:
    """The client of Debian's docker.io, which speaks BuildKit itself."""
    for folder in clean_environment()["PATH"].split(":"):
        path = Path(folder, "docker")
        if path.is_file() and "version 20." in succeed(path, "--version", environment=clean_environment()):
            return str(path)
    raise AssertionError("docker 20.10 is missing: .ci/run installs docker.io")


@pytest.mark.parametrize("cell", _CELLS, ids=str)
def test_every_cell(
    cell: Cell, example: Path, registry: str, of_docker: dict[str, dict[str, str]], tmp_path: Path, table: Table
) -> None:
    environment = {**of_docker[cell.store], **_CLIENTS[cell.what]}
    if cell.what.startswith("Debian"):
        programs = tmp_path / "debian"
        programs.mkdir()
        (programs / "docker").symlink_to(debians_docker())
        environment["PATH"] = f"{programs}:{environment['PATH']}"
    outcome = try_cell(cell, example, registry, environment, tmp_path)
    table.note(cell, outcome)
    # A classic store keeps no OCI image, and neither does the legacy builder.
    cannot = cell.form == "oci" and cell.target == "store" and (cell.store == "classic" or "legacy" in cell.what)
    assert outcome.startswith("refused") == cannot, outcome
