"""The newest Docker, built in the background while other tests run, in both image stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from integration.engines.cells import Table
from integration.engines.daemons import StoreDockerd
from integration.newest_docker.building import docker_folder, is_built

_HERE = Path(__file__).parent
_TABLE = pytest.StashKey[Table]()
_BUILDER = pytest.StashKey["subprocess.Popen[bytes]"]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to build as soon as it is known that these tests will run."""
    wanted = any(_HERE in item.path.parents for item in session.items)
    if wanted and not session.config.option.collectonly and not is_built():
        session.config.stash[_BUILDER] = subprocess.Popen(
            [sys.executable, "-m", "integration.newest_docker.building"],
            cwd=_HERE.parent.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # who waits for it builds it again, and shows what fails
            start_new_session=True,
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """End a build that nobody waited for."""
    builder = config.stash.get(_BUILDER, None)
    if builder is not None and builder.poll() is None:
        with suppress(OSError):
            os.killpg(builder.pid, signal.SIGTERM)
        builder.wait()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    lines = config.stash[_TABLE].lines() if _TABLE in config.stash else []
    if lines:
        terminalreporter.section("the newest Docker")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    """Where the tests write what became of each cell."""
    return pytestconfig.stash.setdefault(_TABLE, Table())


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder with dockerd, its helpers, the client, and buildx in cli-plugins."""
    return docker_folder()


@pytest.fixture(scope="session")
def daemons(programs: Path, short_folder: Path) -> Iterator[dict[str, StoreDockerd]]:
    """A daemon for each store, by its name."""
    with ExitStack() as stack:
        found = {}
        for store in ("containerd", "classic"):
            found[store] = StoreDockerd(short_folder / f"newest-{store}", store, programs=programs)
            stack.callback(found[store].stop)
        yield found


@pytest.fixture
def of_docker(
    programs: Path, daemons: dict[str, StoreDockerd], environment: dict[str, str]
) -> dict[str, dict[str, str]]:
    """The environment of a user of the newest docker, by the store of its daemon."""
    plugins = Path(environment["DOCKER_CONFIG"], "cli-plugins")
    plugins.symlink_to(programs / "cli-plugins")
    ours = {**environment, "PATH": f"{programs}:{environment['PATH']}"}
    return {store: {**ours, "DOCKER_HOST": daemon.address} for store, daemon in daemons.items()}
