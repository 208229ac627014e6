"""Images in a registry, by the distribution spec.

Source: distribution-spec, "Pulling manifests", "Pushing blobs", "Pushing manifests".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TypeVar

from wasmimg.errors import ImageRefused, UsageError, WasmimgError
from wasmimg.events import Tell, told_retries
from wasmimg.image.manifest import MANIFEST_LIMIT, Descriptor, Image, digest_of
from wasmimg.image.media_types import DOCKER_INDEX, MEDIA_TYPES, OCI_INDEX
from wasmimg.image.reference import Reference
from wasmimg.image.unpack import UNPACK_LIMIT
from wasmimg.retry import Policy, run
from wasmimg.stores.answer import Answer
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import RawManifest, checked
from wasmimg.stores.transport import Transport
from wasmimg.stores.uploads import PUSH, Blob, Progress, Uploads

__all__ = ["Registry", "RegistryImage"]

T = TypeVar("T")
_ACCEPT = ", ".join([*(types.manifest for types in MEDIA_TYPES.values()), OCI_INDEX, DOCKER_INDEX])


class Registry:
    """The repository of ``reference`` in its registry. Use it in a ``with`` block.

    ``progress`` hears how much of each blob has been sent.
    """

    def __init__(
        self,
        reference: Reference,
        *,
        access: Access,
        environment: Mapping[str, str],
        policy: Policy,
        tell: Tell,
        progress: Progress | None = None,
    ) -> None:
        self.reference = reference
        self._transport = Transport(reference.registry, reference.repository, access, environment, policy.idle_timeout)
        self._uploads = Uploads(self._transport, str(reference), progress)
        self._policy = policy
        self._tell = tell

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._transport.close()

    def check_push(self) -> None:
        """Ask whether we may push, without leaving anything; raises NotAllowed if not.

        An upload is begun and cancelled: only a write shows whether a write is allowed.
        """
        location = self._repeat(self._uploads.begin)
        with suppress(WasmimgError):  # the registry forgets the upload by itself
            self._uploads.cancel(location)

    def push(self, image: Image, references: Iterable[Reference]) -> None:
        """Upload ``image`` and let every one of ``references`` (all in this repository) name it.

        The manifest goes last and byte for byte, so that a tag never points at something
        incomplete. Raises NotAllowed, NetworkFailed, ImageRefused.
        """
        self.put_blob(image.layer.digest, image.layer.size, lambda: image.layer.chunks)
        self.put_blob(image.config_digest, len(image.config), lambda: (image.config,))
        for reference in references:
            self.put_manifest(image.manifest, MEDIA_TYPES[image.format].manifest, reference)

    def put_blob(
        self, digest: str, size: int, chunks: Callable[[], Iterable[bytes]], *, mount_from: str | None = None
    ) -> None:
        """Have the blob ``digest`` of ``size`` bytes in the repository, sending no more than that takes.

        ``chunks`` gives its bytes, anew for each attempt. ``mount_from`` is another repository of
        this registry that has the blob: it is taken from there if the registry can do that.
        Raises NotAllowed, NetworkFailed, ImageRefused.
        """
        source = "" if mount_from == self.reference.repository else mount_from or ""
        blob = Blob(digest, size, chunks)
        try:
            there = self._repeat(lambda: self._uploads.has(blob, source))
        except WasmimgError as error:
            if not source or getattr(error, "transient", False):
                raise
            source = ""  # perhaps it is only that one which we may not read
            there = self._repeat(lambda: self._uploads.has(blob))
        if not there and not (source and self._mount(blob, source)):
            self._repeat(lambda: self._uploads.send(blob))

    def put_manifest(self, raw: bytes, media_type: str, reference: Reference) -> str:
        """Store exactly the bytes ``raw`` under the digest of ``reference``, or else its tag; their digest.

        What the manifest names has to be there already. Raises UsageError for a reference with
        another digest, NotAllowed, NetworkFailed, ImageRefused.
        """
        digest = digest_of(raw)
        if reference.digest not in (None, digest):
            raise UsageError(
                f"{reference} cannot name another manifest than its own",
                reason=f"the one to be pushed has the digest {digest}",
                hint="push to a tag",
            )

        def work() -> None:
            answer = self._transport.request(
                "PUT",
                self._path("manifests", reference.identifier),
                doing=f"push {reference}",
                headers={"Content-Type": media_type},
                body=lambda: (raw,),
                size=len(raw),
                actions=PUSH,
            )
            stored = answer.digest()
            if stored and stored != digest:
                raise ImageRefused(
                    f"{reference.registry} stored another manifest than was sent",
                    reason=f"{stored} instead of {digest}",
                )

        self._repeat(work)
        return digest

    def open(self) -> RegistryImage:
        """The image that the reference names."""
        return RegistryImage(self, self.reference)

    def digest(self) -> str:
        """The digest of the manifest that the reference names now."""
        return digest_of(self.read_manifest(self.reference.identifier))

    def read_manifest(self, identifier: str) -> bytes:
        """The manifest behind a tag or digest, checked against the digests that are known."""

        def work() -> bytes:
            answer = self._transport.request(
                "GET",
                self._path("manifests", identifier),
                doing=f"read {self.reference}",
                headers={"Accept": _ACCEPT},
                limit=MANIFEST_LIMIT,
            )
            expected = identifier if identifier.startswith("sha256:") else answer.digest()
            if expected and expected != digest_of(answer.body):
                raise ImageRefused(
                    f"{self.reference.registry} sends a manifest that is not {expected}",
                    reason=f"its bytes are {digest_of(answer.body)}",
                )
            return answer.body

        return self._repeat(work)

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """A whole blob, checked against its digest and size."""
        where = f"docker://{self.reference}"
        if descriptor.size > UNPACK_LIMIT:
            raise ImageRefused(
                f"{where}: the blob {descriptor.digest} has {descriptor.size} bytes, more than any proxy reads"
            )

        def work() -> bytes:
            answer = self._transport.request(
                "GET",
                self._path("blobs", descriptor.digest),
                doing=f"read a blob of {self.reference}",
                limit=descriptor.size,
                accept=(404,),
            )
            return checked(None if answer.status == 404 else answer.body, descriptor.digest, descriptor.size, where)

        return self._repeat(work)

    def fetch(self, kind: str, identifier: str, limit: int, accept: tuple[int, ...] = ()) -> Answer:
        """A manifest or blob of at most ``limit`` bytes as it is served, compared with nothing."""
        doing, headers = f"read {self.reference}", {"Accept": _ACCEPT} if kind == "manifests" else {}
        url = self._path(kind, identifier)
        return self._repeat(
            lambda: self._transport.request("GET", url, doing=doing, headers=headers, limit=limit, accept=accept)
        )

    def _path(self, *parts: str) -> str:
        return "/".join(["/v2", self.reference.repository, *parts])

    def _mount(self, blob: Blob, source: str) -> bool:
        try:
            return self._repeat(lambda: self._uploads.mount(blob, source))
        except WasmimgError:  # then it is sent
            return False

    def _repeat(self, work: Callable[[], T]) -> T:
        return run(work, self._policy, on_retry=told_retries(self._tell))


class RegistryImage:
    """An image in a registry."""

    wire = True

    def __init__(self, registry: Registry, reference: Reference) -> None:
        self.where = f"docker://{reference}"
        self._registry = registry
        self._reference = reference

    def top(self) -> bytes:
        """The manifest or index behind the reference."""
        return self._registry.read_manifest(self._reference.identifier)

    def manifest(self, digest: str) -> bytes:
        """A manifest by digest."""
        return self._registry.read_manifest(digest)

    def blob(self, descriptor: Descriptor) -> bytes:
        """A blob by descriptor."""
        return self._registry.read_blob(descriptor)

    def raw_manifest(self, digest: str) -> RawManifest | None:
        """A manifest as it is served."""
        identifier, accept = (digest, (404,)) if digest else (self._reference.identifier, ())
        answer = self._registry.fetch("manifests", identifier, MANIFEST_LIMIT, accept)
        return None if answer.status == 404 else RawManifest(answer.headers.get("content-type", ""), answer.body)

    def raw_blob(self, digest: str) -> bytes | None:
        """A blob as it is served."""
        answer = self._registry.fetch("blobs", digest, UNPACK_LIMIT, (404,))
        return None if answer.status == 404 else answer.body
