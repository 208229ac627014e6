"""Archives that wasmimg writes: whole, the same bytes each time, readable by any tar and by itself."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest

from tests.stores.samples import MODULE, blob_of, bytes_of, parts_of, sample
from tests.stores.tars import hex_of, layer_tar
from wasmimg.errors import FileSystemFailed, ImageRefused
from wasmimg.image.manifest import parse_manifest
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.unpack import gunzip
from wasmimg.stores.archive import (
    docker_archive_chunks,
    open_docker_archive,
    open_oci_archive,
    write_docker_archive,
    write_oci_archive,
)
from wasmimg.stores.layout import write_layout

_LARGE = MODULE + bytes(3_000_000)  # a layer of several gzip members


def _members(file: Path) -> dict[str, bytes]:
    with tarfile.open(file, "r:") as archive:
        found = {}
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            assert stream is not None
            assert (member.mode, member.uid, member.gid, member.mtime, member.uname) == (0o644, 0, 0, 0, "")
            found[member.name] = stream.read()
        return found


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("module", [MODULE, _LARGE], ids=["small", "large"])
def test_an_oci_archive_gives_back_every_byte(tmp_path: Path, form: Format, module: bytes) -> None:
    image = sample(form, module)
    write_oci_archive(tmp_path / "out.tar", image, ["ghcr.io/acme/app:v1"])
    for name in (None, "v1", "ghcr.io/acme/app:v1"):
        opened = open_oci_archive(tmp_path / "out.tar", name)
        assert bytes_of(opened) == parts_of(image)
        assert opened.wire


def test_an_oci_archive_is_the_layout_in_a_tar(tmp_path: Path) -> None:
    write_layout(tmp_path / "out", sample(), "a/b:v1")
    write_oci_archive(tmp_path / "out.tar", sample(), ["a/b:v1"])
    files = {str(path.relative_to(tmp_path / "out")): path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert _members(tmp_path / "out.tar") == {name: path.read_bytes() for name, path in files.items()}


def test_an_oci_archive_may_have_no_name_or_several(tmp_path: Path) -> None:
    write_oci_archive(tmp_path / "none.tar", sample(), [None])
    assert bytes_of(open_oci_archive(tmp_path / "none.tar", None)) == parts_of(sample())
    write_oci_archive(tmp_path / "two.tar", sample(), ["a/b:v1", "a/b:v2"])
    assert bytes_of(open_oci_archive(tmp_path / "two.tar", "v2")) == parts_of(sample())
    with pytest.raises(ImageRefused, match="holds 2 images") as caught:
        open_oci_archive(tmp_path / "two.tar", None)
    assert "a/b:v1, a/b:v2" in (caught.value.hint or "")


@pytest.mark.parametrize("module", [MODULE, _LARGE], ids=["small", "large"])
def test_a_docker_archive_gives_back_config_and_layer(tmp_path: Path, module: bytes) -> None:
    image = sample(Format.DOCKER, module)
    write_docker_archive(tmp_path / "out.tar", image, ["docker.io/acme/app:v1"])
    for tag in (None, "docker.io/acme/app:v1"):
        opened = open_docker_archive(tmp_path / "out.tar", tag)
        assert bytes_of(opened) == parts_of(image)
        assert not opened.wire


def test_a_docker_archive_is_laid_out_as_docker_load_reads_it(tmp_path: Path) -> None:
    image = sample(Format.DOCKER)
    write_docker_archive(tmp_path / "out.tar", image, ["acme/app:v1", "acme/app:v2"])
    members = _members(tmp_path / "out.tar")
    (entry,) = json.loads(members["manifest.json"])
    assert members[entry["Config"]] == image.config
    assert [members[layer] for layer in entry["Layers"]] == [blob_of(image)]
    assert entry["RepoTags"] == ["acme/app:v1", "acme/app:v2"]
    assert len(members) == 3


def test_the_stream_for_docker_load_is_the_archive(tmp_path: Path) -> None:
    image = sample(Format.DOCKER)
    write_docker_archive(tmp_path / "out.tar", image, [])
    assert b"".join(docker_archive_chunks(image, [])) == (tmp_path / "out.tar").read_bytes()


def test_an_image_read_from_a_docker_archive_is_what_a_push_would_make(tmp_path: Path) -> None:
    write_docker_archive(tmp_path / "out.tar", sample(Format.OCI), [])
    manifest = parse_manifest(open_docker_archive(tmp_path / "out.tar").top())
    types = MEDIA_TYPES[Format.DOCKER]
    assert (manifest.media_type, manifest.config.media_type) == (types.manifest, types.config)
    assert [layer.media_type for layer in manifest.layers] == [types.layer]


def test_the_same_image_gives_the_same_archive(tmp_path: Path) -> None:
    for name in ("one.tar", "two.tar"):
        write_oci_archive(tmp_path / name, sample(), ["a/b:v1"])
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_an_archive_is_made_of_whole_blocks(tmp_path: Path) -> None:
    write_oci_archive(tmp_path / "out.tar", sample(), ["a/b:v1"])
    data = (tmp_path / "out.tar").read_bytes()
    assert (len(data) % 512, data[-1024:]) == (0, bytes(1024))


@pytest.mark.parametrize("write", ["oci", "docker"])
def test_an_archive_takes_the_place_of_an_archive(tmp_path: Path, write: str) -> None:
    file = tmp_path / "out.tar"
    write_oci_archive(file, sample(), ["a/b:v1"])
    if write == "oci":
        write_oci_archive(file, sample(labels=(("n", "1"),)), ["a/b:v2"])
        assert bytes_of(open_oci_archive(file, "v2")) == parts_of(sample(labels=(("n", "1"),)))
    else:
        write_docker_archive(file, sample(Format.DOCKER), [])
        assert bytes_of(open_docker_archive(file)) == parts_of(sample(Format.DOCKER))
    assert os.listdir(tmp_path) == ["out.tar"]


def test_an_empty_file_may_be_written_over(tmp_path: Path) -> None:
    (tmp_path / "out.tar").touch()
    write_oci_archive(tmp_path / "out.tar", sample(), [None])
    assert bytes_of(open_oci_archive(tmp_path / "out.tar", None)) == parts_of(sample())


@pytest.mark.parametrize("content", ["text", "module", "folder", "dangling link", "short"])
@pytest.mark.parametrize("kind", ["oci", "docker"])
def test_what_is_no_archive_is_left_untouched(tmp_path: Path, kind: str, content: str) -> None:
    file = tmp_path / "out.tar"
    if content == "folder":
        file.mkdir()
    elif content == "dangling link":
        file.symlink_to("nowhere")
    else:
        file.write_bytes({"text": b"precious" * 100, "module": MODULE, "short": b"x"}[content])
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(FileSystemFailed, match="is in the way") as caught:
        write_oci_archive(file, sample(), [None]) if kind == "oci" else write_docker_archive(file, sample(), [])
    assert (caught.value.exit_code, caught.value.hint is not None) == (9, True)
    assert (file.read_bytes() if file.is_file() else None) == before
    assert os.listdir(tmp_path) == ["out.tar"]


def test_an_archive_in_no_folder_says_which_to_make(tmp_path: Path) -> None:
    with pytest.raises(FileSystemFailed, match="does not exist") as caught:
        write_oci_archive(tmp_path / "gone" / "out.tar", sample(), [None])
    assert caught.value.hint == f"mkdir -p {tmp_path / 'gone'}"


@pytest.mark.parametrize("before", [True, False])
def test_an_archive_on_a_full_disk_is_whole_or_absent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: bool
) -> None:
    file = tmp_path / "out.tar"
    if before:
        write_oci_archive(file, sample(), ["a/b:v1"])

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileSystemFailed, match="No space left"):
        write_oci_archive(file, sample(labels=(("n", "1"),)), ["a/b:v1"])
    assert os.listdir(tmp_path) == (["out.tar"] if before else [])
    assert not before or bytes_of(open_oci_archive(file, None)) == parts_of(sample())


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_of_an_archive_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_oci_archive(tmp_path / "out.tar", sample(), [None])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.tar").stat().st_mode) == 0o666 & ~umask


def test_a_layer_is_the_same_by_every_way(tmp_path: Path) -> None:
    image = sample(Format.DOCKER, _LARGE)
    write_docker_archive(tmp_path / "out.tar", image, [])
    _, _, layer = bytes_of(open_docker_archive(tmp_path / "out.tar"))
    tar = gunzip(layer)
    assert hex_of(tar) == hex_of(layer_tar(image))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getnames() == ["plugin.wasm"]
