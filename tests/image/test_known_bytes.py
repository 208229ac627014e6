"""The bytes of the embedded engine are a promise: a change of them is told in the changelog."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmimg.image.layer import build_layer
from wasmimg.image.manifest import ImageSpec, build_image
from wasmimg.image.media_types import Format

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "add-header" / "plugin.wasm"


@pytest.mark.parametrize(
    ("form", "digest"),
    [
        (Format.OCI, "sha256:ed633a4be25d5a5afdfb58f77c8d326b15e76dfc879ed3310e22fed17c138f12"),
        (Format.DOCKER, "sha256:3f65a3760ef7575d3fc733923b8a69354387b4b75dca08e284b6fae85e9ae6b2"),
    ],
)
def test_the_example_has_this_manifest_digest(form: Format, digest: str) -> None:
    layer = build_layer(memoryview(EXAMPLE.read_bytes()))
    assert build_image(layer, ImageSpec(form)).digest == digest
