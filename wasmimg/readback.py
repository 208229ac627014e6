"""What was made, read back from where it went and proven."""

from __future__ import annotations

from collections.abc import Mapping

from wasmimg.consumers.fetcher import Verdict, judge
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused
from wasmimg.image.layer import Layer
from wasmimg.image.manifest import Image, Manifest, assemble, parse_manifest
from wasmimg.image.media_types import Format
from wasmimg.image.shape import Shape, prove_manifest, prove_shape
from wasmimg.image.unpack import check_members, gunzip, gunzip_members
from wasmimg.stores.opened import OpenedImage

__all__ = ["prove", "refusal", "take_image"]


def prove(
    opened: OpenedImage,
    *,
    wanted: Format | None,
    module_digest: str | None,
    consumers: tuple[Consumer, ...],
    written: Layer | None = None,
    tars: dict[str, bytes | memoryview] | None = None,
) -> Shape:
    """The shape of the image, which every one of ``consumers`` takes; raises ImageRefused.

    ``wanted`` is the format it must have on the wire; an image that has none there is not asked.
    ``written`` is the layer that was put there, if wasmimg did: where the same bytes come back
    and their gzip members are known, those are unpacked side by side. ``tars`` keeps what a layer
    unpacks to, by its digest, from one proof to the next.
    """
    manifest, config, blob = _parts(opened, wanted if opened.wire else None)
    if written is not None and manifest.layers[0].digest != written.digest:
        written = None
    tars = {} if tars is None else tars
    layer = manifest.layers[0].digest
    if layer not in tars:
        tars[layer] = _unpacked(blob, written)
    tar = tars[layer]
    shape = prove_shape(manifest, config, blob, tar, module_digest=module_digest, written=written)
    for verdict in judge(opened, consumers, tars={layer: tar}):
        if not verdict.accepted:
            raise refusal(opened.where, verdict)
    return shape


def _unpacked(blob: bytes, written: Layer | None) -> bytes | memoryview:
    if written is None or not written.members:
        return gunzip(blob)
    if written.tar is None:
        return gunzip_members(blob, written.members)
    check_members(blob, written.members, written.tar)
    return written.tar


def refusal(where: str, verdict: Verdict) -> ImageRefused:
    """The error for an image that a consumer refuses, in its own words."""
    return ImageRefused(
        f"{verdict.consumer.title} would refuse {where}", reason=verdict.words, hint=verdict.fix or None
    )


def take_image(
    opened: OpenedImage, form: Format, annotations: Mapping[str, str], *, module_digest: str | None = None
) -> Image:
    """The image that an engine left, in format ``form``.

    It stays byte for byte what the engine wrote where that has the format already; else its
    layer and config are kept and get a new manifest. Raises ImageRefused, also when the module in
    it is not the one of ``module_digest``.
    """
    manifest, config, blob = _parts(opened, None)
    shape = prove_shape(manifest, config, blob, gunzip(blob), module_digest=module_digest)
    layer = Layer((blob,), shape.layer_digest, shape.layer_size, shape.diff_id, shape.module_digest, shape.module_size)
    if opened.wire and manifest.format is form:
        return Image(form, manifest.raw, config, layer)
    return assemble(layer, config, form, annotations)


def _parts(opened: OpenedImage, wanted: Format | None) -> tuple[Manifest, bytes, bytes]:
    manifest = parse_manifest(opened.top())
    prove_manifest(manifest, wanted)
    return manifest, opened.blob(manifest.config), opened.blob(manifest.layers[0])
