"""Equal bytes wherever an action runs, and every result from a cache where it may come from one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace, hashes
from integration.bazel.http_cache import http_cache
from integration.bazel.wheels import download
from integration.calling import clean_environment
from integration.services import Service

# Everything that is cached; buildah's genrule is kept off remote machines by its tag.
TARGETS = (
    *(f"//images:{name}{part}" for name in ("plain", "described", "docker", "artifact") for part in ("", ".tar")),
    "//genrules:by_label",
    "//genrules:by_toolchain",
)
PARTS = ("images", "genrules")
BUILDGRID = ("buildgrid-0.4.4-py3-none-any.whl", "4450e8e0449be72464370f8932aa1af342ddd82fa533d87c5aebe1872c19baef")


def _made(workspace: Workspace) -> dict[str, str]:
    found = hashes(workspace.output(""), PARTS)
    return {path: sha256 for path, sha256 in found.items() if not path.endswith((".sh", "MANIFEST"))}


@pytest.fixture(scope="module")
def local(workspace: Workspace) -> dict[str, str]:
    """What a build on this machine makes, by path."""
    workspace.succeed("clean")
    workspace.succeed("build", *TARGETS)
    return _made(workspace)


@pytest.fixture(scope="module")
def reapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a remote execution server."""
    folder = tmp_path_factory.mktemp("reapi")
    wheel = download(*BUILDGRID, folder)
    argv = [sys.executable, str(Path(__file__).parent / "remote_server.py")]
    with Service(argv, folder / "log", clean_environment(PYTHONPATH=str(wheel))) as service:
        address = service.said(r"listening on (127\.0\.0\.1:\d+)")[1]
        yield f"grpc://{address}"


def test_another_folder_and_another_mode_make_the_same_images(elsewhere: Workspace, local: dict[str, str]) -> None:
    elsewhere.succeed("build", *TARGETS, "--compilation_mode=opt")
    made = _made(elsewhere)
    names = {path for path in local if not path.endswith(".args")}  # those name the folder of the mode
    assert len(names) > 20
    assert {path: made[path] for path in names} == {path: local[path] for path in names}


def test_a_remote_cache_has_it_all(workspace: Workspace, elsewhere: Workspace, local: dict[str, str]) -> None:
    with http_cache() as address:
        workspace.succeed("clean")
        first = workspace.succeed("build", *TARGETS, f"--remote_cache={address}")
        count = first.actions["linux-sandbox"]
        assert first.actions == {"linux-sandbox": count}
        assert count >= 14  # 4 images with archive and verification, 2 genrules, tool, copy
        for one in (workspace, elsewhere):
            one.succeed("clean")
            again = one.succeed("build", *TARGETS, f"--remote_cache={address}")
            assert again.actions == {"remote cache hit": count}, again.err
            assert _made(one) == local


def test_every_action_runs_on_a_remote_machine(
    workspace: Workspace, elsewhere: Workspace, local: dict[str, str], reapi: str
) -> None:
    flags = [f"--remote_executor={reapi}", "--remote_default_exec_properties=OSFamily=linux"]
    workspace.succeed("clean")
    first = workspace.succeed("test", *TARGETS, "//images:everybody_test", *flags)
    count = first.actions["remote"]
    assert first.actions == {"remote": count}, first.err
    assert _made(workspace).items() >= local.items()
    for one in (workspace, elsewhere):
        one.succeed("clean")
        again = one.succeed("test", *TARGETS, "//images:everybody_test", *flags)
        assert again.actions == {"remote cache hit": count}, again.err
        assert _made(one).items() >= local.items()
