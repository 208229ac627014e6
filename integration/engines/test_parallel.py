"""Builds at the same time do not get in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, containers
from integration.conftest import ENGINES
from integration.engines.parallel import at_once

_COUNT = 8


@pytest.mark.parametrize("engine", ENGINES)
def test_eight_pushes(engine: str, registry: str, plugin: Path, environment: dict[str, str]) -> None:
    names = [f"{registry}/parallel/{engine}-{number}:1" for number in range(_COUNT)]
    at_once([(plugin, *HIGRESS, "-e", engine, "-f", "docker", "-t", name, "--push") for name in names], environment)
    for name in names:
        reader.assert_shape(reader.from_registry(name), "docker", plugin.read_bytes())
    assert not any(name.startswith("wasmimg-") for name in containers(environment))


@pytest.mark.parametrize("engine", ENGINES)
def test_eight_into_one_layout(engine: str, example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    names = [f"acme.test/plugin{number}:1" for number in range(_COUNT)]
    at_once([(example, "-e", engine, "-t", name, "-o", f"oci:{layout}") for name in names], environment)
    for name in names:
        reader.assert_shape(reader.from_layout(layout, name), "oci", example.read_bytes())
