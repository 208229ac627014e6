"""The engines of this machine by format, place and user: accepted, or refused before anything was pushed.

With WASMIMG_MATRIX every cell is tried, as integration/engines/matrix does on other releases of Debian;
without it, users other than root are given the places that differ most.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pytest

from integration.calling import WASMIMG, call, clean_environment
from integration.conftest import FORMATS
from integration.engines.cells import TARGETS, Cell, Table, try_cell
from integration.engines.daemons import StoreDockerd, daemon_stores
from integration.engines.users import USERS, Seat, seat_of
from wasmimg.engines.clients import read_client
from wasmimg.errors import NoEngine

_FULL = bool(os.environ.get("WASMIMG_MATRIX"))
_BUILDERS: dict[str, dict[str, str]] = {
    "BuildKit": {"DOCKER_BUILDKIT": "1"},
    "legacy builder": {"DOCKER_BUILDKIT": "0"},
}


def _version(engine: str) -> str:
    if engine == "embedded":
        return "embedded"
    try:
        return f"{engine} {read_client(engine, clean_environment(), 60.0).version.partition('+')[0]}"
    except NoEngine:
        return f"{engine} (missing)"


def _builders() -> Iterator[str]:
    """The builders that this machine's docker can have: from 23 on it needs a plugin for BuildKit."""
    try:
        client = read_client("docker", clean_environment(), 60.0)
    except NoEngine:
        yield from _BUILDERS
        return
    if client.major < 23 or client.buildx:
        yield "BuildKit"
    yield "legacy builder"


def _cells() -> Iterator[Cell]:
    docker = _version("docker")
    for store, builder, form, target in product(daemon_stores(), _builders(), FORMATS, TARGETS):
        yield Cell("docker", f"{docker}, {builder}", store, form, target)
    for engine in ("buildah", "podman", "embedded"):
        for user in USERS:
            targets = TARGETS if user == "root" or _FULL else ("registry", "layout")
            for form in FORMATS:
                for target in targets:
                    # There is no network in the sandbox, and no store in the embedded engine.
                    if (user, target) != ("sandbox", "registry") and (engine, target) != ("embedded", "store"):
                        yield Cell(engine, _version(engine), "", form, target, user)


@pytest.fixture(scope="module")
def daemons(short_folder: Path) -> Iterator[dict[str, StoreDockerd]]:
    """A daemon for each store, by its name."""
    with ExitStack() as stack:
        found = {}
        for store in daemon_stores():
            found[store] = StoreDockerd(short_folder / f"table-{store}", store)
            stack.callback(found[store].stop)
        yield found


@pytest.fixture(scope="module")
def seats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seat]]:
    """Every user but root, who has the seat of the single test."""
    with ExitStack() as stack:
        yield {user: stack.enter_context(seat_of(user, {}, Path())) for user in USERS if user != "root"}


@pytest.mark.parametrize("cell", list(_cells()), ids=str)
def test_every_cell(
    cell: Cell,
    example: Path,
    registry: str,
    environment: dict[str, str],
    seats: dict[str, Seat],
    daemons: dict[str, StoreDockerd],
    tmp_path: Path,
    machine_table: Table,
) -> None:
    seat = seats.get(cell.user) or Seat((), environment, tmp_path)
    steered: Mapping[str, str] = seat.environment
    if cell.engine == "docker":
        builder = _BUILDERS[cell.what.partition(", ")[2]]
        steered = {**environment, **builder, "DOCKER_HOST": daemons[cell.store].address}
    outcome = try_cell(cell, example, registry, steered, seat.folder, prefix=seat.prefix)
    machine_table.note(cell, outcome)
    if cell.user == "sandbox" and cell.engine != "embedded":
        # buildah gets a store of its own there, which goes with the build.
        assert (outcome == "accepted") == (cell.engine == "buildah" and cell.target != "store"), outcome
        return
    # A classic store keeps no OCI image, and neither does the legacy builder.
    keeps = cell.engine != "docker" or (cell.store == "containerd" and "BuildKit" in cell.what)
    assert (outcome == "accepted") == (keeps or (cell.form, cell.target) != ("oci", "store")), outcome


def test_a_user_without_an_entry_in_passwd_is_told(example: Path, tmp_path: Path) -> None:
    with seat_of("rootless", {}, tmp_path) as seat:
        stranger = ("setpriv", "--reuid=5555", "--regid=5555", "--clear-groups")
        environment = {"PATH": seat.environment["PATH"], "HOME": "/nonexistent"}
        words = ("build", example, "-e", "buildah", "-o", "oci:out")
        said = call(*stranger, *WASMIMG, *words, environment=environment, cwd="/")
    assert said.code == 4, said.err
    assert said.err.startswith("error: buildah ")
    assert "--engine embedded" in said.err
