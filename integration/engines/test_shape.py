"""Every engine makes the one shape, in both formats, in every place, of a real plugin."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, build, succeed, wasmimg
from integration.conftest import ENGINES, EVERY_WAY

every_way = pytest.mark.parametrize(("engine", "form"), EVERY_WAY)


@every_way
def test_registry(engine: str, form: str, registry: str, plugin: Path, environment: dict[str, str]) -> None:
    reference = f"{registry}/shape/{engine}:{form}"
    out = build(plugin, *HIGRESS, "-e", engine, "-f", form, "-t", reference, "--push", environment=environment)
    found = reader.from_registry(reference)
    reader.assert_shape(found, form, plugin.read_bytes())
    assert out == f"{reference}@{found.digest}\n"
    _skopeo_agrees(found, form, "--tls-verify=false", f"docker://{reference}", environment)


@every_way
def test_layout(engine: str, form: str, plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    out = build(plugin, *HIGRESS, "-e", engine, "-f", form, "-o", f"oci:{tmp_path}/out", environment=environment)
    found = reader.from_layout(tmp_path / "out")
    reader.assert_shape(found, form, plugin.read_bytes())
    assert out == f"oci:{tmp_path}/out@{found.digest}\n"
    _skopeo_agrees(found, form, f"oci:{tmp_path}/out", environment)


@every_way
def test_oci_archive(engine: str, form: str, plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    build(plugin, *HIGRESS, "-e", engine, "-f", form, "-o", f"oci-archive:{tmp_path}/out.tar", environment=environment)
    found = reader.from_oci_archive(tmp_path / "out.tar")
    reader.assert_shape(found, form, plugin.read_bytes())
    _skopeo_agrees(found, form, f"oci-archive:{tmp_path}/out.tar", environment)


@pytest.mark.parametrize("engine", ENGINES)
def test_docker_archive(engine: str, plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    target = f"docker-archive:{tmp_path}/out.tar"
    build(plugin, *HIGRESS, "-e", engine, "-f", "docker", "-t", "acme/p:1", "-o", target, environment=environment)
    found = reader.from_docker_archive(tmp_path / "out.tar")
    reader.assert_shape(found, "docker", plugin.read_bytes())
    seen = json.loads(succeed("skopeo", "inspect", target, environment=environment))
    assert len(seen["Layers"]) == 1
    succeed("docker", "load", "-i", tmp_path / "out.tar", environment=environment)
    loaded = succeed("docker", "image", "inspect", "-f", "{{.RootFS.Layers}}", "acme/p:1", environment=environment)
    assert loaded.strip() == f"[{found.config['rootfs']['diff_ids'][0]}]"


@pytest.mark.parametrize("engine", ENGINES)
def test_docker_archive_of_format_oci_is_refused(
    engine: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    target = f"docker-archive:{tmp_path}/out.tar"
    said = wasmimg("build", plugin, *HIGRESS, "-e", engine, "-f", "oci", "-o", target, environment=environment)
    assert said.code == 2
    assert not (tmp_path / "out.tar").exists()


@every_way
def test_what_the_user_says_of_the_image_is_in_it(
    engine: str, form: str, registry: str, environment: dict[str, str], example: Path
) -> None:
    reference = f"{registry}/words/{engine}:{form}"
    words = ("--label", "team=edge", "--annotation", "org.opencontainers.image.licenses=Apache-2.0")
    build(example, "-e", engine, "-f", form, "-t", reference, "--push", *words, environment=environment)
    found = reader.from_registry(reference)
    assert found.config["config"]["Labels"]["team"] == "edge"
    assert found.manifest is not None
    annotations = found.manifest.get("annotations", {})
    if form == "oci":
        assert annotations["org.opencontainers.image.licenses"] == "Apache-2.0"
        assert annotations["module.wasm.image/variant"] == "compat"
    else:
        assert "org.opencontainers.image.licenses" not in annotations


def _skopeo_agrees(found: reader.Found, form: str, *source_and_environment: object) -> None:
    *source, environment = source_and_environment
    assert isinstance(environment, dict)
    raw = succeed("skopeo", "inspect", "--raw", *source, environment=environment)
    assert json.loads(raw) == found.manifest
    seen = json.loads(succeed("skopeo", "inspect", *source, environment=environment))
    assert found.manifest is not None
    assert seen["Layers"] == [layer["digest"] for layer in found.manifest["layers"]]
    assert (seen["Os"], seen["Architecture"]) == ("linux", "amd64")
