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
        (Format.OCI, "sha256:2932fd06ef3047491b126fc5d75ee6bb9da17d51769d298384db58e565fefa20"),
        (Format.DOCKER, "sha256:b2ae2b6fbf1b893291279ff53f22219d03b5c67cf57b6370e1f2a34a684ca555"),
    ],
)
def test_the_example_has_this_manifest_digest(form: Format, digest: str) -> None:
    layer = build_layer(memoryview(EXAMPLE.read_bytes()))
    assert build_image(layer, ImageSpec(form)).digest == digest
