"""inspect says what an image is, right or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.stores.samples import sample
from tests.stores.tars import tar_of
from tests.test_conversion import ATTESTATION, MODULE, OCI, image, index
from wasmimg.errors import ImageRefused, UsageError
from wasmimg.image.bundle import Bundle
from wasmimg.image.manifest import Image, digest_of
from wasmimg.inspection import Child, ImageFacts, inspect_file, inspect_image
from wasmimg.stores.layout import open_layout, write_layout


def facts_of(one: Bundle | Image, folder: Path) -> ImageFacts:
    write_layout(folder / "in", one, None)
    return inspect_image(open_layout(folder / "in", None))


def test_our_own_image_is_shown_whole(tmp_path: Path) -> None:
    ours = sample(module=MODULE, labels=(("team", "edge"),), epoch=86_400)
    facts = facts_of(ours, tmp_path)
    assert (facts.manifest_digest, facts.format, facts.platform) == (ours.digest, "oci", "linux/amd64")
    assert (facts.created, facts.labels) == ("1970-01-02T00:00:00Z", (("team", "edge"),))
    assert [(one.digest, one.size) for one in facts.layers] == [(ours.layer.digest, ours.layer.size)]
    assert facts.module is not None
    assert (facts.module.digest, facts.module.path) == (digest_of(MODULE), "plugin.wasm")


def test_of_an_index_the_image_is_shown_that_proxies_take(tmp_path: Path) -> None:
    amd64, arm64 = sample(module=MODULE), image((OCI.layer, gzip.compress(tar_of(("x", b"y")))))
    write_layout(tmp_path / "one", amd64, None)
    raw = open_layout(tmp_path / "one", None)
    amd64_bundle = image((OCI.layer, gzip.compress(tar_of(("plugin.wasm", MODULE)))))
    listed = index(("linux/arm64", arm64), ("linux/amd64", amd64_bundle), ("unknown/unknown", ATTESTATION))
    facts = facts_of(listed, tmp_path)
    assert facts.index_digest == listed.top.digest != facts.manifest_digest
    assert facts.manifest_digest == amd64_bundle.top.digest
    assert facts.children[0] == Child(arm64.top.digest, "linux/arm64")
    assert facts.module is not None
    assert facts.module.digest == digest_of(MODULE)
    assert inspect_image(raw).index_digest is None


def test_an_image_without_a_module_says_why(tmp_path: Path) -> None:
    facts = facts_of(image((OCI.layer, gzip.compress(tar_of(("x", b"y"))))), tmp_path)
    assert facts.module is None
    assert "there is no module" in facts.no_module


def test_an_empty_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageRefused, match="lists nothing"):
        facts_of(index(), tmp_path)


def test_a_file_is_shown(tmp_path: Path) -> None:
    (tmp_path / "m.wasm").write_bytes(MODULE)
    facts = inspect_file(tmp_path / "m.wasm")
    assert (facts.digest, facts.contents.size, facts.contents.kind) == (digest_of(MODULE), len(MODULE), "core")
    with pytest.raises(UsageError, match="no such file"):
        inspect_file(tmp_path / "gone.wasm")
