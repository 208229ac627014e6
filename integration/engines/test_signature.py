"""DOCKER_CONTENT_TRUST asks docker to sign; what is not signed is never pushed in silence."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.calling import wasmimg


@pytest.fixture
def trusting(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A user who wants signatures, of a notary server that is not there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: it refuses for as long as the test runs
        server = f"https://127.0.0.1:{taken.getsockname()[1]}"
        yield {**environment, "DOCKER_CONTENT_TRUST": "1", "DOCKER_CONTENT_TRUST_SERVER": server}


def test_docker_that_cannot_sign_fails_and_wasmimg_does_not_step_in(
    registry: str, example: Path, trusting: dict[str, str]
) -> None:
    reference = f"{registry}/signed/docker:1"
    words = ("-e", "docker", "-f", "docker", "-t", reference, "--push")
    said = wasmimg("build", example, *words, environment=trusting)
    assert said.code == 5, said.err
    assert "error contacting notary server" in said.err
    assert "unset DOCKER_CONTENT_TRUST" in said.err
    assert "wasmimg pushes" not in said.err
    assert "retry" not in said.err


def test_what_docker_would_not_push_itself_is_refused(registry: str, example: Path, trusting: dict[str, str]) -> None:
    words = ("-e", "docker", "-f", "oci", "-t", f"{registry}/signed/oci:1", "--push")
    said = wasmimg("build", example, *words, environment=trusting)
    assert said.code == 4, said.err
    assert "docker cannot sign this push" in said.err
    assert "a classic docker store never pushes OCI" in said.err


@pytest.mark.parametrize("engine", ["buildah", "podman", "embedded"])
def test_any_other_push_says_that_it_is_not_signed(
    engine: str, registry: str, example: Path, trusting: dict[str, str]
) -> None:
    words = ("-e", engine, "-t", f"{registry}/signed/{engine}:1", "--push")
    said = wasmimg("build", example, *words, environment=trusting)
    assert said.code == 0, said.err
    assert "warning: DOCKER_CONTENT_TRUST is set, and this push is not signed" in said.err


def test_a_build_that_pushes_nothing_is_not_warned_of(example: Path, trusting: dict[str, str], tmp_path: Path) -> None:
    said = wasmimg("build", example, "-e", "docker", "-o", f"oci:{tmp_path}/out", environment=trusting)
    assert said.code == 0, said.err
    assert "DOCKER_CONTENT_TRUST" not in said.err
