"""``--variant artifact``: exactly two layers, the module as it is, taken by every proxy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import EXAMPLE, Cli
from tests.stores.fake_registry import FakeRegistry
from tests.stores.samples import sample
from wasmimg.image.manifest import digest_of
from wasmimg.stores.layout import write_layout

MODULE = EXAMPLE.read_bytes()
BUILD = ("build", "plugin.wasm", "--variant", "artifact", "-q")


def _manifest(layout: Path) -> dict[str, Any]:
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    manifest: dict[str, Any] = json.loads((layout / "blobs/sha256" / entry["digest"][7:]).read_bytes())
    return manifest


def _is_right(manifest: dict[str, Any]) -> None:
    assert manifest["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [
        "application/vnd.module.wasm.config.v1+json",
        "application/vnd.module.wasm.content.layer.v1+wasm",
    ]
    assert (manifest["layers"][1]["digest"], manifest["layers"][1]["size"]) == (digest_of(MODULE), len(MODULE))
    assert "module.wasm.image/variant" not in manifest.get("annotations", {})


@pytest.mark.parametrize("output", ["oci:out", "oci-archive:out.tar"])
def test_it_is_built_and_verified(output: str, cli: Cli, tmp_path: Path) -> None:
    said = cli(*BUILD, "-o", output, "--annotation", "a=b", "--json")
    assert said.code == 0, said.err
    assert (said.json["engine"], said.json["digests"]["module"]) == ("embedded", digest_of(MODULE))
    if output == "oci:out":
        manifest = _manifest(tmp_path / "out")
        _is_right(manifest)
        assert manifest["annotations"] == {"a": "b"}
    verified = cli("verify", output, "--for", "istio", "--for", "envoy-gateway", "--for", "higress")
    assert verified.code == 0, verified.out
    assert cli("extract", output, "-o", "back.wasm").code == 0
    assert (tmp_path / "back.wasm").read_bytes() == MODULE


def test_it_is_pushed_under_every_name(cli: Cli) -> None:
    with FakeRegistry() as registry:
        names = [f"{registry.host}/a/bb:{tag}" for tag in ("1", "latest")]
        said = cli(*BUILD, "-t", names[0], "-t", names[1], "--push")
        assert said.code == 0, said.err
        digest = registry.manifests["a/bb", "1"][1]
        assert said.out == "".join(f"{name}@{digest_of(digest)}\n" for name in names)
        _is_right(json.loads(digest))
        assert registry.manifests["a/bb", "latest"][1] == digest


def test_an_image_is_converted_into_one(cli: Cli, tmp_path: Path) -> None:
    write_layout(tmp_path / "in", sample(module=MODULE), None)
    said = cli("convert", "oci:in", "-o", "oci:out", "--variant", "artifact")
    assert said.code == 0, said.err
    _is_right(_manifest(tmp_path / "out"))
    back = cli("convert", "oci:out", "-o", "oci:back")
    assert (back.code, len(_manifest(tmp_path / "back")["layers"])) == (0, 1)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("-o", "oci:out", "-f", "docker"), 2, "has format oci alone"),
        (("-o", "docker-archive:out.tar"), 2, "has format oci alone"),
        (("-o", "oci:out", "--label", "a=b"), 2, "no place for labels"),
        (("-o", "oci:out", "-t", "a.io/b/cc:1", "--load"), 2, "docker cannot load it"),
        (("-o", "oci:out", "-e", "docker"), 4, "docker cannot make the artifact variant"),
        (("-t", "a.io/b/cc:1"), 2, "has no store"),
    ],
)
def test_what_it_cannot_be_is_refused(
    words: tuple[str, ...], code: int, message: str, cli: Cli, tmp_path: Path
) -> None:
    said = cli(*BUILD, *words)
    assert (said.code, message in said.err) == (code, True), said.err
    assert [path.name for path in tmp_path.iterdir()] == ["plugin.wasm"]


def test_the_dry_run_names_the_variant(cli: Cli) -> None:
    assert "--variant=artifact" in cli(*BUILD, "-o", "oci:out", "--dry-run").out
