"""push and copy bring an image over as it is, an index with everything that it lists."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import EXAMPLE
from tests.stores.fake_registry import FakeRegistry
from tests.stores.samples import MODULE, NOBODY, OPEN, QUICK, blob_of, sample, stored
from tests.stores.tars import tar_of
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused, UsageError
from wasmimg.image.bundle import Bundle, bundle_of, content_of
from wasmimg.image.manifest import Descriptor, Image, canonical_json, digest_of
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format
from wasmimg.image.reference import parse_reference
from wasmimg.stores.layout import open_layout, write_layout
from wasmimg.transfer import Means, copy, push

MEANS = Means(OPEN, QUICK, NOBODY)
ISTIO = (Consumer("istio"),)


def index_of(*images: Image) -> Bundle:
    """An index of ``images``: the first for linux/amd64, further ones for linux/arm64."""
    parts = [bundle_of(image) for image in images]
    entries = [
        {
            "mediaType": part.top.media_type,
            "digest": part.top.digest,
            "size": part.top.size,
            "platform": {"os": "linux", "architecture": "arm64" if number else "amd64"},
        }
        for number, part in enumerate(parts)
    ]
    raw = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    manifests = [one for part in parts for one in part.manifests]
    blobs = [one for part in parts for one in part.blobs]
    return Bundle((*manifests, (Descriptor(OCI_INDEX, digest_of(raw), len(raw)), raw)), tuple(blobs))


def refused_image() -> Bundle:
    """An image whose layer is not compressed: no proxy takes it."""
    layer, config = tar_of(("plugin.wasm", MODULE)), b"{}"
    types = MEDIA_TYPES[Format.OCI]
    raw = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": types.manifest,
            "config": {"mediaType": types.config, "digest": digest_of(config), "size": len(config)},
            "layers": [
                {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest_of(layer), "size": len(layer)}
            ],
        }
    )
    top = Descriptor(types.manifest, digest_of(raw), len(raw))
    return Bundle(((top, raw),), ((digest_of(layer), content_of(layer)), (digest_of(config), content_of(config))))


@pytest.mark.parametrize("form", list(Format))
def test_an_image_is_pushed_byte_for_byte_under_every_name(form: Format, tmp_path: Path) -> None:
    image = sample(form, module=EXAMPLE.read_bytes())
    write_layout(tmp_path / "in", image, None)
    with FakeRegistry() as registry:
        targets = tuple(parse_reference(f"{registry.host}/{name}") for name in ("a/bb:1", "a/bb:2", "c/dd:1"))
        results = push(f"oci:{tmp_path}/in", targets, MEANS, consumers=ISTIO)
        assert results == tuple(f"{target}@{image.digest}" for target in targets)
        for repository, tag in (("a/bb", "1"), ("a/bb", "2"), ("c/dd", "1")):
            assert registry.manifests[repository, tag] == (MEDIA_TYPES[form].manifest, image.manifest)
            assert registry.blobs[repository, image.layer.digest] == blob_of(image)


def test_what_a_chosen_consumer_refuses_is_not_pushed(tmp_path: Path) -> None:
    write_layout(tmp_path / "in", refused_image(), None)
    source = f"oci:{tmp_path}/in"
    with FakeRegistry() as registry:
        target = (parse_reference(f"{registry.host}/a/bb:1"),)
        with pytest.raises(ImageRefused, match="Istio would refuse") as caught:
            push(source, target, MEANS, consumers=ISTIO)
        assert "invalid media type" in (caught.value.reason or "")
        assert f"wasmimg convert {source} {target[0]}" in (caught.value.hint or "")
        assert registry.manifests == {}
        assert registry.blobs == {}
        push(source, target, MEANS)
        assert len(registry.manifests) > 0


def test_an_index_is_copied_with_what_it_lists(tmp_path: Path) -> None:
    index = index_of(sample(), sample(module=MODULE + b"\0\2\1x"))
    write_layout(tmp_path / "in", index, "theirs")
    with FakeRegistry() as registry:
        result = copy(f"oci:{tmp_path}/in", f"docker://{registry.host}/a/bb:1", tmp_path, MEANS)
        assert result == f"{registry.host}/a/bb:1@{index.top.digest}"
        back = copy(result.partition("@")[0], "oci:back:mine", tmp_path, MEANS)
        assert back == f"oci:back:mine@{index.top.digest}"
    copied = open_layout(tmp_path / "back", "mine")
    assert copied.top() == index.manifests[-1][1]
    assert [copied.manifest(one.digest) for one, _ in index.manifests] == [raw for _, raw in index.manifests]
    names = {path.name for path in (tmp_path / "back" / "blobs" / "sha256").iterdir()}
    assert {digest[7:] for digest, _ in index.blobs} <= names


def test_a_copy_inside_a_registry_is_mounted(tmp_path: Path) -> None:
    image = sample()
    with FakeRegistry() as registry:
        source = stored(registry, image)
        registry.seen.clear()
        copy(source, f"{registry.host}/other/app:1", tmp_path, MEANS)
        assert registry.manifests["other/app", "1"][1] == image.manifest
        assert not any(one.method in ("PUT", "PATCH") and "blobs" in one.path for one in registry.seen)


@pytest.mark.parametrize("destination", ["docker-archive:out.tar", "docker-daemon:a/bb:1"])
def test_a_place_that_cannot_keep_the_digest_is_refused(destination: str, tmp_path: Path) -> None:
    write_layout(tmp_path / "in", sample(), None)
    with pytest.raises(UsageError, match="cannot keep an image as it is"):
        copy(f"oci:{tmp_path}/in", destination, tmp_path, MEANS)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_damaged_blob_is_not_passed_on(tmp_path: Path) -> None:
    image = sample()
    write_layout(tmp_path / "in", image, None)
    (tmp_path / "in" / "blobs" / "sha256" / image.layer.digest[7:]).write_bytes(bytes(image.layer.size))
    with FakeRegistry() as registry:
        with pytest.raises(ImageRefused, match="is damaged"):
            copy(f"oci:{tmp_path}/in", f"{registry.host}/a/bb:1", tmp_path, MEANS)
        assert registry.manifests == {}
    with pytest.raises(ImageRefused, match="is damaged"):
        copy(f"oci:{tmp_path}/in", "oci-archive:out.tar", tmp_path, MEANS)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_index_that_lists_itself_ends(tmp_path: Path) -> None:
    raw: Any = None

    def manifest(_: str) -> bytes:
        assert isinstance(raw, bytes)
        return raw

    from wasmimg.image.bundle import collect

    entry = {"mediaType": OCI_INDEX, "digest": "sha256:" + "1" * 64, "size": 9}
    raw = json.dumps({"mediaType": OCI_INDEX, "manifests": [entry]}).encode()
    with pytest.raises(ImageRefused, match="deep"):
        collect(raw, manifest, lambda _: gzip.compress(b""))
