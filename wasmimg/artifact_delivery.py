"""Bringing an artifact where it shall be, and proving it there as its consumers read it."""

from __future__ import annotations

from collections.abc import Mapping

from wasmimg.consumers.fetcher import Shelf, fetch, has_fetcher
from wasmimg.delivery import Delivery, open_registry
from wasmimg.errors import ImageRefused
from wasmimg.events import Event, Tell
from wasmimg.image.artifact import Artifact
from wasmimg.image.media_types import Format
from wasmimg.image.reference import by_repository
from wasmimg.image.shape import Shape
from wasmimg.readback import refusal
from wasmimg.stores.opened import LocalImage, OpenedImage

__all__ = ["deliver_artifact"]


def deliver_artifact(artifact: Artifact, delivery: Delivery, environment: Mapping[str, str], tell: Tell) -> Shape:
    """Prove ``artifact``, write it to every output, push it if that is asked, and prove it in each place.

    Raises a WasmimgError in its class.
    """
    bundle = artifact.bundle
    top, raw = bundle.manifests[-1]
    blobs = {digest: b"".join(content.chunks()) for digest, content in bundle.blobs}
    _prove(LocalImage("the artifact", True, raw, blobs), artifact, delivery)
    for output in delivery.outputs:
        tell(Event("step", f"write {output}"))
        output.write(bundle, delivery.references)
        _prove(output.open(delivery.references), artifact, delivery)
    for references in by_repository(delivery.references) if delivery.push else ():
        tell(Event("step", f"push {', '.join(map(str, references))}"))
        with open_registry(references[0], delivery, environment, tell) as registry:
            for digest, content in bundle.blobs:
                registry.put_blob(digest, content.size, content.chunks)
            for reference in references:
                registry.put_manifest(raw, top.media_type, reference)
        tell(Event("step", "read it back"))
        for reference in references:
            with open_registry(reference, delivery, environment, tell) as registry:
                _prove(registry.open(), artifact, delivery)
    return Shape(
        Format.OCI,
        top.digest,
        artifact.module_digest,
        artifact.module_size,
        "",
        artifact.module_digest,
        artifact.module_size,
    )


def _prove(opened: OpenedImage, artifact: Artifact, delivery: Delivery) -> None:
    """Every chosen consumer takes the very module from what stands there; raises ImageRefused."""
    if opened.top() != artifact.bundle.manifests[-1][1]:
        raise ImageRefused(f"{opened.where} is not what was put there")
    shelf = Shelf(opened)
    for consumer in filter(has_fetcher, delivery.consumers):
        fetched = fetch(shelf, consumer)
        if not fetched.verdict.accepted:
            raise refusal(opened.where, fetched.verdict)
        if fetched.layer is None or fetched.layer.digest != artifact.module_digest:
            raise ImageRefused(f"{consumer.title} would take something else from {opened.where} than the module")
