"""The second variant: an OCI artifact of exactly two layers, the module as it is beside a little JSON.

Source: istio-ecosystem/wasm-oci-image-spec spec.md; Istio reads it if there are two layers, in any
order (pkg/wasm/imagefetcher.go, extractOCIArtifactImage).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wasmimg.image.bundle import Bundle, content_of
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import Descriptor, canonical_json, digest_of
from wasmimg.image.media_types import ARTIFACT_CONFIG, ARTIFACT_LAYER, EMPTY_CONFIG, MEDIA_TYPES, Format

__all__ = ["Artifact", "build_artifact"]

# What oras and others call a file that they unpack (image-spec annotations.md).
_TITLE = "org.opencontainers.image.title"


class Artifact(NamedTuple):
    """All parts of an artifact, and the digest and size (bytes) of the module, which is a layer as it is."""

    bundle: Bundle
    module_digest: str
    module_size: int


def build_artifact(module: memoryview, annotations: Mapping[str, str]) -> Artifact:
    """The artifact of ``module``; nothing of the machine or the time is in it."""
    data, config, runtime = bytes(module), b"{}", canonical_json({"type": "envoy_proxy"})
    manifest = {
        "artifactType": ARTIFACT_CONFIG,
        "config": {"digest": digest_of(config), "mediaType": EMPTY_CONFIG, "size": len(config)},
        "layers": [
            _layer(ARTIFACT_CONFIG, runtime, "runtime-config.json"),
            _layer(ARTIFACT_LAYER, data, ENTRY_NAME),
        ],
        "mediaType": MEDIA_TYPES[Format.OCI].manifest,
        "schemaVersion": 2,
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    raw = canonical_json(manifest)
    top = Descriptor(MEDIA_TYPES[Format.OCI].manifest, digest_of(raw), len(raw))
    blobs = tuple((digest_of(one), content_of(one)) for one in (data, runtime, config))
    return Artifact(Bundle(((top, raw),), blobs), digest_of(data), len(data))


def _layer(media_type: str, data: bytes, title: str) -> dict[str, object]:
    return {"annotations": {_TITLE: title}, "digest": digest_of(data), "mediaType": media_type, "size": len(data)}
