"""Plugins, and wasmimg called where they lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration.calling import Said, clean_environment, wasmimg
from integration.envoy_try.plugins import make_plugins

Try = Callable[..., Said]


@pytest.fixture(scope="session")
def tried_plugins(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The plugins by name, all in one folder."""
    return make_plugins(tmp_path_factory.mktemp("plugins"))


@pytest.fixture
def calm(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without engines, with a temporary folder that is empty."""
    (tmp_path / "tmp").mkdir()
    return clean_environment(HOME=str(tmp_path), TMPDIR=str(tmp_path / "tmp"))


@pytest.fixture
def try_(tried_plugins: dict[str, Path], calm: dict[str, str]) -> Try:
    """Calls ``wasmimg try`` with a plugin by its name; nothing may be left of it."""

    def call(plugin: str, *words: object, **options: Any) -> Said:
        path = tried_plugins[plugin]
        said = wasmimg("try", path.name, *words, environment=calm, cwd=path.parent, **options)
        assert list(Path(calm["TMPDIR"]).iterdir()) == []
        assert envoys(calm) == []
        return said

    return call


def envoys(environment: dict[str, str]) -> list[int]:
    """The processes that work in the temporary folder of ``environment``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str((entry / "cwd").readlink()).startswith(environment["TMPDIR"]):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile
    return found
