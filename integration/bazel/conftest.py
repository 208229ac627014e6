"""A copy of the repository, the wheels of the default tool, and Bazel servers that end with the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace
from integration.bazel.setup import copy_repository, fetch_wheels, write_bazelrc
from integration.calling import clean_environment, succeed


@pytest.fixture(scope="session")
def bazelrc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bazelrc")
    (folder / "wheels").mkdir()
    return write_bazelrc(folder / "bazelrc", fetch_wheels(folder / "wheels"))


@pytest.fixture(scope="session")
def open_workspace(
    bazelrc: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Path, str], Workspace]]:
    """Makes a Workspace of a folder, with a name for its output base; the servers end with the tests."""
    opened: list[Workspace] = []
    bases = tmp_path_factory.mktemp("bases")

    def open_one(folder: Path, name: str) -> Workspace:
        opened.append(Workspace(folder, bases / name, bazelrc))
        return opened[-1]

    yield open_one
    for one in opened:
        one.shut_down()
        # Bazel takes away the right to write from what it has made.
        succeed("chmod", "-R", "u+w", one.output_base, environment=clean_environment())


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, in which tests may change files."""
    return copy_repository(tmp_path_factory.mktemp("copy") / "wasmimg")


@pytest.fixture(scope="session")
def example_workspace(repository: Path, open_workspace: Callable[[Path, str], Workspace]) -> Workspace:
    """examples/bazel."""
    return open_workspace(repository / "examples" / "bazel", "example")


@pytest.fixture(scope="session")
def workspace(repository: Path, open_workspace: Callable[[Path, str], Workspace]) -> Workspace:
    """integration/bazel/workspace: every rule in every way."""
    return open_workspace(repository / "integration" / "bazel" / "workspace", "first")


@pytest.fixture(scope="session")
def elsewhere(
    repository: Path, tmp_path_factory: pytest.TempPathFactory, open_workspace: Callable[[Path, str], Workspace]
) -> Workspace:
    """The same in another copy of the repository, with another path and another output base."""
    copy = copy_repository(tmp_path_factory.mktemp("second") / "a-longer-path" / "wasmimg", repository)
    return open_workspace(copy / "integration" / "bazel" / "workspace", "second")
