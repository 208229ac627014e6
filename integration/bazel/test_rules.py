"""What the rules make, and what they refuse."""

from __future__ import annotations

import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace, hashes, layout_by_hand
from integration.calling import WASMIMG, clean_environment, succeed, wasmimg

IMAGES = ("plain", "described", "docker", "artifact", "wasm_image")


@pytest.fixture(scope="module")
def built(workspace: Workspace) -> Workspace:
    """Every image of //images, its digest and its archive."""
    names = [f"//images:{name}{part}" for name in IMAGES for part in ("", ".digest", ".tar")]
    workspace.succeed("build", *names)
    return workspace


@pytest.mark.parametrize(
    "name, options",
    [
        ("plain", ()),
        ("docker", ("-f", "docker", "--label", "team=edge")),
        ("artifact", ("--variant", "artifact")),
        (
            "described",
            (
                *("--annotation", 'org.opencontainers.image.title=add-header, "quoted" and $dollar'),
                *("--annotation", "org.opencontainers.image.vendor=Ærø & søn"),
                *("--label", "team=edge", "--platform", "linux/arm64"),
            ),
        ),
    ],
)
def test_an_image_is_the_one_that_the_command_line_makes(
    built: Workspace, example: Path, tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    by_hand = layout_by_hand(example, tmp_path / name, *options)
    assert hashes(built.output("images"), [name]) == by_hand
    index = json.loads((tmp_path / name / "index.json").read_text())
    assert built.output(f"images/{name}.digest").read_text() == index["manifests"][0]["digest"]


def test_an_archive_holds_the_image(built: Workspace) -> None:
    environment = clean_environment()
    for name, kind in (("plain", "oci-archive"), ("artifact", "oci-archive"), ("docker", "docker-archive")):
        source = f"{kind}:{built.output(f'images/{name}.tar')}"
        said = json.loads(succeed(*WASMIMG, "inspect", "--json", source, environment=environment))
        assert said["digests"]["manifest"] == built.output(f"images/{name}.digest").read_text(), name


def test_the_default_output_is_the_layout_alone(built: Workspace) -> None:
    files = built.succeed("cquery", "//images:plain", "--output=starlark", "--starlark:expr=target.files.to_list()")
    assert files.out.count("<generated") == 1, files.out
    # What rules_oci and skopeo do with it.
    config = succeed("skopeo", "inspect", f"oci:{built.output('images/plain')}", environment=clean_environment())
    assert json.loads(config)["Architecture"] == "amd64"


def test_images_are_tested(workspace: Workspace) -> None:
    ran = workspace.succeed("test", "//images:all")
    assert ran.out.count("PASSED") == 2, ran.out


@pytest.mark.parametrize(
    "target, step, words",
    [
        ("no_module", "Building wasm image", ["is not a module that a proxy loads", "WI1"]),
        # Istio's own words: pkg/wasm/cache.go
        (
            "no_module_unchecked",
            "Building wasm image",
            ["Istio would refuse the image", "fetched Wasm binary from URL is invalid"],
        ),
        ("empty_unchecked", "Verifying wasm image", ["error WI106: the module is empty"]),
        ("nobody", "Building wasm image", ["unknown consumer 'isto'; did you mean 'istio'?"]),
    ],
)
def test_what_a_proxy_refuses_fails_the_build_in_its_words(
    workspace: Workspace, target: str, step: str, words: list[str]
) -> None:
    ran = workspace.call("build", f"//refused:{target}")
    assert ran.code == 1
    assert f"{step} //refused:{target} failed" in ran.err, ran.err
    for word in words:
        assert word in ran.err + ran.out, ran.err + ran.out
    assert "Traceback" not in ran.err + ran.out


def test_a_line_break_is_refused_before_anything_runs(workspace: Workspace) -> None:
    ran = workspace.call("build", "//refused:two_lines")
    assert ran.code == 1
    assert '--annotation "description=one\\ntwo" holds a line break; write it in one line' in ran.err


def test_what_is_no_image_is_refused_before_anything_runs(workspace: Workspace) -> None:
    ran = workspace.call("build", "//refused:no_image_test")
    assert ran.code == 1
    assert "makes add_header.wasm, and neither a folder with an OCI layout nor a .tar with one" in ran.err


def test_an_image_of_another_tool_is_judged_in_the_consumers_words(
    workspace: Workspace, example: Path, tmp_path: Path
) -> None:
    """What rules_oci and rules_pkg made of plugins in istio-ecosystem/wasm-extensions: a folder of that name first."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:gz") as tar:
        folder = tarfile.TarInfo("./plugin.wasm")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        tar.add(example, "plugin.wasm/add_header.wasm")
    place = workspace.folder / "refused" / "foreign.tar"
    _archive(layer.getvalue(), tmp_path, place)
    ran = workspace.call("test", "//refused:foreign_test", "--test_output=errors")
    assert ran.code == 3, ran.err
    judged = wasmimg("verify", f"oci-archive:{place}", environment=clean_environment())
    assert judged.code == 8
    refusal = judged.out.partition("    try: ")[0]  # then comes the path, which is another one in Bazel
    assert "Istio          refuses it\n    it says: fetched Wasm binary from URL is invalid" in refusal
    assert refusal in ran.out, ran.out


def _archive(layer: bytes, folder: Path, target: Path) -> None:
    """An OCI archive of one gzip layer, written by hand."""
    import gzip
    import hashlib

    def blob(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        (folder / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    oci = "application/vnd.oci.image"
    diff_id = f"sha256:{hashlib.sha256(gzip.decompress(layer)).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{oci}.manifest.v1+json",
        "config": blob(json.dumps(config).encode(), f"{oci}.config.v1+json"),
        "layers": [blob(layer, f"{oci}.layer.v1.tar+gzip")],
    }
    entry = blob(json.dumps(manifest).encode(), f"{oci}.manifest.v1+json")
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    subprocess.run(["tar", "-C", folder, "-cf", target, "oci-layout", "index.json", "blobs"], check=True)


def test_a_tool_of_ones_own_takes_the_place_of_the_default_one(workspace: Workspace) -> None:
    target, mine = "//images:plain", "--extra_toolchains=//tools:mine"
    workspace.succeed("build", target)
    made = hashes(workspace.output("images"), ["plain"])
    for words, tool in (((), "rules/private/tool/wasmimg"), ((mine,), "bin/tools/my_wasmimg")):
        actions = workspace.succeed("aquery", f'mnemonic("WasmImage.*", {target})', *words).out
        called = re.findall(r"\(exec (\S+)", actions)
        assert len(called) == 3, actions  # image, archive, verification
        assert all(one.endswith(tool) for one in called), actions
    ran = workspace.succeed("build", target, mine)
    assert ran.actions["linux-sandbox"] >= 3
    assert hashes(workspace.output("images"), ["plain"]) == made
