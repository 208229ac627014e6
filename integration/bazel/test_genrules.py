"""The command line from a plain genrule, in a sandbox with no network and an empty environment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace
from integration.calling import WASMIMG, clean_environment, succeed


@pytest.fixture(scope="module")
def built(workspace: Workspace) -> Workspace:
    ran = workspace.succeed("build", "//genrules:all", "//images:plain.digest", "--spawn_strategy=sandboxed")
    assert set(ran.actions) <= {"linux-sandbox"}, ran.processes
    return workspace


def _digest(archive: Path) -> str:
    words = (*WASMIMG, "inspect", "--json", f"oci-archive:{archive}")
    digest: str = json.loads(succeed(*words, environment=clean_environment()))["digests"]["manifest"]
    return digest


def test_a_genrule_makes_the_image_that_the_rule_makes(built: Workspace) -> None:
    wanted = built.output("images/plain.digest").read_text()
    assert built.output("genrules/by_label.digest").read_text() == wanted
    assert _digest(built.output("genrules/by_label.tar")) == wanted
    assert _digest(built.output("genrules/by_toolchain.tar")) == wanted


def test_buildah_works_in_the_sandbox(built: Workspace) -> None:
    archive = built.output("genrules/by_buildah.tar")
    assert _digest(archive) == built.output("genrules/by_buildah.digest").read_text()
    verified = succeed(*WASMIMG, "verify", f"oci-archive:{archive}", environment=clean_environment())
    assert re.search(r"Istio +takes it", verified)


def test_the_actions_really_had_no_network_and_no_environment(built: Workspace) -> None:
    seen = built.output("genrules/environment.txt").read_text()
    names = set(re.findall(r"^(\w+)=", seen, re.M))
    assert names <= {"PATH", "PWD", "SHLVL", "TMPDIR", "_"}
    interfaces = set(re.findall(r"^\s*(\w+):", seen, re.M))
    assert interfaces <= {"lo"}, seen
