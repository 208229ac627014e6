"""wasmimg.mk on fourteen real plugins, each engine, and a registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration import reader
from integration.calling import containers
from tests.make.running import Project

FORMATS = {"docker": "docker", "buildah": "oci", "embedded": "oci"}  # the documented pairs


@pytest.fixture
def project(plugins: dict[str, Path], environment: dict[str, str], registry: str, tmp_path: Path) -> Project:
    """A folder with a copy of each of them."""
    found = Project(tmp_path / "project")
    found.environment |= {**environment, "WASMIMG_REGISTRY": f"{registry}/make"}
    found.makefile(f"WASMIMG_PLUGINS = {' '.join(plugins)}", "WASMIMG_FOR = higress")
    for name, module in plugins.items():
        (found.folder / f"{name}.wasm").write_bytes(module.read_bytes())
    return found


@pytest.mark.parametrize("engine", FORMATS)
def test_one_of_fourteen_changes(
    engine: str, project: Project, plugins: dict[str, Path], environment: dict[str, str]
) -> None:
    project.environment |= {"WASMIMG_ENGINE": engine, "WASMIMG_FORMAT": FORMATS[engine]}
    assert project.succeed("-j8").built == sorted(plugins)
    assert "Nothing to be done" in project.succeed("-j8").out
    images = {name: (project.folder / f"{name}.image").read_text() for name in plugins}
    changed = sorted(plugins)[5]
    module = plugins[changed].read_bytes() + b"\x00\x03\x02ab"
    project.write(f"{changed}.wasm", module)
    assert project.succeed("-j8").built == [changed]
    now = {name: (project.folder / f"{name}.image").read_text() for name in plugins}
    assert [name for name in plugins if now[name] != images[name]] == [changed]
    for name in plugins:
        found = reader.from_oci_archive(project.folder / f"{name}.oci")
        assert now[name].strip().rpartition("@")[2] == found.digest
        reader.assert_shape(found, FORMATS[engine], module if name == changed else plugins[name].read_bytes())
    assert not any(name.startswith("wasmimg-") for name in containers(environment))


def test_all_are_pushed_under_both_tags_with_their_digests(
    project: Project, plugins: dict[str, Path], registry: str
) -> None:
    tags = ("1.0", "latest")
    project.environment |= {"WASMIMG_TAG": " ".join(tags)}
    assert project.succeed("-j8", "push").built == sorted(plugins)
    for name, module in plugins.items():
        lines = (project.folder / f"{name}.image").read_text().splitlines()
        found = [reader.from_registry(f"{registry}/make/{name}:{tag}") for tag in tags]
        assert lines == [f"{registry}/make/{name}:{tag}@{one.digest}" for tag, one in zip(tags, found, strict=True)]
        reader.assert_shape(found[0], "oci", module.read_bytes())
    again = project.succeed("verify-transformer", "push-transformer")
    assert again.built == []
    assert "Higress        takes it" in again.out


def test_a_proxy_that_would_refuse_the_plugin_stops_make(project: Project, plugins: dict[str, Path]) -> None:
    name = sorted(plugins)[0]
    made = project.run(f"push-{name}", "WASMIMG_FOR=istio")
    assert made.code == 2
    assert f"{name}.wasm" in made.err
    assert project.results() == set()
