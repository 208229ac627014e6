"""podman as the engine: its own store, its own push, and nothing that containers.conf may ask for."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, WASMIMG, Said, build, succeed, wasmimg
from integration.conftest import FORMATS

every_format = pytest.mark.parametrize("form", FORMATS)
_WORDS = {"oci": "oci", "docker": "v2s2"}


def _pushed_by_podman(said: Said) -> None:
    assert said.code == 0, said.err
    assert "with podman" in said.err
    assert "wasmimg pushes" not in said.err


@every_format
def test_podman_itself_pushes_what_is_asked(
    form: str, registry: str, plugin: Path, environment: dict[str, str]
) -> None:
    reference = f"{registry}/podman/own:{form}"
    words = ("-e", "podman", "-f", form, "-t", reference, "--push")
    said = wasmimg("build", plugin, *HIGRESS, *words, environment=environment)
    _pushed_by_podman(said)
    found = reader.from_registry(reference)
    reader.assert_shape(found, form, plugin.read_bytes())
    assert said.out == f"{reference}@{found.digest}\n"


def test_the_same_module_gives_the_same_digest(registry: str, example: Path, environment: dict[str, str]) -> None:
    # In Docker's format podman before 5.6 writes the id of a container into the config.
    names = [f"{registry}/same/p:{number}" for number in range(2)]
    pinned = [build(example, "-e", "podman", "-t", name, "--push", environment=environment) for name in names]
    assert len({line.partition("@")[2] for line in pinned}) == 1


@every_format
def test_zstd_in_containers_conf_is_overruled(
    form: str, registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "containers.conf").write_text('[engine]\ncompression_format = "zstd"\n')
    reference = f"{registry}/podman/zstd:{form}"
    words = ("-e", "podman", "-f", form, "-t", reference, "--push")
    zstd = {**environment, "CONTAINERS_CONF": str(tmp_path / "containers.conf")}
    _pushed_by_podman(wasmimg("build", plugin, *HIGRESS, *words, environment=zstd))
    reader.assert_shape(reader.from_registry(reference), form, plugin.read_bytes())


@every_format
def test_it_stays_in_podmans_store(form: str, registry: str, example: Path, environment: dict[str, str]) -> None:
    reference = f"{registry}/podman/kept:{form}"
    out = build(example, "-e", "podman", "-f", form, "-t", reference, environment=environment)
    assert out == f"{reference}\n"
    hand = ("podman", "push", "--tls-verify=false", reference)
    succeed(*hand, environment=environment)
    reader.assert_shape(reader.from_registry(reference), form, example.read_bytes())
    succeed("podman", "image", "rm", reference, environment=environment)


def test_a_docker_config_without_its_file_is_no_obstacle(
    registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    theirs = {**environment, "DOCKER_CONFIG": str(tmp_path / "empty")}
    reference = f"{registry}/podman/config:1"
    _pushed_by_podman(wasmimg("build", example, "-e", "podman", "-t", reference, "--push", environment=theirs))


def test_a_dockerfile_of_the_users_own(
    registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "filter.wasm").write_bytes(example.read_bytes())
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL team=edge\nCOPY build/filter.wasm ./plugin.wasm\n")
    (tmp_path / ".containerignore").write_text("*\n")
    reference = f"{registry}/podman/dockerfile:1"
    words = ("--dockerfile", "Dockerfile", "-e", "podman", "-t", reference, "--push")
    build(*words, environment=environment, cwd=tmp_path)
    found = reader.from_registry(reference)
    reader.assert_shape(found, "oci", example.read_bytes())
    assert found.config["config"]["Labels"]["team"] == "edge"


@pytest.mark.parametrize("asked", ["docker", "auto"])
def test_podman_that_is_called_docker_is_driven_as_podman(
    asked: str, registry: str, plugin: Path, stand_in: dict[str, str]
) -> None:
    reference = f"{registry}/podman/alias:{asked}"
    words = ("-e", asked, "-f", "docker", "-t", reference, "--push")
    said = wasmimg("build", plugin, *HIGRESS, *words, environment=stand_in)
    _pushed_by_podman(said)
    assert "what is called docker here is podman" in said.err
    reader.assert_shape(reader.from_registry(reference), "docker", plugin.read_bytes())


def test_load_reaches_the_podman_that_is_called_docker(example: Path, stand_in: dict[str, str]) -> None:
    for engine in ("docker", "embedded"):
        name = f"acme.test/loaded/{engine}:1"
        build(example, "-e", engine, "-f", "docker", "-t", name, "--load", environment=stand_in)
        seen = json.loads(succeed("podman", "image", "inspect", name, environment=stand_in))
        assert len(seen[0]["RootFS"]["Layers"]) == 1
        succeed("podman", "image", "rm", name, environment=stand_in)


def test_an_interrupt_leaves_no_container_and_no_image(
    registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    words = ("-e", "podman", "-o", f"oci:{tmp_path}/out")
    began = time.monotonic()
    build(plugin, *HIGRESS, *words, environment=environment)
    whole = time.monotonic() - began
    before = _left(environment)
    for moment in (0.3, 0.5, 0.7):
        process = subprocess.Popen(
            [*WASMIMG, "build", str(plugin), *HIGRESS, *words], env=environment, stderr=subprocess.DEVNULL
        )
        time.sleep(moment * whole)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert _left(environment) == before


def _left(environment: dict[str, str]) -> tuple[str, str]:
    containers = succeed("podman", "ps", "--all", "--external", "--noheading", "--quiet", environment=environment)
    return containers, succeed("podman", "images", "--all", "--quiet", environment=environment)
