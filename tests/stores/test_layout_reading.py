"""Reading OCI layouts: the image that is meant, whole, or a sentence that says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.samples import bytes_of, parts_of, sample
from wasmimg.errors import ImageRefused, WasmimgError
from wasmimg.image.manifest import Image
from wasmimg.stores.layout import REF_NAME, open_layout, write_layout


def _other(number: int = 1) -> Image:
    return sample(labels=(("number", str(number)),))


def _layout(folder: Path, *names: str | None) -> Path:
    for number, name in enumerate(names):
        write_layout(folder, _other(number), name)
    return folder


def _index(folder: Path, content: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    "names, asked, number",
    [
        (["ghcr.io/acme/app:v1"], None, 0),
        ([None], None, 0),
        (["ghcr.io/acme/app:v1", "ghcr.io/acme/app:v2"], "ghcr.io/acme/app:v2", 1),
        (["ghcr.io/acme/app:v1", "ghcr.io/acme/app:v2"], "v2", 1),
        (["localhost:5000/app:v1", "localhost:5000/app:v2"], "v1", 0),
        (["v1", "v2"], "v2", 1),
        (["a/b:v1", "v1"], "v1", 1),
        (["a/b:v1", None], "v1", 0),
        (["a/b:v1", None], "", 1),
        (["a/b:v1", "a/b:xv1"], "v1", 0),
    ],
)
def test_an_image_is_found_by_name_by_tag_or_alone(
    tmp_path: Path, names: list[str | None], asked: str | None, number: int
) -> None:
    assert bytes_of(open_layout(_layout(tmp_path, *names), asked)) == parts_of(_other(number))


@pytest.mark.parametrize(
    "names, asked, words",
    [
        (["a/b:v1", "a/b:v2"], None, "holds 2 images"),
        (["a/b:v1", "c/d:v1"], "v1", "holds 2 images that end in :v1"),
        (["a/b:v1", "c/d:v1"], "v3", "holds no image called 'v3'"),
        (["a/b:v1", "c/d:v1"], "a/b", "holds no image called 'a/b'"),
        (["a/b:v1", "c/d:v1"], "V1", "holds no image called 'V1'"),
    ],
)
def test_an_image_that_is_not_clear_is_class_8_and_the_names_are_listed(
    tmp_path: Path, names: list[str], asked: str | None, words: str
) -> None:
    with pytest.raises(ImageRefused, match=words) as caught:
        open_layout(_layout(tmp_path, *names), asked)
    assert str(tmp_path) in caught.value.message
    for name in names:
        assert name in (caught.value.hint or "")


def test_an_empty_layout_holds_no_image(tmp_path: Path) -> None:
    _index(tmp_path, {"schemaVersion": 2, "manifests": []})
    with pytest.raises(ImageRefused, match="holds no image"):
        open_layout(tmp_path, None)


@pytest.mark.parametrize("content", ["nothing", "a file", "other files"])
def test_what_is_no_layout_is_class_8(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "in"
    if content == "a file":
        folder.write_bytes(b"x")
    elif content == "other files":
        folder.mkdir()
        (folder / "README").write_bytes(b"x")
    with pytest.raises(ImageRefused, match=r"is no OCI layout: it has no index\.json"):
        open_layout(folder, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"manifests":{}}',
        b'{"manifests":null}',
        b'{"manifests":[1]}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"manifests":[],"x":"\\ud800"}',
    ],
    ids=["empty", "half", "list", "null", "object", "no list", "none", "numbers", "no text", "deep", "half a letter"],
)
def test_a_damaged_index_is_class_8(tmp_path: Path, content: bytes) -> None:
    _index(tmp_path, {})
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(ImageRefused, match=r"index\.json"):
        open_layout(tmp_path, None)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"digest": "sha256:12", "mediaType": "x", "size": 1},
        {"digest": "sha256:../../../../etc/passwd", "mediaType": "x", "size": 1},
        {"digest": "sha512:" + "0" * 128, "mediaType": "x", "size": 1},
        {"digest": "sha256:" + "0" * 64, "mediaType": "x", "size": -1},
        {"digest": "sha256:" + "0" * 64, "mediaType": "x", "size": "1"},
        {"digest": "sha256:" + "0" * 64, "size": 1},
        {"digest": "sha256:" + "A" * 64, "mediaType": "x", "size": 1},
        {"digest": "sha256:" + "0" * 64 + "\n", "mediaType": "x", "size": 1},
    ],
)
def test_a_malformed_entry_is_class_8(tmp_path: Path, entry: object) -> None:
    _index(tmp_path, {"manifests": [entry]})
    with pytest.raises(ImageRefused):
        open_layout(tmp_path, None)


def _exit_code(work: Callable[[], object]) -> int:
    try:
        work()
    except WasmimgError as error:
        return error.exit_code
    return 0


@pytest.mark.parametrize("annotations", [["x"], "x", 7, True])
@pytest.mark.parametrize("name", [None, "v1"])
def test_annotations_of_the_wrong_kind_are_no_crash(tmp_path: Path, annotations: object, name: str | None) -> None:
    write_layout(tmp_path, sample(), None)
    entry = json.loads((tmp_path / "index.json").read_bytes())["manifests"][0]
    _index(tmp_path, {"manifests": [{**entry, "annotations": annotations}]})
    assert _exit_code(lambda: bytes_of(open_layout(tmp_path, name))) in (0, 8)


@pytest.mark.parametrize("annotations", [["x"], "x", 7])
def test_an_entry_with_odd_annotations_is_kept_whatever_happens(tmp_path: Path, annotations: object) -> None:
    odd = {"digest": "sha256:" + "0" * 64, "mediaType": "x", "size": 1, "annotations": annotations}
    _index(tmp_path, {"manifests": [odd]})
    assert _exit_code(lambda: write_layout(tmp_path, sample(), "a/b:v1")) in (0, 8, 9)
    assert odd in json.loads((tmp_path / "index.json").read_bytes())["manifests"]


@pytest.mark.parametrize("annotations", [None, {}, {"org.opencontainers.image.created": "x"}, {REF_NAME: ""}])
def test_an_entry_may_have_no_name(tmp_path: Path, annotations: object) -> None:
    write_layout(tmp_path, sample(), None)
    entry = json.loads((tmp_path / "index.json").read_bytes())["manifests"][0]
    _index(tmp_path, {"manifests": [{**entry, "annotations": annotations}]})
    assert bytes_of(open_layout(tmp_path, None)) == parts_of(sample())


@pytest.mark.parametrize("part", ["manifest", "config", "layer"])
@pytest.mark.parametrize(
    "damage, words",
    [
        ("gone", "lacks the blob"),
        ("cut", "its descriptor says"),
        ("longer", "its descriptor says"),
        ("changed", "is damaged"),
    ],
)
def test_a_part_that_is_not_what_was_promised_is_refused(tmp_path: Path, part: str, damage: str, words: str) -> None:
    image = sample()
    write_layout(tmp_path, image, None)
    digest = {"manifest": image.digest, "config": image.config_digest, "layer": image.layer.digest}[part]
    blob = tmp_path / "blobs" / "sha256" / digest[7:]
    data = blob.read_bytes()
    blob.unlink()
    if damage != "gone":
        blob.write_bytes({"cut": data[:-1], "longer": data + b"x", "changed": bytes(len(data))}[damage])
    with pytest.raises(ImageRefused, match=words) as caught:
        bytes_of(open_layout(tmp_path, None))
    assert digest in caught.value.message
    assert str(tmp_path) in caught.value.message


def test_a_folder_in_place_of_a_blob_is_no_crash(tmp_path: Path) -> None:
    image = sample()
    write_layout(tmp_path, image, None)
    blob = tmp_path / "blobs" / "sha256" / image.config_digest[7:]
    blob.unlink()
    blob.mkdir()
    with pytest.raises(WasmimgError) as caught:
        bytes_of(open_layout(tmp_path, None))
    assert caught.value.exit_code in (8, 9)


def test_a_file_in_place_of_the_blobs_is_no_crash(tmp_path: Path) -> None:
    write_layout(tmp_path / "whole", sample(), None)
    _index(tmp_path / "in", json.loads((tmp_path / "whole" / "index.json").read_bytes()))
    (tmp_path / "in" / "blobs").write_bytes(b"x")
    with pytest.raises(WasmimgError) as caught:
        bytes_of(open_layout(tmp_path / "in", None))
    assert caught.value.exit_code in (8, 9)


def test_a_large_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    image = sample()
    write_layout(tmp_path, image, None)
    with open(tmp_path / "blobs" / "sha256" / image.layer.digest[7:], "ab") as blob:
        blob.truncate(1 << 31)
    with pytest.raises(ImageRefused, match="its descriptor says"):
        bytes_of(open_layout(tmp_path, None))


@pytest.mark.parametrize("by_link", [True, False])
def test_a_layout_may_be_read_only_and_shared(tmp_path: Path, by_link: bool) -> None:
    write_layout(tmp_path / "real", sample(), "a/b:v1")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "real").rglob("*")}
    (tmp_path / "link").symlink_to("real")
    assert bytes_of(open_layout(tmp_path / ("link" if by_link else "real"), "v1")) == parts_of(sample())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "real").rglob("*")} == before
