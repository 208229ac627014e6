"""A registry that takes connections and never answers hangs nobody: no engine has a time-out of its own."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from integration.calling import containers, wasmimg
from integration.faults import FaultyRegistry

_IDLE = 2.0  # seconds


@pytest.mark.parametrize("engine", ["docker", "buildah", "podman", "embedded"])
def test_a_push_to_it_ends_with_class_7(
    engine: str, registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wasmimg.toml").write_text(f"[retry]\nattempts = 1\nidle_timeout = {_IDLE}\n")
    with FaultyRegistry(registry, "stall", always=True) as silent:
        words = ("build", example, "-e", engine, "-f", "docker", "-t", f"{silent.host}/silent/{engine}:1", "--push")
        began = time.monotonic()
        said = wasmimg(*words, environment=environment, cwd=tmp_path)
    assert said.code == 7, said.err
    assert "Traceback" not in said.err
    assert time.monotonic() - began < 15 * _IDLE
    assert not any(name.startswith("wasmimg-") for name in containers(environment))
