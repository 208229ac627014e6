"""An image that stays on this machine: in docker's store, or in buildah's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration import reader
from integration.calling import WASMIMG, build, call, succeed, wasmimg
from integration.conftest import ENGINES


@pytest.mark.parametrize("engine", ENGINES)
def test_load_hands_the_image_to_docker(engine: str, example: Path, environment: dict[str, str], registry: str) -> None:
    name = f"{registry}/loaded/{engine}:1"
    out = build(example, "-e", engine, "-f", "docker", "-t", name, "--load", environment=environment)
    assert out == f"{name}\n"
    succeed("docker", "push", name, environment=environment)
    reader.assert_shape(reader.from_registry(name), "docker", example.read_bytes())


def test_docker_keeps_every_name(example: Path, environment: dict[str, str]) -> None:
    names = ["acme.test/kept:1", "acme.test/kept:latest"]
    build(example, "-e", "docker", "-f", "docker", "-t", names[0], "-t", names[1], environment=environment)
    for name in names:
        seen = json.loads(succeed("docker", "image", "inspect", name, environment=environment))
        assert len(seen[0]["RootFS"]["Layers"]) == 1


def test_format_oci_does_not_stay_in_a_classic_store(example: Path, environment: dict[str, str]) -> None:
    said = wasmimg("build", example, "-e", "docker", "-f", "oci", "-t", "acme.test/kept:2", environment=environment)
    assert said.code == 4, said.err
    assert "--push" in said.err
    images = succeed("docker", "image", "ls", "-q", "acme.test/kept:2", environment=environment)
    assert images == ""


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_buildah_keeps_it(form: str, example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    build(example, "-e", "buildah", "-f", form, "-t", "acme.test/kept:3", environment=environment)
    wanted = {"oci": "oci", "docker": "v2s2"}[form]
    succeed("buildah", "push", "--format", wanted, "acme.test/kept:3", f"dir:{tmp_path}/out", environment=environment)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert manifest["mediaType"] == reader.MANIFESTS[form]
    succeed("buildah", "rmi", "acme.test/kept:3", environment=environment)


def test_the_embedded_engine_has_no_store(example: Path, environment: dict[str, str]) -> None:
    said = wasmimg("build", example, "-e", "embedded", "-t", "acme.test/kept:4", environment=environment)
    assert said.code == 2
    assert "--push" in said.err


@pytest.mark.parametrize("name", ["plugin.wasm", "build/filter.wasm"])
def test_a_dockerfile_of_the_users_own(
    name: str, example: Path, environment: dict[str, str], registry: str, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(example.read_bytes())
    (tmp_path / "Dockerfile").write_text(f"# ours\nFROM scratch\nLABEL team=edge\nCOPY {name} ./plugin.wasm\n")
    (tmp_path / ".dockerignore").write_text("*\n")
    reference = f"{registry}/own/dockerfile:{Path(name).stem}"
    build(
        "--dockerfile", "Dockerfile", "-f", "docker", "-t", reference, "--push", environment=environment, cwd=tmp_path
    )
    found = reader.from_registry(reference)
    reader.assert_shape(found, "docker", example.read_bytes())
    assert found.config["config"]["Labels"]["team"] == "edge"


def test_auto_takes_the_documented_pair_and_says_so(example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    for form, engine in (("docker", "docker"), ("oci", "buildah")):
        said = wasmimg("build", example, "-f", form, "-o", f"oci:{tmp_path}/{form}", environment=environment)
        assert said.code == 0, said.err
        assert f"engine {engine}: the documented engine for format {form}" in said.err


def test_auto_falls_back_where_the_daemon_is_down(example: Path, environment: dict[str, str], tmp_path: Path) -> None:
    down = {**environment, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    said = wasmimg("build", example, "-f", "docker", "-o", f"oci:{tmp_path}/out", environment=down)
    assert said.code == 0, said.err
    assert "engine embedded: " in said.err
    reader.assert_shape(reader.from_layout(tmp_path / "out"), "docker", example.read_bytes())
    said = wasmimg("build", example, "-e", "docker", "-o", f"oci:{tmp_path}/out2", environment=down)
    assert said.code == 4
    assert "--engine embedded" in said.err


def test_a_socket_that_is_not_for_us(example: Path, environment: dict[str, str]) -> None:
    theirs = {**environment, "HOME": "/nonexistent"}
    del theirs["DOCKER_CONFIG"], theirs["TMPDIR"]
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *WASMIMG)
    words = ("build", example, "-e", "docker", "-f", "docker", "-t", "acme.test/plugin:1")
    said = call(*as_nobody, *words, environment=theirs)
    assert said.code == 4, said.err
    assert "permission denied" in said.err
    assert "--engine embedded" in said.err
