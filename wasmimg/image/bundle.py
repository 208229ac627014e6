"""Everything that an image consists of, byte for byte, for moving it without a change.

Source: image-spec image-index.md and manifest.md: an index points to manifests, a manifest to
its config and its layers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.image.manifest import Descriptor, Image, digest_of, parse_descriptor
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format, is_index

__all__ = ["Bundle", "Content", "bundle_of", "collect", "content_of"]

_DEPTH = 5  # of indexes inside indexes
_COUNT = 1000  # blobs and manifests of one image


class Content(NamedTuple):
    """Bytes that are asked for when they are written: ``size`` of them."""

    size: int
    chunks: Callable[[], Iterable[bytes]]


class Bundle(NamedTuple):
    """``manifests`` are descriptors and bytes; what is pointed to stands before what points to
    it, so the last one is the image's own. ``blobs`` are contents by digest."""

    manifests: tuple[tuple[Descriptor, bytes], ...]
    blobs: tuple[tuple[str, Content], ...]

    @property
    def top(self) -> Descriptor:
        """The manifest or index that a tag names."""
        return self.manifests[-1][0]


def content_of(*chunks: bytes) -> Content:
    """The content of bytes that are in memory."""
    return Content(sum(map(len, chunks)), lambda: chunks)


def bundle_of(image: Image) -> Bundle:
    """The parts of an image of one layer."""
    top = Descriptor(MEDIA_TYPES[image.format].manifest, image.digest, len(image.manifest))
    blobs = ((image.layer.digest, content_of(*image.layer.chunks)), (image.config_digest, content_of(image.config)))
    return Bundle(((top, image.manifest),), blobs)


def collect(top: bytes, manifest: Callable[[str], bytes], blob: Callable[[Descriptor], bytes]) -> Bundle:
    """The parts of the image behind ``top``, which is a manifest or an index.

    ``manifest`` reads one by its digest and ``blob`` by its descriptor, the latter when it is
    written. Raises ImageRefused, and what they raise.
    """
    manifests: dict[str, tuple[Descriptor, bytes]] = {}
    blobs: dict[str, Content] = {}

    def walk(raw: bytes, depth: int) -> None:
        body = _parse(raw)
        media_type = str(body.get("mediaType") or "")
        listed = body.get("manifests")
        if is_index(media_type) or (not media_type and isinstance(listed, list)):
            if depth == 0:
                raise ImageRefused(f"the image has indexes more than {_DEPTH} deep")
            for child in listed if isinstance(listed, list) else []:
                digest = parse_descriptor(child).digest
                if digest not in manifests:
                    walk(manifest(digest), depth - 1)
        else:
            layers = body.get("layers")
            for value in (body.get("config"), *(layers if isinstance(layers, list) else [])):
                one = parse_descriptor(value)
                blobs[one.digest] = Content(one.size, partial(_single, blob, one))
        if len(blobs) + len(manifests) > _COUNT:
            raise ImageRefused(f"the image has more than {_COUNT} parts")
        default = OCI_INDEX if isinstance(listed, list) else MEDIA_TYPES[Format.OCI].manifest
        digest = digest_of(raw)
        manifests[digest] = (Descriptor(media_type or default, digest, len(raw)), raw)

    walk(top, _DEPTH)
    return Bundle(tuple(manifests.values()), tuple(blobs.items()))


def _single(blob: Callable[[Descriptor], bytes], descriptor: Descriptor) -> tuple[bytes]:
    return (blob(descriptor),)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ImageRefused("the manifest cannot be read", reason=f"it is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise ImageRefused("the manifest cannot be read", reason="it is not a JSON object")
    return body
