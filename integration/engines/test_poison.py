"""buildah and podman use a blob again that a registry has, zstd or not: no image is pushed that way, or it is mended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from integration import reader
from integration.calling import succeed, wasmimg
from integration.conftest import FORMATS
from integration.engines.cells import write_new_module
from wasmimg.engines.clients import read_client

_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"


@pytest.fixture
def poisoned(registry: str, example: Path, environment: dict[str, str], tmp_path: Path) -> Path:
    """A module whose very layer somebody pushed to the registry as zstd, which buildah remembers."""
    module = write_new_module(example, tmp_path / "plugin.wasm")
    name = "localhost/poison:1"
    container = succeed("buildah", "from", "scratch", environment=environment).strip()
    succeed("buildah", "copy", container, module, "./", environment=environment)
    succeed("buildah", "commit", "--rm", "--timestamp", "0", container, name, environment=environment)
    push = ("buildah", "push", "--tls-verify=false", "--compression-format", "zstd", name)
    succeed(*push, f"docker://{registry}/poison/zstd:1", environment=environment)
    succeed("buildah", "rmi", name, environment=environment)
    return module


@pytest.mark.parametrize("engine", ["buildah", "podman"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_layer_that_was_pushed_as_zstd_does_not_come_back(
    engine: str, form: str, registry: str, poisoned: Path, environment: dict[str, str]
) -> None:
    reference = f"{registry}/poison/{engine}:{form}"
    said = wasmimg("build", poisoned, "-e", engine, "-f", form, "-t", reference, "--push", environment=environment)
    assert said.code == 0, said.err
    # buildah looks for the layer under its compressed digest, and podman from 4.7 on compresses it again.
    runs_into_it = (
        engine == "podman" and "force-compression" not in read_client(engine, environment, 60.0).flags["push"]
    )
    assert ("wasmimg pushes instead" in said.err) == runs_into_it, said.err
    found = reader.from_registry(reference)
    reader.assert_shape(found, form, poisoned.read_bytes())
    assert said.out == f"{reference}@{found.digest}\n"


def test_by_hand_it_does_come_back(registry: str, poisoned: Path, environment: dict[str, str]) -> None:
    reference = f"{registry}/poison/hand:1"
    container = succeed("buildah", "from", "scratch", environment=environment).strip()
    succeed("buildah", "copy", container, poisoned, "./", environment=environment)
    commit = ("buildah", "commit", "--rm", "--timestamp", "0", "--tls-verify=false", container, f"docker://{reference}")
    succeed(*commit, environment=environment)
    raw = succeed("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{reference}", environment=environment)
    assert [layer["mediaType"] for layer in json.loads(raw)["layers"]] == [_ZSTD]
    assert wasmimg("verify", reference, environment=environment).code == 8
