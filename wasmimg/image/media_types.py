"""The one table of media types and of the two formats that proxies take."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = [
    "ARTIFACT_CONFIG",
    "ARTIFACT_LAYER",
    "DOCKER_INDEX",
    "EMPTY_CONFIG",
    "MEDIA_TYPES",
    "OCI_INDEX",
    "Format",
    "MediaTypes",
    "format_of_manifest",
    "is_index",
]


class Format(str, Enum):
    """How the manifest is written on the wire."""

    OCI = "oci"
    DOCKER = "docker"

    def __str__(self) -> str:
        return self.value


class MediaTypes(NamedTuple):
    """The three media types of a single-layer image."""

    manifest: str
    config: str
    layer: str


# OCI: image-spec media-types.md. Docker: distribution docs, "Image Manifest V 2, Schema 2".
# Istio compares the layer's type with exactly these strings (istio pkg/wasm/imagefetcher.go).
MEDIA_TYPES = {
    Format.OCI: MediaTypes(
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ),
    Format.DOCKER: MediaTypes(
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
}
# The artifact of two layers: wasm-oci-image-spec spec.md. An empty config: image-spec manifest.md, "Guidance for an Empty Descriptor".
ARTIFACT_CONFIG = "application/vnd.module.wasm.config.v1+json"
ARTIFACT_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

# What a docker-archive calls its layers before they are compressed for the wire.
UNCOMPRESSED_LAYERS = frozenset(
    {"application/vnd.oci.image.layer.v1.tar", "application/vnd.docker.image.rootfs.diff.tar"}
)


def format_of_manifest(media_type: str) -> Format:
    """The format of a manifest, by the ``mediaType`` in its body.

    An empty one is OCI: the field is optional there (image-spec manifest.md) and Istio
    takes everything that is not Docker v2s2 as OCI.
    """
    if media_type == MEDIA_TYPES[Format.DOCKER].manifest:
        return Format.DOCKER
    return Format.OCI


def is_index(media_type: str) -> bool:
    """Whether a manifest of this type lists other manifests."""
    return media_type in (OCI_INDEX, DOCKER_INDEX)
