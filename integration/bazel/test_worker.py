"""The persistent worker: one process for many actions, and nothing else changes."""

from __future__ import annotations

import pytest

from integration.bazel.calling import Workspace, hashes
from integration.bazel.http_cache import http_cache

IMAGES = [f"//images:{name}" for name in ("plain", "described", "docker", "artifact")]
FLAGS = ("--extra_toolchains=@wasmimg//rules:worker_toolchain", "--worker_max_instances=1")


@pytest.fixture(scope="module")
def local(workspace: Workspace) -> dict[str, str]:
    workspace.succeed("clean")
    workspace.succeed("build", *IMAGES)
    return hashes(workspace.output(""), ["images"])


@pytest.mark.parametrize("more", [(), ("--worker_sandboxing",)], ids=["plain", "sandboxed"])
def test_a_worker_makes_the_same_images(workspace: Workspace, local: dict[str, str], more: tuple[str, ...]) -> None:
    workspace.succeed("clean")
    ran = workspace.succeed("build", *IMAGES, *FLAGS, *more)
    # Each image and its verification; the tool is packed and the module copied without a worker.
    assert ran.actions == {"worker": 8, "linux-sandbox": 2}, ran.err
    assert hashes(workspace.output(""), ["images"]) == local


def test_a_cache_that_was_filled_without_a_worker_serves_one(workspace: Workspace) -> None:
    with http_cache() as address:
        workspace.succeed("clean")
        workspace.succeed("build", *IMAGES, f"--remote_cache={address}")
        workspace.succeed("clean")
        ran = workspace.succeed("build", *IMAGES, *FLAGS, f"--remote_cache={address}")
        assert ran.actions == {"remote cache hit": 10}, ran.err


def test_a_worker_says_why_an_action_failed_and_goes_on(workspace: Workspace, local: dict[str, str]) -> None:
    workspace.succeed("clean")
    ran = workspace.call(
        "build", "--keep_going", "//refused:no_module_unchecked", "//refused:empty_unchecked", *IMAGES, *FLAGS
    )
    assert ran.code == 1
    said = ran.err + ran.out
    assert "fetched Wasm binary from URL is invalid" in said, said
    assert "error WI106: the module is empty" in said, said
    assert hashes(workspace.output(""), ["images"]).items() >= local.items()
