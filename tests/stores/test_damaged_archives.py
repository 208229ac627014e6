"""Archives that are damaged or hostile: class 8, one sentence, and nothing outside is touched."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.stores.samples import MODULE, bytes_of, sample
from tests.stores.tars import (
    header,
    hex_of,
    layer_tar,
    listing,
    oci_members,
    saved_by_docker_20,
    saved_by_docker_28,
    tar_of,
    within,
)
from wasmimg.errors import ImageRefused, WasmimgError
from wasmimg.image.media_types import Format
from wasmimg.stores.archive import open_docker_archive, open_oci_archive

_IMAGE = sample(Format.DOCKER, MODULE + bytes(range(256)) * 20)
_CONFIG = f"{hex_of(_IMAGE.config)}.json"
_LAYER = layer_tar(_IMAGE)


def _file(folder: Path, *members: tuple[str, bytes | str], **more: Any) -> Path:
    file = folder / "in.tar"
    file.write_bytes(tar_of(*members, **more))
    return file


@pytest.mark.parametrize("kind", ["docker", "oci"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text\n" * 200,
        MODULE,
        bytes(10_240),
        gzip.compress(b"text" * 1000),
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"PK\x03\x04" + bytes(600),
    ],
    ids=["empty", "text", "module", "zeros", "gzip of text", "gzip head", "bzip2 head", "xz head", "zip"],
)
def test_what_is_no_archive_is_class_8(tmp_path: Path, content: bytes, kind: str) -> None:
    file = tmp_path / "in.tar"
    file.write_bytes(content)
    with pytest.raises(ImageRefused, match=str(file)) as caught:
        open_docker_archive(file) if kind == "docker" else open_oci_archive(file, None)
    assert caught.value.exit_code == 8


def test_a_folder_in_place_of_an_archive_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(WasmimgError, match=str(tmp_path)) as caught:
        open_oci_archive(tmp_path, None)
    assert caught.value.exit_code in (2, 8, 9)


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz"])
@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_an_archive_that_is_cut_short_anywhere_is_class_8_or_whole(tmp_path: Path, kind: str, compression: str) -> None:
    members: tuple[tuple[str, bytes | str], ...] = saved_by_docker_20(_IMAGE)
    if kind == "oci":
        members = tuple(oci_members(_IMAGE).items())
    whole = tar_of(*members, compression=compression)
    file = tmp_path / "in.tar"
    refused = 0
    for part in range(24):
        file.write_bytes(whole[: len(whole) * part // 24])
        try:
            bytes_of(open_docker_archive(file) if kind == "docker" else open_oci_archive(file, None))
        except ImageRefused:
            refused += 1
    assert refused >= 10


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
def test_a_compressed_archive_with_a_wrong_byte_anywhere_is_class_8_or_whole(tmp_path: Path, compression: str) -> None:
    whole = tar_of(*saved_by_docker_28(_IMAGE), compression=compression)
    file = tmp_path / "in.tar"
    refused = 0
    for part in range(1, 24):
        at = len(whole) * part // 24
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            bytes_of(open_docker_archive(file))
        except ImageRefused:
            refused += 1
    assert refused >= 10


@pytest.mark.parametrize("missing", ["index.json", "config", "layer", "manifest"])
def test_a_member_that_is_missing_from_an_oci_archive_is_named(tmp_path: Path, missing: str) -> None:
    members = oci_members(_IMAGE)
    digests = {"config": _IMAGE.config_digest, "layer": _IMAGE.layer.digest, "manifest": _IMAGE.digest}
    name = f"blobs/sha256/{digests[missing][7:]}" if missing in digests else missing
    del members[name]
    with pytest.raises(ImageRefused, match="lacks") as caught:
        bytes_of(open_oci_archive(_file(tmp_path, *members.items()), None))
    assert name.rpartition("/")[2] in caught.value.message


@pytest.mark.parametrize("missing", ["manifest.json", _CONFIG, f"{'5' * 64}/layer.tar"])
def test_a_member_that_is_missing_from_a_docker_archive_is_named(tmp_path: Path, missing: str) -> None:
    members = [member for member in saved_by_docker_20(_IMAGE) if member[0] != missing]
    with pytest.raises(ImageRefused, match=f"lacks {missing}"):
        open_docker_archive(_file(tmp_path, *members))


@pytest.mark.parametrize("part", ["config", "layer", "manifest"])
def test_a_blob_of_an_oci_archive_that_was_changed_is_refused(tmp_path: Path, part: str) -> None:
    members = oci_members(_IMAGE)
    digests = {"config": _IMAGE.config_digest, "layer": _IMAGE.layer.digest, "manifest": _IMAGE.digest}
    name = f"blobs/sha256/{digests[part][7:]}"
    members[name] = bytes(len(members[name]))
    with pytest.raises(ImageRefused, match="is damaged"):
        bytes_of(open_oci_archive(_file(tmp_path, *members.items()), None))


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"{}", b"null", b"7", b'"x"', b"[]", b"[1]", b"[[]]", b"[{}]", b'[{"Config":"c"}]', b"\xff\xfe", b"[" * 100_000,
        b'[{"Config":null,"Layers":[],"RepoTags":[]}]', b'[{"Config":"c","Layers":null,"RepoTags":[]}]',
        b'[{"Config":["c"],"Layers":["l"],"RepoTags":[]}]', b'[{"Config":{"a":1},"Layers":["l"]}]', b'[{"Config":"c","Layers":[["l"]]}]',
        b'[{"Config":"c","Layers":"l","RepoTags":7}]', b'[{"Config":7,"Layers":[7]}]',
    ],
)  # fmt: skip
def test_a_manifest_json_of_another_shape_is_class_8(tmp_path: Path, content: bytes) -> None:
    file = _file(tmp_path, ("c", _IMAGE.config), ("manifest.json", content))
    for tag in (None, "acme/app:v1"):
        with pytest.raises(ImageRefused):
            open_docker_archive(file, tag)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "c/../../x", "..", ".", "", "c/", "c\0"])
def test_a_name_that_leads_outside_is_not_followed(tmp_path: Path, name: str) -> None:
    file = _file(tmp_path, ("c", _IMAGE.config), ("l", _LAYER), ("manifest.json", listing(name, "l")))
    with pytest.raises(ImageRefused, match="lacks"):
        open_docker_archive(file)


@pytest.mark.parametrize(
    "link", ["-> /etc/passwd", "-> ../../etc/passwd", "=> /etc/passwd", "-> gone", "=> gone", "-> ..", "-> c", "/"]
)
def test_a_link_that_leads_outside_or_nowhere_is_not_followed(tmp_path: Path, link: str) -> None:
    file = _file(tmp_path, ("l", _LAYER), ("a/c", link), ("manifest.json", listing("a/c", "l")))
    with within(1), pytest.raises(ImageRefused, match="lacks a/c"):
        open_docker_archive(file)


@pytest.mark.parametrize("kind", ["->", "=>"])
def test_links_that_lead_to_each_other_are_refused(tmp_path: Path, kind: str) -> None:
    file = _file(tmp_path, ("l", _LAYER), ("b", f"{kind} c"), ("c", f"{kind} b"), ("manifest.json", listing("c", "l")))
    with within(1), pytest.raises(ImageRefused, match="lacks c"):
        open_docker_archive(file)


@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_a_listing_of_megabytes_is_refused(tmp_path: Path, kind: str) -> None:
    file = _file(tmp_path, ("manifest.json", b" " * 5_000_000), ("index.json", b" " * 5_000_000))
    with pytest.raises(ImageRefused, match="more than any proxy reads"):
        open_docker_archive(file) if kind == "docker" else open_oci_archive(file, None)


def test_a_layer_larger_than_any_proxy_reads_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "in.tar"
    size = 1 << 30
    with open(file, "wb") as archive:
        archive.write(header("l", size))
        archive.truncate(512 + size)
        archive.seek(512 + size)
        archive.write(tar_of((_CONFIG, _IMAGE.config), ("manifest.json", listing(_CONFIG, "l"))))
    with pytest.raises(ImageRefused, match="more than any proxy reads"):
        open_docker_archive(file)


@pytest.mark.parametrize("size", [-1, -512, -1024, -(1 << 40), 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 80])
@pytest.mark.parametrize("kind", [b"0", b"L", b"x", b"S"], ids=["file", "long name", "pax", "sparse"])
def test_a_size_that_no_member_has_is_refused(tmp_path: Path, size: int, kind: bytes) -> None:
    file = tmp_path / "in.tar"
    file.write_bytes(tar_of(("a", b"x"))[:1024] + header("manifest.json", size, kind) + bytes(2048))
    with within(1), pytest.raises(ImageRefused):
        open_docker_archive(file)


@pytest.mark.parametrize("kind, content", [(b"L", b"ab\0"), (b"x", b"12 path=abc\n")])
def test_a_chain_of_headers_without_end_is_refused(tmp_path: Path, kind: bytes, content: bytes) -> None:
    file = tmp_path / "in.tar"
    file.write_bytes((header("x", len(content), kind) + content.ljust(512, b"\0")) * 3000)
    with pytest.raises(ImageRefused, match="no sound tar"):
        open_docker_archive(file)


def test_a_layer_that_is_no_tar_is_read_and_left_to_the_proof(tmp_path: Path) -> None:
    file = _file(tmp_path, ("c", _IMAGE.config), ("l", b"no tar"), ("manifest.json", listing("c", "l")))
    assert bytes_of(open_docker_archive(file))[1] == _IMAGE.config


def test_nothing_is_unpacked(tmp_path: Path) -> None:
    evil = json.dumps([{"Config": "../evil", "Layers": ["/tmp/evil"], "RepoTags": []}]).encode()
    file = _file(tmp_path, ("../evil", b"{}"), ("/tmp/evil", _LAYER), ("manifest.json", evil))
    bytes_of(open_docker_archive(file))
    assert [path.name for path in tmp_path.iterdir()] == ["in.tar"]
    assert not (tmp_path.parent / "evil").exists()
