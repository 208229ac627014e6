"""Builds at the same time do not get in each other's way."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, WASMIMG, containers
from integration.conftest import ENGINES

_COUNT = 8


@pytest.mark.parametrize("engine", ENGINES)
def test_eight_pushes(engine: str, registry: str, plugin: Path, environment: dict[str, str]) -> None:
    names = [f"{registry}/parallel/{engine}-{number}:1" for number in range(_COUNT)]
    _at_once([(plugin, *HIGRESS, "-e", engine, "-f", "docker", "-t", name, "--push") for name in names], environment)
    for name in names:
        reader.assert_shape(reader.from_registry(name), "docker", plugin.read_bytes())
    assert not any(name.startswith("wasmimg-") for name in containers(environment))


@pytest.mark.parametrize("engine", ENGINES)
def test_eight_into_one_layout(engine: str, example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    names = [f"acme.test/plugin{number}:1" for number in range(_COUNT)]
    _at_once([(example, "-e", engine, "-t", name, "-o", f"oci:{layout}") for name in names], environment)
    for name in names:
        reader.assert_shape(reader.from_layout(layout, name), "oci", example.read_bytes())


def _at_once(builds: list[tuple[object, ...]], environment: Mapping[str, str]) -> None:
    running = [
        subprocess.Popen(
            [*WASMIMG, "build", *map(str, words)],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in builds
    ]
    said = [process.communicate(timeout=300)[1] for process in running]
    failed = [text for process, text in zip(running, said, strict=True) if process.returncode != 0]
    assert not failed, "\n".join(failed)
