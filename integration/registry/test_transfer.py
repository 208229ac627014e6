"""Images of docker, buildah and skopeo are read, moved and mended; theirs read ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, WASMIMG, build, succeed, wasmimg


def run(*words: object, environment: dict[str, str], cwd: Path | None = None) -> str:
    return succeed(*WASMIMG, *words, environment=environment, cwd=cwd)


@pytest.fixture
def by_docker(registry: str, example: Path, environment: dict[str, str], tmp_path: Path) -> str:
    """What the documented docker workflow pushes."""
    reference = f"{registry}/theirs/docker:1"
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "plugin.wasm").write_bytes(example.read_bytes())
    (tmp_path / "context" / "Dockerfile").write_text("FROM scratch\nCOPY plugin.wasm ./\n")
    succeed("docker", "build", "-t", reference, tmp_path / "context", environment=environment)
    succeed("docker", "push", reference, environment=environment)
    return reference


@pytest.fixture
def by_buildah(registry: str, example: Path, environment: dict[str, str]) -> str:
    """What the documented buildah workflow pushes."""
    reference = f"{registry}/theirs/buildah:1"
    name = succeed("buildah", "from", "scratch", environment=environment).strip()
    try:
        succeed("buildah", "copy", name, example, "./", environment=environment)
        succeed("buildah", "commit", "--tls-verify=false", name, f"docker://{reference}", environment=environment)
    finally:
        succeed("buildah", "rm", name, environment=environment)
    return reference


@pytest.fixture
def by_podman(registry: str, example: Path, environment: dict[str, str], tmp_path: Path) -> str:
    """What podman builds and pushes, in the format of Docker."""
    reference = f"{registry}/theirs/podman:1"
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "plugin.wasm").write_bytes(example.read_bytes())
    (tmp_path / "context" / "Dockerfile").write_text("FROM scratch\nCOPY plugin.wasm ./\n")
    succeed("podman", "build", "--format", "docker", "-t", reference, tmp_path / "context", environment=environment)
    succeed("podman", "push", "--tls-verify=false", reference, environment=environment)
    return reference


@pytest.fixture
def by_skopeo(registry: str, by_buildah: str, environment: dict[str, str]) -> str:
    """What skopeo makes of an OCI image for Docker."""
    reference = f"{registry}/theirs/skopeo:1"
    plain = ("--src-tls-verify=false", "--dest-tls-verify=false", "--format", "v2s2")
    succeed("skopeo", "copy", *plain, f"docker://{by_buildah}", f"docker://{reference}", environment=environment)
    return reference


@pytest.mark.parametrize("origin", ["by_docker", "by_buildah", "by_podman", "by_skopeo"])
def test_what_others_push_is_copied_byte_for_byte(
    origin: str,
    registry: str,
    example: Path,
    environment: dict[str, str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    source = request.getfixturevalue(origin)
    there = reader.from_registry(source)
    moved = f"{registry}/copied/{origin}:1"
    assert run("copy", source, moved, environment=environment) == f"{moved}@{there.digest}\n"
    assert reader.from_registry(moved) == there
    run("copy", moved, "oci:layout:kept", environment=environment, cwd=tmp_path)
    assert reader.from_layout(tmp_path / "layout", "kept") == there
    run("push", "oci:layout:kept", f"{registry}/pushed/{origin}:1", environment=environment, cwd=tmp_path)
    assert reader.from_registry(f"{registry}/pushed/{origin}:1") == there
    assert wasmimg("verify", moved, environment=environment).code == 0
    run("extract", moved, "-o", "out.wasm", environment=environment, cwd=tmp_path)
    assert (tmp_path / "out.wasm").read_bytes() == example.read_bytes()
    facts = json.loads(run("inspect", "--json", moved, environment=environment))
    assert facts["digests"]["manifest"] == there.digest
    assert facts["digests"]["module"] == reader.sha256(example.read_bytes())
    assert facts["module"]["abi"] == "0.2.1"


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_skopeo_and_buildah_read_what_we_push(
    form: str, registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    reference = f"{registry}/ours/{form}:1"
    build(plugin, *HIGRESS, "-e", "embedded", "-f", form, "-t", reference, "--push", environment=environment)
    ours = reader.from_registry(reference)
    words = ("copy", "--src-tls-verify=false", "--preserve-digests", f"docker://{reference}", f"oci:{tmp_path}/skopeo")
    succeed("skopeo", *words, environment=environment)
    assert reader.from_layout(tmp_path / "skopeo") == ours
    name = succeed("buildah", "from", "--tls-verify=false", f"docker://{reference}", environment=environment).strip()
    try:
        mounted = succeed("buildah", "mount", name, environment=environment).strip()
        assert Path(mounted, "plugin.wasm").read_bytes() == plugin.read_bytes()
    finally:
        succeed("buildah", "rm", name, environment=environment)


def test_an_uncompressed_image_of_buildah_is_refused_and_mended(
    registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    name = succeed("buildah", "from", "scratch", environment=environment).strip()
    try:
        succeed("buildah", "copy", name, example, "./plugin.wasm", environment=environment)
        succeed("buildah", "commit", name, f"oci:{tmp_path}/plain", environment=environment)
    finally:
        succeed("buildah", "rm", name, environment=environment)
    target = f"{registry}/mended/plain:1"
    said = wasmimg("push", f"oci:{tmp_path}/plain", target, environment=environment)
    assert said.code == 8
    assert "invalid media type application/vnd.oci.image.layer.v1.tar" in said.err
    assert f"wasmimg convert oci:{tmp_path}/plain {target}" in said.err
    run("convert", f"oci:{tmp_path}/plain", target, environment=environment)
    reader.assert_shape(reader.from_registry(target), "oci", example.read_bytes())


def test_two_copies_hide_the_plugin_and_convert_finds_it(
    registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "plugin.wasm").write_bytes(example.read_bytes())
    (context / "config.json").write_text("{}")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY plugin.wasm ./\nCOPY config.json ./\n")
    bad = f"{registry}/theirs/two:1"
    succeed("docker", "build", "-t", bad, context, environment=environment)
    succeed("docker", "push", bad, environment=environment)
    assert wasmimg("verify", bad, environment=environment).code == 8
    said = wasmimg("convert", bad, f"{registry}/mended/two:1", "-f", "docker", environment=environment)
    assert said.code == 0, said.err
    assert "of 2 layers, number 1 holds the module" in said.err
    reader.assert_shape(reader.from_registry(f"{registry}/mended/two:1"), "docker", example.read_bytes())


@pytest.mark.parametrize(("kind", "engine"), [("docker-daemon", "docker"), ("containers-storage", "buildah")])
def test_an_image_in_an_engines_store_is_read(
    kind: str, engine: str, registry: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    name = f"acme.test/in-the-store/{engine}:1"
    build(example, "-e", engine, "-f", "docker", "-t", name, environment=environment)
    shown = run("verify", f"{kind}:{name}", environment=environment)
    assert "as a push would make it" in shown
    run("extract", f"{kind}:{name}", "-o", tmp_path / "out.wasm", environment=environment)
    assert (tmp_path / "out.wasm").read_bytes() == example.read_bytes()
    target = f"{registry}/from-the-store/{engine}:1"
    run("push", f"{kind}:{name}", target, environment=environment)
    reader.assert_shape(reader.from_registry(target), "docker", example.read_bytes())
    said = wasmimg("verify", f"{kind}:acme.test/not/there:1", environment=environment)
    assert said.code == 8, said.err
