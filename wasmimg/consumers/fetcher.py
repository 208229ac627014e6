"""What the fetchers of the proxies do with an image, restated.

Istio's (pkg/wasm/imagefetcher.go) is the model; Envoy Gateway (internal/wasm) and Higress
(its fork of Istio) ported it. They differ in releases and limits, not in steps: resolve an
index to linux/amd64, branch on the manifest's own media type, take the last layer, require
its exact media type, gunzip, take the first entry with the base name plugin.wasm, look at
its first four bytes.
"""

from __future__ import annotations

import json
import posixpath
from typing import NamedTuple

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import Manifest, parse_descriptor, parse_manifest
from wasmimg.image.media_types import MEDIA_TYPES, Format, is_index
from wasmimg.image.unpack import GZIP_MAGIC, gunzip, list_entries
from wasmimg.module.reader import MAGIC
from wasmimg.module.rules import TAR_LIMIT
from wasmimg.stores.opened import OpenedImage

__all__ = ["Verdict", "judge"]

# The second variant, an OCI artifact of two layers (wasm-oci-image-spec, spec.md).
_ARTIFACT_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
_INDEX_DEPTH = 5


class Verdict(NamedTuple):
    """What a consumer says of an image: ``words`` are its own when it refuses."""

    consumer: Consumer
    accepted: bool
    words: str = ""
    fix: str = ""


class _Refused(Exception):
    def __init__(self, words: str, fix: str) -> None:
        super().__init__(words)
        self.words = words
        self.fix = fix


def judge(
    opened: OpenedImage, consumers: tuple[Consumer, ...], *, tars: dict[str, bytes] | None = None
) -> tuple[Verdict, ...]:
    """The verdict of every consumer that has a fetcher; ``tars`` are layers unpacked already,
    by digest. Raises what reading the image raises."""
    known = {} if tars is None else tars
    verdicts = []
    for consumer in consumers:
        if consumer.name == "envoy":  # the proxy alone fetches no images
            continue
        try:
            _fetch(opened, consumer, known)
        except _Refused as refusal:
            verdicts.append(Verdict(consumer, False, refusal.words, refusal.fix))
        else:
            verdicts.append(Verdict(consumer, True))
    return tuple(verdicts)


def _fetch(opened: OpenedImage, consumer: Consumer, tars: dict[str, bytes]) -> None:
    manifest = _resolve(opened)
    # Istio before 1.16 wants exactly one layer, later releases take the last one (istio#40647).
    release = consumer.release_number()
    single = consumer.name == "istio" and release is not None and release < (1, 16)
    if manifest.format is Format.DOCKER:
        module = _compat(opened, manifest, single, tars)
    else:
        try:
            module = _compat(opened, manifest, single, tars)
        except _Refused as compat:
            try:
                module = _artifact(opened, manifest)
            except _Refused as artifact:
                raise _Refused(
                    "the given image is in invalid format as an OCI image: 2 errors occurred: "
                    f"* could not parse as compat variant: {compat.words} * could not parse as oci variant: {artifact.words}",
                    compat.fix,
                ) from None
    if len(module) < 8 or bytes(module[:4]) != MAGIC:
        raise _Refused("fetched Wasm binary from URL is invalid", "put the module itself there, as a regular file")


def _resolve(opened: OpenedImage) -> Manifest:
    """The manifest that go-containerregistry takes: for linux/amd64 on every node."""
    raw = opened.top()
    for _ in range(_INDEX_DEPTH):
        try:
            body = json.loads(raw)
        except (ValueError, RecursionError):
            raise _Refused("could not parse the manifest", "build the image again") from None
        media_type = body.get("mediaType", "") if isinstance(body, dict) else ""
        if not isinstance(body, dict) or not (is_index(str(media_type)) or "manifests" in body):
            break
        children = body.get("manifests")
        for child in children if isinstance(children, list) else []:
            platform = (
                (child.get("platform") or {"os": "linux", "architecture": "amd64"}) if isinstance(child, dict) else {}
            )
            if platform.get("os") == "linux" and platform.get("architecture") == "amd64":
                raw = opened.manifest(parse_descriptor(child).digest)
                break
        else:
            raise _Refused(
                f"could not fetch Wasm OCI image: could not fetch image: no child with platform linux/amd64 in index {opened.where}",
                "build for one platform, linux/amd64: a module runs on every architecture",
            )
    try:
        return parse_manifest(raw)
    except ImageRefused as error:
        raise _Refused(error.reason or error.message, "build the image again") from None


def _compat(opened: OpenedImage, manifest: Manifest, single: bool, tars: dict[str, bytes]) -> memoryview:
    layers = manifest.layers
    if not layers or (single and len(layers) != 1):
        raise _Refused(
            f"number of layers must be {'' if single else 'greater than or equal to '}1 but got {len(layers)}",
            "one COPY, one layer",
        )
    layer, wanted = layers[-1], MEDIA_TYPES[manifest.format].layer
    if layer.media_type != wanted:
        raise _Refused(
            f"invalid media type {layer.media_type} (expect {wanted})",
            "compress the layer with gzip, and let manifest and layer be of one format",
        )
    if layer.digest not in tars:
        blob = opened.blob(layer)
        if not blob.startswith(GZIP_MAGIC):
            raise _Refused("failed to parse layer as tar.gz: gzip: invalid header", "compress the layer with gzip")
        try:
            tars[layer.digest] = gunzip(blob, strict=False)
        except ImageRefused as error:
            raise _Refused(
                f"failed to parse layer as tar.gz: {error.reason or error.message}", "build the image again"
            ) from None
    tar = tars[layer.digest]
    try:
        entries = list_entries(tar, strict=False)
    except ImageRefused as error:
        raise _Refused(
            f"failed to parse layer as tar.gz: {error.reason or error.message}", "build the image again"
        ) from None
    for entry in entries:
        if posixpath.basename(entry.name.rstrip("/")) == ENTRY_NAME:
            size = entry.size if entry.regular else 0
            if entry.start + size > min(len(tar), TAR_LIMIT):
                raise _Refused(
                    f"failed to read {ENTRY_NAME}: unexpected EOF",
                    "a proxy reads 256 MiB of the unpacked layer: make the module smaller",
                )
            return memoryview(tar)[entry.start : entry.start + size]
    raise _Refused(f"{ENTRY_NAME} not found in the archive", f"call the module {ENTRY_NAME} in the image")


def _artifact(opened: OpenedImage, manifest: Manifest) -> memoryview:
    if len(manifest.layers) != 2:
        raise _Refused(f"number of layers must be 2 but got {len(manifest.layers)}", "")
    for layer in manifest.layers:
        if layer.media_type == _ARTIFACT_LAYER:
            return memoryview(opened.blob(layer))
    raise _Refused(f"could not find the layer of type {_ARTIFACT_LAYER}", "")
