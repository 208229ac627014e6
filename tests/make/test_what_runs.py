"""What wasmimg.mk builds anew: all that changed, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.make.running import INCLUDE, MODULE, Project, another

TOML = """
registry = "r.io/acme"
[plugins.one]
module = "one.wasm"
image = "one:${VERSION}"
[plugins.one.annotations]
module = "of no meaning here"
[plugins."two"]  # quoted
  module = 'build/two.wasm'
  image = "two:1"
"""


def assert_quiet(project: Project, *words: str, **variables: str) -> None:
    """Make has nothing to do, and knows it before it runs anything."""
    assert project.run("-q", *words, **variables).code == 0
    assert "Nothing to be done" in project.succeed(*words, **variables).out


def test_nothing_runs_when_nothing_changed(project: Project) -> None:
    assert project.succeed("-j8").built == ["one", "two"]
    assert project.results() == {f"{name}.{end}" for name in ("one", "two") for end in ("oci", "image")} | {
        ".one.wasmimg",
        ".two.wasmimg",
    }
    assert_quiet(project)
    assert "up to date" in project.succeed("one.oci", "two.image").out


def test_a_changed_module_is_built_and_no_other(project: Project) -> None:
    project.succeed()
    before = (project.folder / "two.image").read_text()
    project.write("two.wasm", another(3))
    assert project.run("-q").code == 1
    assert project.succeed("-j8").built == ["two"]
    assert (project.folder / "two.image").read_text() != before
    assert_quiet(project)


def test_a_module_that_make_builds_itself(project: Project) -> None:
    project.makefile("WASMIMG_PLUGINS = one", "all: images", "one.wasm: source ; cp $< $@")
    project.write("source", another(4))
    assert project.succeed("-j8").built == ["one"]
    assert (project.folder / "one.wasm").read_bytes() == another(4)
    project.write("source", another(5))
    assert project.succeed("-j8").built == ["one"]
    assert_quiet(project)


@pytest.mark.parametrize(
    ("words", "variables"),
    [
        (["WASMIMG_REGISTRY=r.io/acme"], {}),
        (["WASMIMG_REGISTRY=r.io/acme", "WASMIMG_TAG=2"], {}),
        (["WASMIMG_IMAGE_one=r.io/acme/uno:1", "WASMIMG_IMAGE_two=r.io/acme/due:1"], {}),
        (["WASMIMG_FORMAT=docker"], {}),
        (["WASMIMG_FOR=envoy-gateway istio"], {}),
        (["WASMIMG_FLAGS=-q --annotation 'a=it''s  two'"], {}),
        ([], {"SOURCE_DATE_EPOCH": "1700000000"}),
    ],
)
def test_what_is_said_elsewhere_counts_too(words: list[str], variables: dict[str, str], project: Project) -> None:
    project.succeed()
    assert project.succeed("-j8", *words, **variables).built == ["one", "two"]
    assert_quiet(project, *words, **variables)
    assert project.succeed().built == ["one", "two"]


def test_flags_of_one_plugin(project: Project) -> None:
    project.succeed()
    assert project.succeed("WASMIMG_FLAGS_two=--annotation a=b").built == ["two"]


def test_a_name_for_each_tag(project: Project) -> None:
    project.succeed("WASMIMG_REGISTRY=r.io/acme/", "WASMIMG_TAG=1.0 latest")
    first, second = (project.folder / "one.image").read_text().splitlines()
    assert first.startswith("r.io/acme/one:1.0@sha256:")
    assert second.startswith("r.io/acme/one:latest@sha256:")
    assert first.rpartition("@")[2] == second.rpartition("@")[2]


def _names(project: Project) -> list[str]:
    files = sorted(project.folder.rglob("*.image"))
    return [line.partition("@")[0] for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def described(project: Project) -> Project:
    """The same, with a wasmimg.toml."""
    project.write("wasmimg.toml", TOML)
    project.write("build/two.wasm", another(6))
    (project.folder / "two.wasm").unlink()
    return project


def test_plugins_of_the_file(described: Project) -> None:
    made = described.succeed(VERSION="1")
    assert made.built == ["one", "two"]
    assert "--plugin one " in made.out
    assert _names(described) == ["r.io/acme/one:1", "r.io/acme/two:1"]
    assert_quiet(described, VERSION="1")
    described.write("build/two.wasm", another(7))
    assert described.succeed(VERSION="1").built == ["two"]


@pytest.mark.parametrize(
    "change",
    [
        lambda project: project.write("wasmimg.toml", TOML.replace("two:1", "two:2")),
        lambda project: project.environment.update(VERSION="2"),
        lambda project: (project.folder / "wasmimg.toml").unlink() or project.write("two.wasm", MODULE),
    ],
    ids=["the file", "a variable in it", "no file"],
)
def test_a_changed_file(change: Callable[[Project], object], described: Project) -> None:
    described.environment["VERSION"] = "1"
    described.succeed()
    before = _names(described)
    change(described)
    assert described.succeed("-j8").built == ["one", "two"]
    assert _names(described) != before
    assert_quiet(described)


def test_a_file_without_plugins_comes_and_goes(project: Project) -> None:
    project.succeed()
    project.write("wasmimg.toml", "format = 'docker'\n")
    assert project.succeed().built == ["one", "two"]
    assert_quiet(project)
    (project.folder / "wasmimg.toml").unlink()
    assert project.succeed().built == ["one", "two"]


def test_a_variable_of_the_makefile_reaches_the_file(described: Project) -> None:
    described.makefile("WASMIMG_PLUGINS = one two", "VERSION = 3")
    described.succeed()
    assert _names(described) == ["r.io/acme/one:3", "r.io/acme/two:1"]


def test_a_variable_that_nobody_set_is_an_error(described: Project) -> None:
    assert "the variable VERSION is not set" in described.run("one.oci").err


def test_the_command_line_outranks_the_file(described: Project) -> None:
    described.succeed("WASMIMG_REGISTRY=r.io/else", "WASMIMG_TAG=9", VERSION="1")
    assert _names(described) == ["r.io/else/one:9", "r.io/else/two:9"]


def test_a_module_of_the_makefile_leaves_the_file_aside(described: Project) -> None:
    described.write("other.wasm", another(8))
    made = described.succeed("WASMIMG_MODULE_two=other.wasm", VERSION="1")
    assert "build other.wasm " in made.out
    assert (described.folder / "two.image").read_text().startswith("oci-archive:two.oci@")


def test_the_nearest_file_above(described: Project) -> None:
    inner = described.folder / "build"
    (inner / "Makefile").write_text((described.folder / "Makefile").read_text().replace("one two", "two"))
    assert described.succeed("-C", "build", VERSION="1").built == ["two"]
    assert_quiet(described, "-C", "build", VERSION="1")
    described.write("build/two.wasm", another(9))
    assert described.succeed("-C", "build", VERSION="1").built == ["two"]


def test_included_from_another_folder_into_another_folder(project: Project) -> None:
    rules = project.folder / "tools"
    rules.mkdir()
    (rules / "wasmimg.mk").write_bytes(INCLUDE.read_bytes())
    project.makefile("WASMIMG_PLUGINS = one two", "WASMIMG_OUT = out/images/", include="tools/wasmimg.mk")
    assert project.succeed("-j8").built == ["one", "two"]
    assert {path.name for path in (project.folder / "out" / "images").glob("[!.]*")} == {
        "one.oci",
        "one.image",
        "two.oci",
        "two.image",
    }
    assert_quiet(project)
    project.write("one.wasm", another(10))
    assert project.succeed("-j8").built == ["one"]


def test_the_default_goal_of_the_makefile_stays(project: Project) -> None:
    project.makefile("WASMIMG_PLUGINS = one", "mine: ; @echo mine")
    assert project.succeed().out == "mine\n"
