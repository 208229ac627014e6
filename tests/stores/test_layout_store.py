"""OCI layouts: what is added, what is kept, and what is left behind when it goes wrong."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.stores.samples import bytes_of, parts_of, sample
from wasmimg.errors import FileSystemFailed
from wasmimg.image.manifest import Image, digest_of
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format
from wasmimg.stores.layout import REF_NAME, open_layout, write_layout


def _other(number: int = 1) -> Image:
    return sample(labels=(("number", str(number)),))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _index(folder: Path) -> Any:
    return json.loads((folder / "index.json").read_bytes())


def _names(folder: Path) -> list[str | None]:
    return [entry.get("annotations", {}).get(REF_NAME) for entry in _index(folder)["manifests"]]


def _change_index(folder: Path, **fields: object) -> None:
    (folder / "index.json").write_text(json.dumps({**_index(folder), **fields}))


def _break(monkeypatch: pytest.MonkeyPatch, call: str, *, after: int = 0) -> None:
    """Let the disk be full at one of the calls of an os function, and from then on."""
    true, calls = getattr(os, call), [0]

    def full(*arguments: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] > after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true(*arguments, **more)

    monkeypatch.setattr(os, call, full)


@pytest.mark.parametrize("form", list(Format))
def test_a_new_layout_holds_the_image_and_nothing_else(tmp_path: Path, form: Format) -> None:
    image = sample(form)
    write_layout(tmp_path / "out", image, "ghcr.io/acme/app:v1")
    manifest, config, layer = parts_of(image)
    files = _files(tmp_path / "out")
    index = json.loads(files.pop("index.json"))
    assert json.loads(files.pop("oci-layout")) == {"imageLayoutVersion": "1.0.0"}
    assert files == {f"blobs/sha256/{digest_of(data)[7:]}": data for data in (manifest, config, layer)}
    entry = {"digest": image.digest, "mediaType": MEDIA_TYPES[form].manifest, "size": len(manifest)}
    assert index == {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [{**entry, "annotations": {REF_NAME: "ghcr.io/acme/app:v1"}}],
    }
    assert os.listdir(tmp_path) == ["out"]


def test_an_image_without_a_name_has_no_annotation(tmp_path: Path) -> None:
    write_layout(tmp_path / "out", sample(), None)
    assert "annotations" not in _index(tmp_path / "out")["manifests"][0]


def test_the_same_image_gives_the_same_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_layout(tmp_path / name, sample(), "a/b:v1")
    assert _files(tmp_path / "one") == _files(tmp_path / "two")
    before = _files(tmp_path / "one")
    write_layout(tmp_path / "one", sample(), "a/b:v1")
    assert _files(tmp_path / "one") == before


def test_an_image_is_added_beside_the_others(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    write_layout(tmp_path, _other(), "a/b:v2")
    write_layout(tmp_path, _other(2), None)
    assert _names(tmp_path) == ["a/b:v1", "a/b:v2", None]
    assert bytes_of(open_layout(tmp_path, "a/b:v1")) == parts_of(sample())
    assert bytes_of(open_layout(tmp_path, "a/b:v2")) == parts_of(_other())


@pytest.mark.parametrize("name", ["a/b:v1", None])
def test_an_image_takes_the_place_of_the_one_that_is_called_so(tmp_path: Path, name: str | None) -> None:
    write_layout(tmp_path, sample(), name)
    write_layout(tmp_path, _other(1), "other/name:v1")
    write_layout(tmp_path, _other(2), name)
    assert sorted(_names(tmp_path), key=str) == sorted(["other/name:v1", name], key=str)
    assert bytes_of(open_layout(tmp_path, name or "")) == parts_of(_other(2))


def test_entries_of_other_tools_are_kept_as_they_are(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    foreign = {
        "mediaType": OCI_INDEX,
        "digest": "sha256:" + "1" * 64,
        "size": 7,
        "platform": {"os": "linux", "architecture": "arm64", "os.features": ["x"]},
        "annotations": {REF_NAME: "theirs", "com.example.more": "1"},
        "artifactType": "application/x",
        "x-unknown": [1, {"a": None}],
    }
    _change_index(tmp_path, manifests=[foreign, *_index(tmp_path)["manifests"]])
    write_layout(tmp_path, _other(), "a/b:v1")
    assert _index(tmp_path)["manifests"][0] == foreign
    assert _names(tmp_path) == ["theirs", "a/b:v1"]


def test_what_other_tools_say_in_the_index_is_kept(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    said = {"annotations": {"com.example": "x"}, "artifactType": "application/x", "subject": {"size": 1}, "x-more": 7}
    _change_index(tmp_path, **said)
    write_layout(tmp_path, _other(), "a/b:v2")
    index = _index(tmp_path)
    assert {key: index.get(key) for key in said} == said
    assert (index["schemaVersion"], index["mediaType"], len(index["manifests"])) == (2, OCI_INDEX, 2)


def test_files_of_other_tools_are_kept(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    for name in ("manifest.json", "blobs/sha256/ffff", "blobs/sha512/x", "oci-layout"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'{"imageLayoutVersion":"1.0.0" }')
    before = _files(tmp_path)
    write_layout(tmp_path, _other(), "a/b:v2")
    after = _files(tmp_path)
    assert {name: after[name] for name in before if name != "index.json"} == {
        name: data for name, data in before.items() if name != "index.json"
    }


def test_an_empty_folder_becomes_a_layout(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    assert bytes_of(open_layout(tmp_path, None)) == parts_of(sample())


def test_a_link_to_a_layout_is_followed(tmp_path: Path) -> None:
    write_layout(tmp_path / "real", sample(), "a/b:v1")
    (tmp_path / "link").symlink_to("real")
    write_layout(tmp_path / "link", _other(), "a/b:v2")
    assert _names(tmp_path / "real") == ["a/b:v1", "a/b:v2"]
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("call, after", [("fsync", 0), ("fsync", 3), ("rename replace", 0)])
def test_a_new_layout_that_fails_midway_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str, after: int
) -> None:
    for one in call.split():
        _break(monkeypatch, one, after=after)
    with pytest.raises(FileSystemFailed, match="No space left") as caught:
        write_layout(tmp_path / "out", sample(), "a/b:v1")
    assert caught.value.exit_code == 9
    assert os.listdir(tmp_path) == []


def test_a_new_layout_that_is_interrupted_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_layout(tmp_path / "out", sample(), "a/b:v1")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("after", range(4))
def test_an_addition_that_fails_midway_leaves_the_layout_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str, after: int
) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    before = _index(tmp_path)
    image = _other()._replace(layer=sample(module=b"\0asm\1\0\0\0\0\1\0").layer)
    with monkeypatch.context() as patched:
        _break(patched, call, after=after)
        with pytest.raises(FileSystemFailed):
            write_layout(tmp_path, image, "a/b:v1")
    assert _index(tmp_path) == before
    assert [name for name in _files(tmp_path) if name.endswith(".tmp")] == []
    assert bytes_of(open_layout(tmp_path, None)) == parts_of(sample())


@pytest.mark.parametrize("after", range(5))
def test_an_empty_folder_whose_layout_failed_midway_can_be_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, after: int
) -> None:
    with monkeypatch.context() as patched:
        _break(patched, "fsync", after=after)
        with pytest.raises(FileSystemFailed):
            write_layout(tmp_path, sample(), "a/b:v1")
    write_layout(tmp_path, sample(), "a/b:v1")
    assert bytes_of(open_layout(tmp_path, None)) == parts_of(sample())


@pytest.mark.parametrize("damage", [b"", b"damaged", None], ids=["emptied", "of another size", "of the same size"])
def test_building_again_mends_a_damaged_blob(tmp_path: Path, damage: bytes | None) -> None:
    image = sample()
    write_layout(tmp_path, image, "a/b:v1")
    blob = tmp_path / "blobs" / "sha256" / image.layer.digest[7:]
    blob.write_bytes(bytes(image.layer.size) if damage is None else damage)
    write_layout(tmp_path, image, "a/b:v1")
    assert bytes_of(open_layout(tmp_path, None)) == parts_of(image)


def _write_at_once(folder: Path, count: int) -> list[BaseException]:
    errors: list[BaseException] = []
    ready = threading.Barrier(count)

    def write(number: int) -> None:
        try:
            ready.wait()
            write_layout(folder, _other(number), f"a/b:v{number}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("start", ["absent", "empty", "a layout"])
def test_writers_at_once_all_land(tmp_path: Path, start: str) -> None:
    folder = tmp_path / "out"
    if start == "empty":
        folder.mkdir()
    if start == "a layout":
        write_layout(folder, sample(), "a/b:old")
    assert _write_at_once(folder, 8) == []
    names = {f"a/b:v{number}" for number in range(8)} | ({"a/b:old"} if start == "a layout" else set())
    assert set(_names(folder)) == names
    for number in range(8):
        assert bytes_of(open_layout(folder, f"a/b:v{number}")) == parts_of(_other(number))
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("content", ["file", "folder", "index alone", "dangling link", "link to a file"])
def test_what_is_no_layout_is_left_untouched(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "out"
    (tmp_path / "target").write_bytes(b"precious")
    if content == "file":
        folder.write_bytes(b"precious")
    elif content.endswith("link"):
        folder.symlink_to("nowhere")
    elif content == "link to a file":
        folder.symlink_to("target")
    else:
        folder.mkdir()
        (folder / ("index.json" if content == "index alone" else "thesis.txt")).write_bytes(b"precious")
    before = _files(tmp_path), sorted(os.listdir(tmp_path))
    with pytest.raises(FileSystemFailed, match=str(folder)) as caught:
        write_layout(folder, sample(), "a/b:v1")
    assert (caught.value.exit_code, caught.value.hint is not None) == (9, True)
    assert (_files(tmp_path), sorted(os.listdir(tmp_path))) == before


def test_a_layout_in_no_folder_says_which_to_make(tmp_path: Path) -> None:
    with pytest.raises(FileSystemFailed, match="does not exist") as caught:
        write_layout(tmp_path / "gone" / "out", sample(), None)
    assert caught.value.hint == f"mkdir -p {tmp_path / 'gone'}"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_of_a_layout_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_layout(tmp_path / "out", sample(), "a/b:v1")
        write_layout(tmp_path / "out", _other(), "a/b:v2")
    finally:
        os.umask(before)
    for path in [tmp_path / "out", *(tmp_path / "out").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~umask, path


def test_a_damaged_index_is_left_untouched(tmp_path: Path) -> None:
    write_layout(tmp_path, sample(), "a/b:v1")
    (tmp_path / "index.json").write_bytes(b"{")
    with pytest.raises(FileSystemFailed, match=r"index\.json"):
        write_layout(tmp_path, _other(), "a/b:v2")
    assert (tmp_path / "index.json").read_bytes() == b"{"
