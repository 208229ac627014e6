"""What is left after a failure, and what make then says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.make.running import MAKES, MODULE, Project, another

# What fails does so in one of them as in the other.
pytestmark = pytest.mark.parametrize("project", MAKES[:1], ids=["make"], indirect=True)


def test_no_stale_digest(project: Project) -> None:
    project.succeed()
    project.write("two.wasm", "no module")
    made = project.run("-k", "-j8")
    assert made.code == 2
    assert "two.wasm is not a module that a proxy loads" in made.err
    assert {name for name in project.results() if "two" in name} == set()
    assert project.run("-k").built == ["two"], "a failure must not be taken for done"
    project.write("two.wasm", another(3))
    assert project.succeed("-j8").built == ["two"]


def test_one_shell_for_all_lines(project: Project) -> None:
    project.makefile("WASMIMG_PLUGINS = one two", ".ONESHELL:", "SHELL = bash")
    project.succeed()
    assert len(project.results()) == 6
    assert "Nothing to be done" in project.succeed().out
    project.write("two.wasm", "no module")
    assert project.run().code == 2
    assert {name for name in project.results() if "two" in name} == set()


def test_the_others_are_built(project: Project) -> None:
    project.write("one.wasm", "no module")
    assert project.run("-k", "-j8").code == 2
    assert {"two.oci", "two.image"} <= project.results()


def test_a_build_that_ends_by_a_signal_leaves_nothing(project: Project, tmp_path: Path) -> None:
    project.succeed()
    killed = tmp_path / "killed"
    killed.write_text('#!/bin/sh\necho "r.io/acme/one:1@sha256:0000"\nkill -9 $$\n')
    killed.chmod(0o755)
    assert project.run("-k", f"WASMIMG={killed}").code == 2
    assert project.results() == set()


def test_a_result_that_is_gone_is_made_again(project: Project) -> None:
    project.succeed()
    (project.folder / "one.image").unlink()
    assert project.succeed().built == ["one"]
    (project.folder / "two.oci").unlink()
    assert project.succeed().built == ["two"]


def test_a_push_without_a_name(project: Project) -> None:
    made = project.run("push-one")
    assert made.code == 2
    assert "one: it has no name to push to: set WASMIMG_REGISTRY or WASMIMG_IMAGE_one" in made.err


def test_verify_says_what_it_finds(project: Project) -> None:
    assert "Istio          takes it" in project.succeed("verify").out
    project.write("one.oci", (project.folder / "two.oci").read_bytes()[:1024])
    made = project.run("verify")
    assert made.code == 2
    assert made.built == []


@pytest.mark.parametrize(
    "text",
    [
        "[plugins]\none = { module = 'one.wasm' }\n",
        "plugins.one.module = 'one.wasm'\n",
        "[plugins.one]\nmodule = 'a folder/one.wasm'\n",
        "[plugins.one]\nmodule = '$(shell touch ran)one.wasm'\n",
    ],
)
def test_a_file_that_make_cannot_read_is_no_guess(text: str, project: Project) -> None:
    project.write("wasmimg.toml", text)
    made = project.run("one.oci")
    assert made.code == 2
    assert "the module of one is not to be found in it" in made.err
    assert not (project.folder / "ran").exists()


def test_a_tag_that_would_be_lost(project: Project) -> None:
    project.write("wasmimg.toml", "[plugins.one]\nmodule = 'one.wasm'\nimage = 'r.io/acme/one:1'\n")
    assert "WASMIMG_TAG needs WASMIMG_REGISTRY" in project.run("one.oci", "WASMIMG_TAG=2").err


def test_a_name_that_is_not_listed(project: Project) -> None:
    project.write("three.wasm", MODULE)
    assert "three is not in WASMIMG_PLUGINS: one two" in project.run("three.oci").err


def test_a_folder_with_a_space(project: Project) -> None:
    spaced = project.folder / "a folder"
    spaced.mkdir()
    (spaced / "Makefile").write_text((project.folder / "Makefile").read_text())
    made = project.run("-C", "a folder")
    assert made.code == 2
    assert "make has no paths with spaces" in made.err
