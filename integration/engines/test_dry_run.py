"""What --dry-run prints is the documented workflow, and does by hand what wasmimg does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, WASMIMG, build, call, containers, left_over, succeed
from integration.conftest import EVERY_WAY

every_way = pytest.mark.parametrize(("engine", "form"), EVERY_WAY)


@every_way
def test_the_lines_push_the_same_layer(
    engine: str, form: str, registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    reference = f"{registry}/dry/{engine}:{form}"
    words = ("-e", engine, "-f", form, "-t", reference, "--push")
    lines = build(plugin, *HIGRESS, *words, "--dry-run", environment=environment)
    assert left_over(Path(environment["TMPDIR"])) == []
    assert call("skopeo", "inspect", "--tls-verify=false", f"docker://{reference}", environment=environment).code != 0
    _by_hand(lines, environment, tmp_path)
    found = reader.from_registry(reference)
    reader.assert_shape(found, form, plugin.read_bytes())
    build(plugin, *HIGRESS, *words, environment=environment)
    again = reader.from_registry(reference)
    assert reader.tar_of(found.layers[0]) == reader.tar_of(again.layers[0])


@every_way
def test_the_lines_write_the_same_layout(
    engine: str, form: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    words = ("-e", engine, "-f", form, "-t", "acme.test/plugin:1", "--annotation", 'a=it\'s "1"', "--label", "b=$HOME")
    lines = build(example, *words, "-o", f"oci:{tmp_path}/hand", "--dry-run", environment=environment)
    assert not (tmp_path / "hand").exists()
    _by_hand(lines, environment, tmp_path)
    build(example, *words, "-o", f"oci:{tmp_path}/own", environment=environment)
    hand, own = reader.from_layout(tmp_path / "hand"), reader.from_layout(tmp_path / "own")
    reader.assert_shape(hand, form, example.read_bytes())
    assert reader.tar_of(hand.layers[0]) == reader.tar_of(own.layers[0])
    assert hand.manifest is not None
    assert own.manifest is not None
    assert hand.manifest.get("annotations") == own.manifest.get("annotations")
    assert hand.config["config"]["Labels"]["b"] == "$HOME"


def test_the_lines_are_the_documented_workflow(example: Path, environment: dict[str, str]) -> None:
    docker = build(
        example,
        "-e",
        "docker",
        "-f",
        "docker",
        "-t",
        "acme.test/plugin:1",
        "--push",
        "--dry-run",
        environment=environment,
    )
    assert "FROM scratch" in docker
    assert docker.count("COPY plugin.wasm ./") == 1
    assert "docker build" in docker
    assert "docker push acme.test/plugin:1" in docker
    buildah = build(
        example, "-e", "buildah", "-t", "acme.test/plugin:1", "--push", "--dry-run", environment=environment
    )
    assert buildah.count("buildah copy") == 1
    assert "buildah from" in buildah
    assert "docker://acme.test/plugin:1" in buildah


def _by_hand(lines: str, environment: dict[str, str], folder: Path) -> None:
    """Run them with sh, as a user who has wasmimg on PATH."""
    programs = folder / "programs"
    programs.mkdir()
    script = programs / "wasmimg"
    script.write_text(f'#!/bin/sh\nexec {" ".join(WASMIMG)} "$@"\n')
    script.chmod(0o755)
    path = f"{programs}{os.pathsep}{environment['PATH']}"
    succeed("sh", environment={**environment, "PATH": path}, stdin=lines, cwd=folder)
    assert left_over(Path(environment["TMPDIR"])) == []
    assert not any(name.startswith("wasmimg-") for name in containers(environment))
