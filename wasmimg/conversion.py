"""Making a right image of whatever holds one module, and saying what was mended."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.checking import check_data, refusal_of
from wasmimg.delivery import Delivery, deliver
from wasmimg.errors import ImageRefused, UsageError
from wasmimg.events import Event, Tell, silent
from wasmimg.image.artifact import Artifact, build_artifact
from wasmimg.image.finding import FoundModule, find_modules, the_one_module
from wasmimg.image.layer import ENTRY_NAME, build_layer
from wasmimg.image.manifest import (
    VARIANT_ANNOTATION,
    Image,
    ImageSpec,
    Manifest,
    build_image,
    parse_descriptor,
    parse_manifest,
)
from wasmimg.image.media_types import MEDIA_TYPES
from wasmimg.image.shape import Shape
from wasmimg.image.unpack import UNPACK_LIMIT
from wasmimg.readback import take_image
from wasmimg.stores.files import file_system
from wasmimg.stores.opened import OpenedImage
from wasmimg.stores.places import has_prefix, open_source

__all__ = ["Converted", "convert"]

# What buildah writes of the image that this one is built on; of a new image it is not true.
_BASE = "org.opencontainers.image.base."
_DEPTH = 5  # of indexes inside indexes


class Converted(NamedTuple):
    """The image that was made, and what had to be mended for it, one sentence each."""

    shape: Shape
    mended: tuple[str, ...]


def convert(
    source: str, delivery: Delivery, annotations: Mapping[str, str], environment: Mapping[str, str], tell: Tell = silent
) -> Converted:
    """Make a right image of the one module at SOURCE, and bring it where ``delivery`` says.

    SOURCE is an image anywhere and of any shape, a file (a module, an archive, a tar), or an
    http(s) URL of one. An image that has the one shape already keeps its layer and its config.
    Raises ImageRefused where there is no module or more than one, and ModuleRefused for one
    that no proxy loads.
    """
    if not delivery.push and not delivery.outputs:
        raise UsageError("nowhere to put the image", hint="name a REF to push it to, or -o oci:DIR")
    for output in delivery.outputs:
        output.check()
    with ExitStack() as stack:
        place = stack.enter_context(_on_this_machine(source, delivery, environment, tell))
        if not has_prefix(place) and os.path.isfile(place):
            image, mended = _from_file(Path(place), source, delivery, annotations)
        else:
            opening = open_source(
                place, access=delivery.access, environment=environment, policy=delivery.policy, tell=tell
            )
            image, mended = _from_image(stack.enter_context(opening), delivery, annotations)
        for text in mended:
            tell(Event("note", f"mended: {text}"))
        if isinstance(image, Artifact):
            from wasmimg.artifact_delivery import deliver_artifact

            return Converted(deliver_artifact(image, delivery, environment, tell), mended)
        shape = deliver(image, delivery, environment, tell)
    assert shape is not None
    return Converted(shape, mended)


@contextmanager
def _on_this_machine(source: str, delivery: Delivery, environment: Mapping[str, str], tell: Tell) -> Iterator[str]:
    """``source``; a URL is downloaded, and a file that is an archive gets its prefix."""
    from wasmimg.stores.download import download, is_url

    with ExitStack() as stack:
        place = source
        if is_url(source):
            import tempfile

            with file_system("no temporary folder can be made"):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wasmimg-"))
            place = f"{folder}/download"
            download(
                source,
                Path(place),
                access=delivery.access,
                environment=environment,
                policy=delivery.policy,
                tell=tell,
            )
        if not has_prefix(place) and os.path.isfile(place):
            from wasmimg.stores.archive import archive_kind

            kind = archive_kind(Path(place))
            place = f"{kind}:{place}" if kind else place
        yield place


def _from_file(
    file: Path, source: str, delivery: Delivery, annotations: Mapping[str, str]
) -> tuple[Image | Artifact, tuple[str, ...]]:
    with file_system(f"{file} cannot be read"), open(file, "rb") as stream:
        data = stream.read(UNPACK_LIMIT + 1)
    if len(data) > UNPACK_LIMIT:
        raise ImageRefused(f"{source} is larger than what any proxy reads")
    found = the_one_module(find_modules([data]), source)
    packed = " in ".join(filter(None, (found.compression, f"the file {found.path}" if found.path else "")))
    mended = f"packed {source}, which is a module" + (f" ({packed})" if packed else "")
    return _image(found, delivery, annotations, {}), (mended,)


def _from_image(
    opened: OpenedImage, delivery: Delivery, annotations: Mapping[str, str]
) -> tuple[Image | Artifact, tuple[str, ...]]:
    unlike = ["the module alone was taken, for an artifact of two layers"]
    if not delivery.artifact:
        try:
            image = take_image(opened, delivery.format, annotations)
        except ImageRefused as error:
            unlike = (error.reason or error.message).splitlines()
        else:
            _check(the_one_module(find_modules([b"".join(image.layer.chunks)]), opened.where).data, delivery)
            return image, ()
    manifests = list(_manifests(opened, opened.top(), _DEPTH))
    pairs = [(one, manifest) for manifest in manifests for one in find_modules(_layers(opened, manifest))]
    chosen = the_one_module((one for one, _ in pairs), opened.where)
    manifest = next(manifest for one, manifest in pairs if one is chosen)
    kept = {
        key: value
        for key, value in manifest.annotations.items()
        if not key.startswith(_BASE) and key != VARIANT_ANNOTATION
    }
    packed = _image(chosen, delivery, {**kept, **annotations}, _labels(opened, manifest))
    if delivery.artifact:
        return packed, tuple(unlike)
    return packed, tuple(_mended(opened.top(), len(manifests), manifest, chosen)) or tuple(unlike)


def _manifests(opened: OpenedImage, raw: bytes, depth: int) -> Iterator[Manifest]:
    """Every manifest of an image: the one, or those that an index lists."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ImageRefused(f"the manifest of {opened.where} is no JSON", reason=str(error)) from None
    listed = body.get("manifests") if isinstance(body, dict) else None
    if not isinstance(listed, list):
        yield parse_manifest(raw)
        return
    if depth == 0:
        raise ImageRefused(f"{opened.where} has indexes more than {_DEPTH} deep")
    for child in listed:
        yield from _manifests(opened, opened.manifest(parse_descriptor(child).digest), depth - 1)


def _layers(opened: OpenedImage, manifest: Manifest) -> Iterator[bytes]:
    for layer in manifest.layers:
        # Attestations and signatures lie in layers too, and hold no module.
        yield b"" if layer.media_type == "application/vnd.in-toto+json" else opened.blob(layer)


def _labels(opened: OpenedImage, manifest: Manifest) -> dict[str, str]:
    try:
        labels: Any = json.loads(opened.blob(manifest.config))["config"]["Labels"]
    except (ImageRefused, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}


def _image(
    found: FoundModule, delivery: Delivery, annotations: Mapping[str, str], labels: Mapping[str, str]
) -> Image | Artifact:
    _check(found.data, delivery)
    if delivery.artifact:
        return build_artifact(
            found.data, {key: value for key, value in annotations.items() if key != VARIANT_ANNOTATION}
        )
    spec = ImageSpec(
        delivery.format, annotations=tuple(sorted(annotations.items())), labels=tuple(sorted(labels.items()))
    )
    return build_image(build_layer(found.data), spec)


def _check(module: memoryview, delivery: Delivery) -> None:
    what = "what is in there is not a module that a proxy loads"
    refusal = refusal_of(what, check_data(module, delivery.consumers))
    if refusal is not None:
        raise refusal


def _mended(top: bytes, manifests: int, manifest: Manifest, found: FoundModule) -> Iterator[str]:
    """What was not as proxies want it, in the order in which they look."""
    if top != manifest.raw:
        yield f"it was an index of {manifests} manifest{'s' if manifests > 1 else ''}, and is one image"
    if len(manifest.layers) > 1:
        yield f"of {len(manifest.layers)} layers, number {found.layer} holds the module, and is the only one now"
    layer = manifest.layers[found.layer - 1]
    if not found.path:
        yield f"the layer was the module itself ({layer.media_type}), and is a tar with {ENTRY_NAME} in it"
        return
    if found.compression != "gzip":
        yield f"the layer was {'compressed with ' + found.compression if found.compression else 'not compressed'}, and is gzip"
    if layer.media_type != MEDIA_TYPES[manifest.format].layer:
        yield f"the layer was called {layer.media_type}, and has the type that goes with its manifest"
    if found.path != ENTRY_NAME:
        yield f"the module was called {found.path}, and is {ENTRY_NAME}"
