"""Bringing a finished image to where it shall be, and proving that it arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import NotAllowed, UsageError, WasmimgError
from wasmimg.events import Event, Tell, told_progress
from wasmimg.image.layer import Layer
from wasmimg.image.manifest import Image
from wasmimg.image.media_types import Format
from wasmimg.image.reference import Reference, by_repository
from wasmimg.image.shape import Shape
from wasmimg.readback import prove
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import LocalImage, OpenedImage
from wasmimg.stores.places import Output

if TYPE_CHECKING:
    from wasmimg.stores.registry import Registry

__all__ = ["Delivery", "check_access", "deliver", "open_registry", "read_pushed"]

# Whether a registry answers at all is asked more briefly than it is talked to later.
_PROBE_ATTEMPTS = 2
_PROBE_IDLE = 5.0  # seconds


class Delivery(NamedTuple):
    """Where an image shall be, for whom, and how registries may be reached; ``artifact`` asks for that variant."""

    format: Format
    references: tuple[Reference, ...] = ()
    push: bool = False
    outputs: tuple[Output, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    access: Access = Access()
    policy: Policy = Policy()
    artifact: bool = False


def deliver(image: Image, delivery: Delivery, environment: Mapping[str, str], tell: Tell) -> Shape | None:
    """Write ``image`` to every output, push it if that is asked, and prove it in each place.

    It is proven before that, too: what a chosen consumer would refuse replaces nothing. None
    when there was no place. Raises a WasmimgError in its class.
    """
    made = LocalImage(
        "the image",
        True,
        image.manifest,
        {image.layer.digest: b"".join(image.layer.chunks), image.config_digest: image.config},
    )
    tars: dict[str, bytes | memoryview] = {}
    _proven(made, delivery, image.layer.module_digest, image.layer, tars)
    shape: Shape | None = None
    for output in delivery.outputs:
        tell(Event("step", f"write {output}"))
        output.write(image, delivery.references)
        opened = output.open(delivery.references)
        shape = _proven(opened, delivery, image.layer.module_digest, image.layer, tars)
    if delivery.push:
        for references in by_repository(delivery.references):
            with open_registry(references[0], delivery, environment, tell) as registry:
                tell(Event("step", f"push {', '.join(map(str, references))}"))
                registry.push(image, references)
        shape = read_pushed(delivery, image.layer.module_digest, environment, tell, written=image.layer, tars=tars)
    return shape


def read_pushed(
    delivery: Delivery,
    module_digest: str | None,
    environment: Mapping[str, str],
    tell: Tell,
    *,
    written: Layer | None = None,
    tars: dict[str, bytes | memoryview] | None = None,
) -> Shape:
    """Read every reference back from its registry and prove what is there; raises ImageRefused."""
    tell(Event("step", "read it back"))
    shapes = []
    for references in by_repository(delivery.references):
        proven: Shape | None = None
        for reference in references:
            with open_registry(reference, delivery, environment, tell) as registry:
                # Further tags of a repository mostly name the very manifest that was proven.
                if proven is None or registry.digest() != proven.manifest_digest:
                    proven = _proven(registry.open(), delivery, module_digest, written, tars)
                shapes.append(proven)
    return shapes[0]


def _proven(
    opened: OpenedImage,
    delivery: Delivery,
    module_digest: str | None,
    written: Layer | None,
    tars: dict[str, bytes | memoryview] | None,
) -> Shape:
    return prove(
        opened,
        wanted=delivery.format,
        module_digest=module_digest,
        consumers=delivery.consumers,
        written=written,
        tars=tars,
    )


def check_access(delivery: Delivery, environment: Mapping[str, str], tell: Tell) -> bool:
    """Ask every registry whether we may push there, before an engine spends a minute on it.

    Raises NotAllowed, and UsageError for credentials that cannot be read. False when a registry
    cannot be asked from here; a daemon elsewhere may still reach it.
    """
    policy = delivery.policy
    brief = policy._replace(
        attempts=min(policy.attempts, _PROBE_ATTEMPTS), idle_timeout=min(policy.idle_timeout, _PROBE_IDLE)
    )
    asking = delivery._replace(policy=brief)
    reached = True
    for references in by_repository(delivery.references):
        with open_registry(references[0], asking, environment, tell) as registry:
            try:
                registry.check_push()
            except (NotAllowed, UsageError):
                raise
            except WasmimgError as error:
                tell(
                    Event(
                        "note",
                        f"{references[0].registry} could not be asked before the push: {error.reason or error.message}",
                    )
                )
                reached = False
    return reached


def open_registry(reference: Reference, delivery: Delivery, environment: Mapping[str, str], tell: Tell) -> Registry:
    """The repository of ``reference``."""
    from wasmimg.stores.registry import Registry

    return Registry(
        reference,
        access=delivery.access,
        environment=environment,
        policy=delivery.policy,
        tell=tell,
        progress=told_progress(tell, f"push {reference}"),
    )
