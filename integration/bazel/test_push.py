"""bazel run: images brought to a real registry and to a real docker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace
from integration.calling import WASMIMG, clean_environment, succeed
from integration.services import Dockerd


@pytest.fixture(scope="module")
def digest(workspace: Workspace) -> str:
    workspace.succeed("build", "//images:plain.digest")
    return workspace.output("images/plain.digest").read_text()


def _verified(reference: str) -> str:
    """The digest of what is in the registry, if Istio takes it."""
    words = (*WASMIMG, "verify", "--json", f"docker://{reference}")
    said = json.loads(succeed(*words, environment=clean_environment()))
    assert said["accepted"]
    found: str = said["digests"]["manifest"]
    return found


def test_a_push_is_read_back_and_verified(workspace: Workspace, registry: str, digest: str) -> None:
    repository = f"{registry}/plugins/add-header"
    ran = workspace.succeed("run", f"--define=REGISTRY={registry}", "//push:push", "--", "--tag=v2")
    assert ran.out.split() == [f"{repository}:latest@{digest}", f"{repository}:v2@{digest}"]
    assert _verified(f"{repository}:latest") == _verified(f"{repository}:v2") == digest


def test_a_stamp_is_in_the_tag_and_not_in_the_image(
    workspace: Workspace, registry: str, digest: str, tmp_path: Path
) -> None:
    status = tmp_path / "status.sh"
    status.write_text("#!/bin/sh\necho STABLE_GIT_COMMIT 0a1b2c3\n")
    status.chmod(0o755)
    ran = workspace.succeed(
        "run", "--stamp", f"--workspace_status_command={status}", f"--define=REGISTRY={registry}", "//push:push_stamped"
    )
    assert ran.out.split() == [f"{registry}/plugins/stamped:{tag}@{digest}" for tag in ("v1", "git-0a1b2c3")]
    assert _verified(f"{registry}/plugins/stamped:git-0a1b2c3") == digest


@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["--define=REGISTRY={}", "//push:push_stamped"],
            ["{STABLE_GIT_COMMIT} is not filled in", "bazel run --stamp"],
        ),
        (["//push:push"], ["$(REGISTRY)/plugins/add-header is not filled in", "bazel run --define NAME=VALUE"]),
        (["--define=REGISTRY={}", "//push:push_without_tags"], ["there is no tag to push", "add remote_tags"]),
    ],
)
def test_what_is_not_filled_in_is_not_pushed(
    workspace: Workspace, registry: str, words: list[str], said: list[str]
) -> None:
    # Building all of it must go on without any --define.
    ran = workspace.call("run", *(word.format(registry) for word in words))
    assert ran.code == 2
    for text in said:
        assert text in ran.err, ran.err
    assert ran.out == ""


def test_the_targets_of_wasm_extensions_push(workspace: Workspace, registry: str, digest: str) -> None:
    ran = workspace.succeed(
        *("run", "--define=WASM_IMAGE_TAG=1.24", "//images:push_wasm_image"),
        *("--", "--repository", f"{registry}/wasm-extensions/add_header"),
    )
    assert ran.out.split() == [f"{registry}/wasm-extensions/add_header:1.24@{digest}"]


def test_a_script_path_pushes_from_any_folder(workspace: Workspace, registry: str, digest: str, tmp_path: Path) -> None:
    script = tmp_path / "push"
    workspace.succeed("run", f"--define=REGISTRY={registry}", f"--script_path={script}", "//push:push")
    out = succeed(script, "--repository", f"{registry}/plugins/other", environment=clean_environment(), cwd="/")
    assert out.split() == [f"{registry}/plugins/other:latest@{digest}"]


def test_an_image_is_loaded_into_docker(workspace: Workspace, dockerd: Dockerd) -> None:
    workspace.succeed("build", "//push:load")
    environment = clean_environment(DOCKER_HOST=dockerd.address)
    succeed(workspace.output("push/load.sh"), environment=environment, cwd="/")
    said = json.loads(succeed("docker", "image", "inspect", "add-header:dev", environment=environment))
    assert said[0]["Config"]["Labels"] == {"team": "edge"}
