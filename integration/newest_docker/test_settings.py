"""What a user of the newest Docker may have set, and what must not come of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from integration import reader
from integration.calling import Said, succeed, wasmimg
from integration.conftest import FORMATS
from integration.engines.cells import write_new_module
from integration.engines.daemons import StoreDockerd
from integration.engines.parallel import at_once
from integration.services import Dockerd

_DOCKERFILE = "FROM scratch\nCOPY plugin.wasm ./\n"


def _push(example: Path, reference: str, environment: dict[str, str], form: str = "docker") -> Said:
    words = ("-e", "docker", "-f", form, "-t", reference, "--push")
    said = wasmimg("build", example, *words, environment=environment)
    assert said.code == 0, said.err
    reader.assert_shape(reader.from_registry(reference), form, example.read_bytes())
    return said


@pytest.mark.parametrize("store", ["containerd", "classic"])
def test_docker_itself_pushes_dockers_format(
    store: str, example: Path, registry: str, of_docker: dict[str, dict[str, str]]
) -> None:
    said = _push(example, f"{registry}/newest/own:{store}", of_docker[store])
    assert "with docker" in said.err
    assert "wasmimg pushes" not in said.err


@pytest.mark.parametrize("builder", ["1", "0"])
def test_another_default_platform_is_overruled(
    builder: str, example: Path, registry: str, of_docker: dict[str, dict[str, str]]
) -> None:
    on_arm = {**of_docker["containerd"], "DOCKER_DEFAULT_PLATFORM": "linux/arm64", "DOCKER_BUILDKIT": builder}
    _push(example, f"{registry}/newest/platform:{builder}", on_arm)


def test_a_foreign_builder_that_is_selected_is_not_used(
    example: Path, registry: str, of_docker: dict[str, dict[str, str]]
) -> None:
    environment = of_docker["containerd"]
    create = ("docker", "buildx", "create", "--name", "foreign", "--driver", "docker-container", "--use")
    succeed(*create, environment=environment)
    succeed("docker", "buildx", "install", environment=environment)  # `docker build` becomes `docker buildx build`
    _push(example, f"{registry}/newest/foreign:1", environment)
    _push(example, f"{registry}/newest/foreign:2", {**environment, "BUILDX_BUILDER": "foreign"})


def test_the_daemon_of_a_context_is_used(
    example: Path, registry: str, of_docker: dict[str, dict[str, str]], daemons: dict[str, StoreDockerd]
) -> None:
    environment = {name: value for name, value in of_docker["containerd"].items() if name != "DOCKER_HOST"}
    for store, daemon in daemons.items():
        create = ("docker", "context", "create", f"my-{store}", "--docker", f"host={daemon.address}")
        succeed(*create, environment=environment)
    succeed("docker", "context", "use", "my-containerd", environment=environment)
    _push(example, f"{registry}/newest/context:1", environment)
    _push(example, f"{registry}/newest/context:2", {**environment, "DOCKER_CONTEXT": "my-classic"})
    # A classic store does not keep it: the context of the variable outranks the one that is in use.
    kept = ("build", example, "-e", "docker", "-f", "oci", "-t", "acme.test/context:1")
    assert wasmimg(*kept, environment={**environment, "DOCKER_CONTEXT": "my-classic"}).code == 4
    assert wasmimg(*kept, environment=environment).code == 0
    report = wasmimg("doctor", "-e", "docker", environment=environment)
    assert (report.code, "my-containerd" in report.out) == (0, True)


@pytest.mark.parametrize("form", FORMATS)
def test_an_old_daemon_serves_the_newest_client(
    form: str, example: Path, registry: str, of_docker: dict[str, dict[str, str]], dockerd: Dockerd
) -> None:
    environment = {**of_docker["classic"], "DOCKER_HOST": dockerd.address}
    _push(example, f"{registry}/newest/old-daemon:{form}", environment, form)


def test_a_zstd_layer_in_the_cache_does_not_come_back(
    example: Path, registry: str, of_docker: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    environment = of_docker["containerd"]
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    module = write_new_module(example, tmp_path / "plugin.wasm")
    plain = ("docker", "build", "--platform", "linux/amd64", "--provenance=false")
    poison = ("--output", "type=image,compression=zstd,force-compression=true")
    succeed(*plain, *poison, "-t", f"{registry}/zstd/poison:1", ".", environment=environment, cwd=tmp_path)
    # By hand the poison works: a plain build pushes what no proxy takes.
    by_hand = f"{registry}/zstd/hand:1"
    succeed(*plain, "-t", by_hand, ".", environment=environment, cwd=tmp_path)
    succeed("docker", "push", by_hand, environment=environment)
    said = wasmimg("verify", by_hand, environment=environment)
    assert (said.code, "zstd" in said.out) == (8, True), said.out
    for form in ("docker", "oci"):
        _push(module, f"{registry}/zstd/ours:{form}", environment, form)


def test_a_docker_that_signs_nothing_any_more_is_said_to(
    example: Path, registry: str, of_docker: dict[str, dict[str, str]]
) -> None:
    said = _push(example, f"{registry}/newest/signed:1", {**of_docker["containerd"], "DOCKER_CONTENT_TRUST": "1"})
    assert "this push is not signed: docker signs nothing from version 29 on" in said.err


@pytest.mark.parametrize("store", ["containerd", "classic"])
def test_eight_at_once(store: str, example: Path, registry: str, of_docker: dict[str, dict[str, str]]) -> None:
    names = [f"{registry}/newest/parallel-{store}-{number}:1" for number in range(8)]
    at_once([(example, "-e", "docker", "-f", "docker", "-t", name, "--push") for name in names], of_docker[store])
    for name in names:
        reader.assert_shape(reader.from_registry(name), "docker", example.read_bytes())


def test_the_documented_workflow_by_hand_has_the_same_layer(
    example: Path, registry: str, of_docker: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    environment = of_docker["classic"]
    (tmp_path / "Dockerfile").write_text(_DOCKERFILE)
    (tmp_path / "plugin.wasm").write_bytes(example.read_bytes())
    by_hand, ours = f"{registry}/same/hand:1", f"{registry}/same/ours:1"
    succeed("docker", "build", "-t", by_hand, ".", environment=environment, cwd=tmp_path)
    succeed("docker", "push", by_hand, environment=environment)
    _push(example, ours, environment)
    for reference in (by_hand, ours):
        (layer,) = reader.from_registry(reference).layers
        with tarfile.open(fileobj=io.BytesIO(reader.tar_of(layer))) as tar:
            (member,) = tar.getmembers()
            content = tar.extractfile(member)
            assert content is not None
            assert (member.name, content.read()) == ("plugin.wasm", example.read_bytes())
