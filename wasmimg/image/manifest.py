"""Writing and reading the manifest and the config of an image.

JSON is written canonically (sorted keys, no blanks, UTF-8), so that equal images have
equal digests; it is read strictly.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.image.layer import ENTRY_NAME, Layer
from wasmimg.image.media_types import MEDIA_TYPES, Format, format_of_manifest
from wasmimg.image.platform import DEFAULT_PLATFORM, Platform

__all__ = [
    "MANIFEST_LIMIT",
    "VARIANT_ANNOTATION",
    "Descriptor",
    "Image",
    "ImageSpec",
    "Manifest",
    "assemble",
    "build_image",
    "canonical_json",
    "digest_of",
    "parse_descriptor",
    "parse_manifest",
    "write_manifest",
]

# istio-ecosystem/wasm-oci-image-spec, spec-compat.md: marks the tar variant.
VARIANT_ANNOTATION = "module.wasm.image/variant"

# A manifest above this is refused by registries (distribution-spec, "Pushing Manifests").
MANIFEST_LIMIT = 4 * 1024 * 1024


class ImageSpec(NamedTuple):
    """What the image shall say of itself, whoever builds it.

    ``epoch``, in seconds, is the time written wherever a time must stand.
    """

    format: Format = Format.OCI
    platform: Platform = DEFAULT_PLATFORM
    annotations: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    epoch: int = 0

    def manifest_annotations(self) -> dict[str, str]:
        """The annotations of the manifest; Docker's format has no field for them."""
        if self.format is Format.DOCKER:
            return {}
        return {**dict(self.annotations), VARIANT_ANNOTATION: "compat"}


class Descriptor(NamedTuple):
    """A pointer to a blob: media type, ``sha256:...``, size in bytes."""

    media_type: str
    digest: str
    size: int


class Image(NamedTuple):
    """A whole image: the exact bytes of its manifest and config, and its one layer."""

    format: Format
    manifest: bytes
    config: bytes
    layer: Layer

    @property
    def digest(self) -> str:
        """The manifest digest, which is what ``WasmPlugin.sha256`` is compared with."""
        return digest_of(self.manifest)

    @property
    def config_digest(self) -> str:
        """The digest of the config blob."""
        return digest_of(self.config)


class Manifest(NamedTuple):
    """A manifest as read: its raw bytes and the parts of it that matter here."""

    raw: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]

    @property
    def format(self) -> Format:
        """OCI or Docker, by the media type in the body."""
        return format_of_manifest(self.media_type)

    @property
    def digest(self) -> str:
        """The manifest digest."""
        return digest_of(self.raw)


def digest_of(data: bytes | memoryview) -> str:
    """``sha256:`` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and without blanks, as UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def build_image(layer: Layer, spec: ImageSpec) -> Image:
    """Config and manifest around ``layer``, in the format that ``spec`` names."""
    # Not fromtimestamp(): that one fails on some hosts for years they do not know.
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=spec.epoch)
    created = moment.strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")
    config: dict[str, Any] = {
        "architecture": spec.platform.architecture,
        "config": {"Labels": dict(spec.labels)} if spec.labels else {},
        "created": created,
        "history": [{"created": created, "created_by": f"COPY {ENTRY_NAME} ./"}],
        "os": spec.platform.os,
        "rootfs": {"diff_ids": [layer.diff_id], "type": "layers"},
    }
    if spec.platform.variant:
        config["variant"] = spec.platform.variant
    return assemble(layer, canonical_json(config), spec.format, spec.manifest_annotations())


def assemble(layer: Layer, config: bytes, form: Format, annotations: Mapping[str, str]) -> Image:
    """The image of ``layer`` and a config that exists already."""
    return Image(form, write_manifest(form, config, [(layer.digest, layer.size)], annotations), config, layer)


def write_manifest(
    form: Format, config: bytes, layers: Sequence[tuple[str, int]], annotations: Mapping[str, str]
) -> bytes:
    """A manifest over ``layers``, each a digest and a size in bytes."""
    types = MEDIA_TYPES[form]
    manifest: dict[str, Any] = {
        "config": {"digest": digest_of(config), "mediaType": types.config, "size": len(config)},
        "layers": [{"digest": digest, "mediaType": types.layer, "size": size} for digest, size in layers],
        "mediaType": types.manifest,
        "schemaVersion": 2,
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return canonical_json(manifest)


def parse_manifest(raw: bytes) -> Manifest:
    """Read the manifest of one image; raises ImageRefused when it is none."""

    def refuse(why: str) -> ImageRefused:
        return ImageRefused("the manifest cannot be read", reason=why)

    if len(raw) > MANIFEST_LIMIT:
        raise refuse(f"it has {len(raw)} bytes, more than the {MANIFEST_LIMIT} that registries take")
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise refuse(f"it is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise refuse("it is not a JSON object")
    layers = body.get("layers")
    if not isinstance(layers, list) or not isinstance(body.get("config"), dict):
        raise refuse("it has no config and layers; it is not the manifest of one image")
    annotations = body.get("annotations") or {}
    media_type = body.get("mediaType") or ""
    if not isinstance(annotations, dict) or not isinstance(media_type, str):
        raise refuse("its annotations or its mediaType are of the wrong type")
    return Manifest(
        raw=raw,
        media_type=media_type,
        config=parse_descriptor(body["config"]),
        layers=tuple(parse_descriptor(layer) for layer in layers),
        annotations={str(key): str(value) for key, value in annotations.items()},
    )


def parse_descriptor(value: object) -> Descriptor:
    """Read a descriptor (image-spec descriptor.md); raises ImageRefused."""
    fields = value if isinstance(value, dict) else {}
    media_type, digest, size = fields.get("mediaType"), fields.get("digest"), fields.get("size")
    if (
        isinstance(media_type, str)
        and isinstance(digest, str)
        and re.fullmatch("sha256:[0-9a-f]{64}", digest)
        and type(size) is int
        and size >= 0
    ):
        return Descriptor(media_type, digest, size)
    raise ImageRefused(
        "the manifest cannot be read", reason=f"a descriptor in it is malformed: {json.dumps(value)[:200]}"
    )
