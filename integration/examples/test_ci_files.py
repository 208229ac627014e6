"""The workflow of GitHub and the job of GitLab: valid, and their lines push an image to a registry that asks who it is."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from integration.calling import call, succeed
from integration.examples.building import ROOT

CI = ROOT / "examples" / "ci"
ANNA = {"user": "anna", "password": "right"}  # whom locked_registry knows


@pytest.mark.parametrize(
    ("file", "schema"),
    [("github-workflow.yml", "vendor.github-workflows"), ("gitlab-ci.yml", "vendor.gitlab-ci")],
)
def test_it_is_valid(file: str, schema: str, environment: dict[str, str]) -> None:
    checker = (sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema)
    transform = ("--data-transform", "gitlab-ci") if "gitlab" in schema else ()
    succeed(*checker, *transform, CI / file, environment=environment)


def test_github_pushes(locked_registry: str, runner: dict[str, str], tmp_path: Path) -> None:
    context = {
        "github.repository": "Acme/Plugin",
        "github.ref_name": "v1.0",
        "github.actor": ANNA["user"],
        "github.token": ANNA["password"],
    }
    (job,) = _read("github-workflow.yml")["jobs"].values()
    steps = [step for step in job["steps"] if "wasmimg " in step.get("run", "")]
    assert len(steps) == 2
    out = ""
    for step in steps:
        values = {
            name: re.sub(r"\$\{\{ (.+?) \}\}", lambda match: context[match[1]], text).replace(
                "ghcr.io", locked_registry
            )
            for name, text in step.get("env", {}).items()
        }
        assert "${{" not in step["run"], "an expression in a script is how others' text gets into a shell"
        out += succeed("bash", "-e", "-c", step["run"], environment={**runner, **values}, cwd=tmp_path)
    assert f"{locked_registry}/acme/plugin:v1.0@sha256:" in out


def test_gitlab_pushes(locked_registry: str, runner: dict[str, str], tmp_path: Path) -> None:
    given = {
        "CI_REGISTRY_USER": ANNA["user"],
        "CI_REGISTRY_PASSWORD": ANNA["password"],
        "CI_REGISTRY_IMAGE": f"{locked_registry}/acme/of-gitlab",
        "CI_COMMIT_TAG": "v1.0",
    }
    job = _read("gitlab-ci.yml")["plugin-image"]
    values = {name: re.sub(r"\$(\w+)", lambda match: given[match[1]], text) for name, text in job["variables"].items()}
    out = succeed("sh", "-e", "-c", "\n".join(job["script"]), environment={**runner, **given, **values}, cwd=tmp_path)
    (digest,) = (tmp_path / path for path in job["artifacts"]["paths"])
    assert f"{given['CI_REGISTRY_IMAGE']}:v1.0@{digest.read_text().strip()}" in out


def test_without_credentials_it_would_fail(locked_registry: str, runner: dict[str, str], tmp_path: Path) -> None:
    """The registry of these tests does ask."""
    words = ("wasmimg", "build", "plugin.wasm", "-e", "embedded", "-t", f"{locked_registry}/acme/nobody:1", "--push")
    assert call(*words, environment=runner, cwd=tmp_path).code == 6


@pytest.fixture
def runner(example: Path, environment: Mapping[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a runner that has installed wasmimg, in a folder with a plugin."""
    (tmp_path / "plugin.wasm").write_bytes(example.read_bytes())
    return {**environment, "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


def _read(file: str) -> Any:
    return YAML(typ="safe").load(CI / file)
