"""What an image or a module is, for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.image.finding import find_modules, the_one_module
from wasmimg.image.manifest import Manifest, digest_of, parse_descriptor, parse_manifest
from wasmimg.image.platform import DEFAULT_PLATFORM
from wasmimg.module.contents import Contents, read_contents
from wasmimg.module.file import open_module
from wasmimg.stores.opened import OpenedImage

__all__ = ["Child", "ImageFacts", "LayerFacts", "ModuleFacts", "inspect_file", "inspect_image"]


class ModuleFacts(NamedTuple):
    """A module: its digest, its path in the layer (empty for a file), and what is in it."""

    digest: str
    path: str
    contents: Contents


class LayerFacts(NamedTuple):
    """A layer as its descriptor says: media type, digest, size in bytes."""

    media_type: str
    digest: str
    size: int


class Child(NamedTuple):
    """An entry of an index: its manifest digest and its platform, empty where none is said."""

    digest: str
    platform: str


class ImageFacts(NamedTuple):
    """An image as it lies somewhere.

    ``index_digest`` and ``children`` are there for an index; then the rest is of the child for
    linux/amd64, which every proxy takes, or else of the first. ``module`` is None when there is
    not exactly one, and ``no_module`` then says why.
    """

    where: str
    wire: bool
    format: str
    media_type: str
    manifest_digest: str
    index_digest: str | None
    children: tuple[Child, ...]
    platform: str
    created: str
    labels: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...]
    layers: tuple[LayerFacts, ...]
    module: ModuleFacts | None
    no_module: str


def inspect_file(path: Path) -> ModuleFacts:
    """The facts of the module at ``path``; raises UsageError."""
    with open_module(path) as data:
        return ModuleFacts(digest_of(data), "", read_contents(data))


def inspect_image(opened: OpenedImage) -> ImageFacts:
    """The facts of an image; raises ImageRefused, and what reading it raises."""
    raw = opened.top()
    children = _children(raw)
    index_digest = digest_of(raw) if children is not None else None
    if children is not None:
        if not children:
            raise ImageRefused(f"{opened.where} is an index that lists nothing")
        wanted = next((one for one in children if one.platform == str(DEFAULT_PLATFORM)), children[0])
        raw = opened.manifest(wanted.digest)
    manifest = parse_manifest(raw)
    config = _config(opened, manifest)
    inner = config.get("config")
    labels = inner.get("Labels") if isinstance(inner, dict) else None
    module, no_module = _module(opened, manifest)
    return ImageFacts(
        where=opened.where,
        wire=opened.wire,
        format=str(manifest.format),
        media_type=manifest.media_type,
        manifest_digest=manifest.digest,
        index_digest=index_digest,
        children=tuple(children or ()),
        platform=_platform(config),
        created=str(config.get("created") or ""),
        labels=tuple((str(key), str(value)) for key, value in labels.items()) if isinstance(labels, dict) else (),
        annotations=tuple(manifest.annotations.items()),
        layers=tuple(LayerFacts(*one) for one in manifest.layers),
        module=module,
        no_module=no_module,
    )


def _children(raw: bytes) -> list[Child] | None:
    try:
        listed = json.loads(raw).get("manifests")
    except (ValueError, AttributeError, RecursionError):
        return None
    if not isinstance(listed, list):
        return None
    return [Child(parse_descriptor(one).digest, _platform(one.get("platform"))) for one in listed]


def _platform(value: Any) -> str:
    fields = value if isinstance(value, dict) else {}
    return "/".join(str(fields[key]) for key in ("os", "architecture", "variant") if fields.get(key))


def _config(opened: OpenedImage, manifest: Manifest) -> dict[str, Any]:
    try:
        config = json.loads(opened.blob(manifest.config))
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _module(opened: OpenedImage, manifest: Manifest) -> tuple[ModuleFacts | None, str]:
    try:
        found = the_one_module(find_modules(map(opened.blob, manifest.layers)), opened.where)
    except ImageRefused as error:
        return None, error.message
    return ModuleFacts(found.digest, found.path, read_contents(found.data)), ""
