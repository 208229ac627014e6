"""Archives that others wrote: docker save of every age, podman, skopeo, tar, gzip."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.stores.samples import MODULE, bytes_of, parts_of, sample
from tests.stores.tars import (
    header,
    hex_of,
    layer_tar,
    listing,
    oci_members,
    saved_by_docker_20,
    saved_by_docker_28,
    saved_by_podman,
    tar_of,
)
from wasmimg.errors import ImageRefused
from wasmimg.image.manifest import parse_manifest
from wasmimg.image.media_types import Format
from wasmimg.image.unpack import gunzip
from wasmimg.stores.archive import open_docker_archive, open_oci_archive

_IMAGE = sample(Format.DOCKER, MODULE + bytes(5000))
_CONFIG = f"{hex_of(_IMAGE.config)}.json"
_SAVED: dict[str, tuple[tuple[str, bytes | str], ...]] = {
    "docker 20": saved_by_docker_20(_IMAGE),
    "docker 28": saved_by_docker_28(_IMAGE),
    "docker 28 with containerd": saved_by_docker_28(_IMAGE, compressed=True),
    "podman": saved_by_podman(_IMAGE),
}


def _file(folder: Path, *members: tuple[str, bytes | str], **more: Any) -> Path:
    file = folder / "in.tar"
    file.write_bytes(tar_of(*members, **more))
    return file


def _holds_the_image(file: Path, tag: str | None = None) -> None:
    manifest, config, layer = bytes_of(open_docker_archive(file, tag))
    assert parse_manifest(manifest).format is Format.DOCKER
    assert config == _IMAGE.config
    assert gunzip(layer) == layer_tar(_IMAGE)


@pytest.mark.parametrize("saved", _SAVED)
@pytest.mark.parametrize("tag", [None, "acme/app:v1"])
def test_what_docker_and_podman_save_is_read(tmp_path: Path, saved: str, tag: str | None) -> None:
    _holds_the_image(_file(tmp_path, *_SAVED[saved]), tag)


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("saved", ["docker 20", "docker 28"])
def test_a_compressed_archive_is_read(tmp_path: Path, saved: str, compression: str) -> None:
    _holds_the_image(_file(tmp_path, *_SAVED[saved], compression=compression))


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_of_any_kind_is_read(tmp_path: Path, form: int) -> None:
    _holds_the_image(_file(tmp_path, *_SAVED["docker 20"], form=form))


@pytest.mark.parametrize("saved", _SAVED)
def test_an_archive_that_was_packed_again_is_read(tmp_path: Path, saved: str) -> None:
    members = [(f"./{name}", content) for name, content in _SAVED[saved]]
    _holds_the_image(_file(tmp_path, ("./", "/"), *members))


@pytest.mark.parametrize(
    "link, target",
    [
        ("-> ../real/layer.tar", "real/layer.tar"),
        ("-> ../layer.tar", "layer.tar"),
        ("-> ./../real/../layer.tar", "layer.tar"),
        ("-> other.tar", "a/other.tar"),
        ("=> real/layer.tar", "real/layer.tar"),
        ("=> ./real/layer.tar", "real/layer.tar"),
    ],
)
@pytest.mark.parametrize("prefix", ["", "./"])
def test_a_layer_may_be_a_link_to_another(tmp_path: Path, link: str, target: str, prefix: str) -> None:
    file = _file(
        tmp_path,
        (f"{prefix}{target}", layer_tar(_IMAGE)),
        (f"{prefix}a/layer.tar", link),
        (f"{prefix}{_CONFIG}", _IMAGE.config),
        (f"{prefix}manifest.json", listing(_CONFIG, "a/layer.tar")),
    )
    _holds_the_image(file)


def test_a_link_may_lead_to_a_link(tmp_path: Path) -> None:
    file = _file(
        tmp_path,
        ("layer.tar", layer_tar(_IMAGE)),
        ("b/layer.tar", "-> ../layer.tar"),
        ("a/layer.tar", "-> ../b/layer.tar"),
        (_CONFIG, _IMAGE.config),
        ("manifest.json", listing(_CONFIG, "a/layer.tar")),
    )
    _holds_the_image(file)


def test_a_member_that_comes_twice_counts_as_it_came_last(tmp_path: Path) -> None:
    _holds_the_image(_file(tmp_path, ("manifest.json", b"[]"), (_CONFIG, b"{}"), *_SAVED["docker 20"]))


@pytest.mark.parametrize("tags", [None, (), ("acme/app:v1", "acme/app:v2")])
def test_the_only_image_needs_no_name(tmp_path: Path, tags: tuple[str, ...] | None) -> None:
    file = _file(
        tmp_path,
        (_CONFIG, _IMAGE.config),
        ("l", layer_tar(_IMAGE)),
        ("manifest.json", listing(_CONFIG, "l", tags=tags)),
    )
    _holds_the_image(file)


def _several(folder: Path) -> Path:
    other = {"Config": "other", "Layers": ["l"], "RepoTags": ["acme/other:v1"]}
    ours = {"Config": _CONFIG, "Layers": ["l"], "RepoTags": ["acme/app:v1", "acme/app:latest"]}
    unnamed = {"Config": "other", "Layers": ["l"], "RepoTags": None}
    bare = {"Config": "other", "Layers": ["l"]}
    return _file(
        folder,
        (_CONFIG, _IMAGE.config),
        ("other", b"{}"),
        ("l", layer_tar(_IMAGE)),
        ("manifest.json", json.dumps([other, unnamed, bare, ours]).encode()),
    )


@pytest.mark.parametrize("tag", ["acme/app:v1", "acme/app:latest"])
def test_one_of_several_images_is_read_by_its_tag(tmp_path: Path, tag: str) -> None:
    _holds_the_image(_several(tmp_path), tag)


@pytest.mark.parametrize("tag, words", [(None, "holds 4 images"), ("acme/app:v3", "holds 0 images called acme/app:v3")])
def test_an_image_that_is_not_clear_is_refused(tmp_path: Path, tag: str | None, words: str) -> None:
    with pytest.raises(ImageRefused, match=words):
        open_docker_archive(_several(tmp_path), tag)


def test_an_oci_archive_of_another_tool_is_read(tmp_path: Path) -> None:
    members = oci_members(sample(), "v1")
    file = _file(tmp_path, ("blobs", "/"), ("blobs/sha256", "/"), *members.items())
    assert bytes_of(open_oci_archive(file, "v1")) == parts_of(sample())
    packed = _file(tmp_path, *((f"./{name}", data) for name, data in members.items()), compression="gz")
    assert bytes_of(open_oci_archive(packed, None)) == parts_of(sample())


def test_a_large_image_beside_ours_is_not_in_the_way(tmp_path: Path) -> None:
    members = oci_members(sample(), "v1")
    index = json.loads(members["index.json"])
    index["manifests"].append({"mediaType": "x", "digest": "sha256:" + "1" * 64, "size": 7})
    members["index.json"] = json.dumps(index).encode()
    file = tmp_path / "in.tar"
    size = 600 * 1024 * 1024
    with open(file, "wb") as archive:
        archive.write(header("blobs/sha256/" + "2" * 64, size))
        archive.truncate(512 + size)
        archive.seek(512 + size)
        archive.write(tar_of(*members.items()))
    assert bytes_of(open_oci_archive(file, "v1")) == parts_of(sample())
