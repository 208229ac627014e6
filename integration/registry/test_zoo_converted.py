"""``convert`` makes a right image of every bad shape of the zoo that holds one sound module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.registry.shapes import MODULE
from integration.registry.zoo import ZOO, Animal
from tests.stores.fake_registry import FakeRegistry
from wasmimg.consumers.selection import Consumer
from wasmimg.conversion import convert
from wasmimg.delivery import Delivery
from wasmimg.errors import ImageRefused, ModuleRefused, WasmimgError
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import Format
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.places import Output

# What is refused by proxies and cannot be mended either, by the reason.
LOST = {
    "there is no module in it": {
        "elf", "empty-artifact", "empty-layer", "fifo", "folder", "folder-with-size", "gzip-empty", "gzip-of-gzip",
        "gzipped-module", "hard-link-with-size", "index-empty", "index-only-attestation", "layer-is-config", "no-layers",
        "no-layers-docker", "nothing-in-it", "old-tar-folder", "tar-empty", "tar-is-text", "tar-only-zeros", "tar-short",
        "tar-two-zero-blocks-between", "tar-zero-block-between", "text", "whiteout", "artifact-not-wasm",
    },
    "its layer is damaged": {
        "artifact-damaged", "artifact-size-lies", "gzip-cut-in-entry", "gzip-damaged-in-entry", "gzip-header-crc-wrong",
        "gzip-method-7", "gzip-name-without-end", "layer-missing", "short-layer", "size-claims-a-gigabyte", "size-negative",
        "size-not-octal", "tar-bad-checksum", "tar-cut-at-header", "tar-cut-before", "tar-cut-in-entry", "zstd-under-gzip-type",
        "digest-of-other-bytes", "docker-zstd", "size-too-large", "size-too-small", "size-zero", "zstd",
    },
    "its manifest is damaged": {
        "config-digest-empty", "digest-missing", "index-child-missing", "index-child-other", "index-inline-wrong", "index-is-text",
        "layers-is-object", "layers-null", "manifest-cut", "manifest-empty", "manifest-is-list", "manifest-is-text", "manifest-null",
        "sha512-layer", "short-digest", "size-is-fraction", "size-is-text", "upper-case-digest",
    },
    "no proxy loads the module": {"over-the-limit", "seven-bytes"},
}  # fmt: skip
_LOST = frozenset().union(*LOST.values())
# A record that some releases of Python's tarfile pass over and others refuse: either will do, half a mend will not.
_UNSURE = {"bad-pax"}
_REFUSED = [animal for animal in ZOO if animal.words]


@pytest.fixture(scope="module")
def zoo() -> Iterator[FakeRegistry]:
    """A registry that holds every shape, also those that a real one does not take."""
    with FakeRegistry() as registry:
        for animal in _REFUSED:
            repository = f"zoo/{animal.name}"
            registry.blobs |= {(repository, digest): data for digest, data in animal.parts.blobs.items()}
            registry.manifests |= {(repository, name): one for name, one in animal.parts.manifests.items()}
            registry.manifests[repository, "v1"] = animal.parts.manifests[animal.parts.top]
        yield registry


@pytest.mark.parametrize("animal", _REFUSED, ids=lambda animal: animal.name)
def test_what_can_be_mended_is(animal: Animal, zoo: FakeRegistry, tmp_path: Path) -> None:
    consumers = (Consumer("istio"), Consumer("istio", "1.12"), Consumer("envoy-gateway"), Consumer("higress"))
    output = Output("oci", tmp_path / "out")
    delivery = Delivery(Format.OCI, (), False, (output,), consumers, Access(), Policy(attempts=1))
    source = f"{zoo.host}/zoo/{animal.name}:v1"
    if animal.name in _LOST:
        with pytest.raises(WasmimgError) as caught:
            convert(source, delivery, {}, {"HOME": str(tmp_path)})
        assert isinstance(caught.value, (ImageRefused, ModuleRefused))
        assert not (tmp_path / "out").exists()
        return
    try:
        result = convert(source, delivery, {}, {"HOME": str(tmp_path)})
    except ImageRefused:
        assert animal.name in _UNSURE
        assert not (tmp_path / "out").exists()
        return
    assert result.mended
    if not animal.name.startswith("over-"):  # those are large on purpose
        assert result.shape.module_digest == digest_of(MODULE)


def test_the_list_of_what_is_lost_names_shapes_of_the_zoo() -> None:
    assert {animal.name for animal in _REFUSED} >= _LOST
