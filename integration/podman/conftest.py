"""What the tests of podman share."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.services import program


@pytest.fixture
def stand_in(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a machine where the package podman-docker gives podman the name of docker."""
    folder = tmp_path / "podman-docker"
    folder.mkdir()
    script = folder / "docker"
    # As in github.com/containers/podman, docker/docker.in.
    script.write_text(f'#!/bin/sh\necho "Emulate Docker CLI using podman." >&2\nexec {program("podman")} "$@"\n')
    script.chmod(0o755)
    without = {name: value for name, value in environment.items() if name != "DOCKER_HOST"}
    return {**without, "PATH": f"{folder}:{environment['PATH']}"}
