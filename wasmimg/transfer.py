"""Bringing an image somewhere else without changing a byte of it: ``push`` and ``copy``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.checking import check_data, refusal_of
from wasmimg.consumers.fetcher import Shelf, fetch, has_fetcher
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused
from wasmimg.events import Event, Tell, silent, told_progress
from wasmimg.image.bundle import Bundle, collect
from wasmimg.image.reference import Reference, by_repository, parse_reference
from wasmimg.readback import refusal
from wasmimg.retry import Policy
from wasmimg.stores.archive import write_oci_archive
from wasmimg.stores.credentials import Access
from wasmimg.stores.layout import write_layout
from wasmimg.stores.opened import OpenedImage
from wasmimg.stores.places import Output, named_output, open_source, registry_reference

if TYPE_CHECKING:
    from wasmimg.stores.registry import Registry

__all__ = ["Means", "copy", "push"]


class Means(NamedTuple):
    """What it takes to reach registries; ``tell`` hears what happens."""

    access: Access
    policy: Policy
    environment: Mapping[str, str]
    tell: Tell = silent

    def open_registry(self, reference: Reference) -> Registry:
        """The repository of ``reference``."""
        from wasmimg.stores.registry import Registry

        return Registry(
            reference,
            access=self.access,
            environment=self.environment,
            policy=self.policy,
            tell=self.tell,
            progress=told_progress(self.tell, f"push {reference}"),
        )


def push(
    source: str, references: tuple[Reference, ...], means: Means, *, consumers: tuple[Consumer, ...] = ()
) -> tuple[str, ...]:
    """Push the image at SOURCE as it is; the references, pinned to its manifest digest.

    What one of ``consumers`` would refuse, or would not load, is not pushed. Raises ImageRefused,
    ModuleRefused, and what reading and pushing raise.
    """
    with ExitStack() as stack:
        opened = _open(stack, source, means)
        _check(opened, source, references[0], consumers)
        bundle = collect(opened.top(), opened.manifest, opened.blob)
        for group in by_repository(references):
            _push(bundle, group, registry_reference(source), means)
    return tuple(reference.pinned(bundle.top.digest) for reference in references)


def copy(source: str, destination: str, folder: Path, means: Means) -> str:
    """Copy the image at SOURCE, an index with all that it lists, to DEST; the place, pinned.

    DEST is ``docker://REF``, ``oci:DIR[:NAME]`` or ``oci-archive:FILE[:NAME]``, or a REF. Raises
    UsageError for another one, and what reading and writing raise.
    """
    place = None if destination.startswith("docker://") else named_output(destination, folder)
    if place is not None:
        place.output.check()
    with ExitStack() as stack:
        opened = _open(stack, source, means)
        bundle = collect(opened.top(), opened.manifest, opened.blob)
        if place is not None:
            _write(bundle, place.output, place.name, means.tell)
            return f"{destination}@{bundle.top.digest}"
        reference = parse_reference(destination.removeprefix("docker://"))
        _push(bundle, (reference,), registry_reference(source), means)
        return reference.pinned(bundle.top.digest)


def _check(opened: OpenedImage, source: str, target: Reference, consumers: tuple[Consumer, ...]) -> None:
    shelf = Shelf(opened, source=source)
    module: memoryview | bytes | None = None
    for consumer in filter(has_fetcher, consumers):
        fetched = fetch(shelf, consumer)
        if not fetched.verdict.accepted:
            error = refusal(opened.where, fetched.verdict)
            error.hint = f"wasmimg convert {source} {target} makes a right image of it and pushes that"
            raise error
        module = fetched.module
    if consumers and module is None:  # for the proxy alone, which fetches nothing
        module = fetch(shelf, Consumer("istio")).module
    if module is not None:
        findings = check_data(memoryview(module), consumers)
        refused = refusal_of(f"what is in {opened.where} is not a module that a proxy loads", findings)
        if refused is not None:
            raise refused


def _open(stack: ExitStack, source: str, means: Means) -> OpenedImage:
    opening = open_source(
        source, access=means.access, environment=means.environment, policy=means.policy, tell=means.tell
    )
    opened = stack.enter_context(opening)
    if not opened.wire:
        means.tell(Event("note", f"{opened.where} has no wire format: it is taken as a push would make it"))
    return opened


def _push(bundle: Bundle, references: tuple[Reference, ...], origin: Reference | None, means: Means) -> None:
    """Push to ``references``, all of one repository: blobs, then manifests, and the tags last."""
    target = references[0]
    means.tell(Event("step", f"push {', '.join(map(str, references))}"))
    mount = origin.repository if origin is not None and origin.registry == target.registry else None
    with means.open_registry(target) as registry:
        for digest, content in bundle.blobs:
            registry.put_blob(digest, content.size, content.chunks, mount_from=mount)
        for descriptor, raw in bundle.manifests[:-1]:
            registry.put_manifest(raw, descriptor.media_type, target._replace(tag="", digest=descriptor.digest))
        top, raw = bundle.manifests[-1]
        for reference in references:
            registry.put_manifest(raw, top.media_type, reference)
    means.tell(Event("step", "read it back"))
    for reference in references:
        with means.open_registry(reference) as registry:
            found = registry.digest()
        if found != top.digest:
            raise ImageRefused(f"{reference} is not what was pushed", reason=f"{found} instead of {top.digest}")


def _write(bundle: Bundle, output: Output, name: str | None, tell: Tell) -> None:
    tell(Event("step", f"write {output}"))
    if output.kind == "oci":
        write_layout(output.path, bundle, name)
    else:
        write_oci_archive(output.path, bundle, [name])
