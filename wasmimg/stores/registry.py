"""Images in a registry, by the distribution spec.

Source: distribution-spec, "Pulling manifests", "Pushing blobs", "Pushing manifests".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TypeVar
from urllib.parse import quote

from wasmimg.errors import ImageRefused, NetworkFailed, WasmimgError
from wasmimg.events import Event, Tell
from wasmimg.image.manifest import MANIFEST_LIMIT, Descriptor, Image, digest_of
from wasmimg.image.media_types import DOCKER_INDEX, MEDIA_TYPES, OCI_INDEX
from wasmimg.image.reference import Reference
from wasmimg.image.unpack import UNPACK_LIMIT
from wasmimg.retry import Policy, run
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import checked
from wasmimg.stores.transport import Transport

__all__ = ["Registry", "RegistryImage"]

T = TypeVar("T")
_ACCEPT = ", ".join([*(types.manifest for types in MEDIA_TYPES.values()), OCI_INDEX, DOCKER_INDEX])
_PUSH = "pull,push"


class Registry:
    """The repository of ``reference`` in its registry. Use it in a ``with`` block."""

    def __init__(
        self, reference: Reference, *, access: Access, environment: Mapping[str, str], policy: Policy, tell: Tell
    ) -> None:
        self.reference = reference
        self._transport = Transport(reference.registry, reference.repository, access, environment, policy.idle_timeout)
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
        location = self._repeat(self._begin_upload)
        with suppress(WasmimgError):  # the registry forgets the upload by itself
            self._transport.request("DELETE", location, doing="cancel an upload", actions=_PUSH, accept=range(400, 600))

    def push(self, image: Image, references: Iterable[Reference]) -> None:
        """Upload ``image`` and let every one of ``references`` (all in this repository) name it.

        The manifest goes last and byte for byte, so that a tag never points at something
        incomplete. Raises NotAllowed, NetworkFailed, ImageRefused.
        """
        self._upload(image.layer.digest, image.layer.size, lambda: image.layer.chunks)
        self._upload(image.config_digest, len(image.config), lambda: (image.config,))
        for reference in references:
            self._put_manifest(image, reference)

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
            expected = identifier if identifier.startswith("sha256:") else answer.headers.get("docker-content-digest")
            if expected and expected.startswith("sha256:") and expected != digest_of(answer.body):
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

    def _path(self, *parts: str) -> str:
        return "/".join(["/v2", self.reference.repository, *parts])

    def _repeat(self, work: Callable[[], T]) -> T:
        def on_retry(error: WasmimgError, pause: float) -> None:
            self._tell(
                Event("retry", f"{error.message}{f' ({error.reason})' if error.reason else ''}; again in {pause:.1f} s")
            )

        return run(work, self._policy, on_retry=on_retry)

    def _begin_upload(self) -> str:
        answer = self._transport.request(
            "POST", self._path("blobs", "uploads/"), doing=f"push {self.reference}", actions=_PUSH
        )
        location = answer.headers.get("location")
        if answer.status != 202 or not location:
            raise NetworkFailed(
                f"{self.reference.registry} did not begin an upload",
                reason=f"status {answer.status}, {'with' if location else 'without'} a Location",
            )
        return self._transport.resolve(location, answer.url)

    def _upload(self, digest: str, size: int, chunks: Callable[[], Iterable[bytes]]) -> None:
        def there() -> bool:
            answer = self._transport.request(
                "HEAD", self._path("blobs", digest), doing=f"push {self.reference}", actions=_PUSH, accept=(404,)
            )
            return answer.status == 200

        def send() -> None:
            location = self._begin_upload()  # anew each time: what is left of a broken upload is not known
            self._transport.request(
                "PUT",
                f"{location}{'&' if '?' in location else '?'}digest={quote(digest)}",
                doing=f"push {self.reference}",
                headers={"Content-Type": "application/octet-stream"},
                body=chunks,
                size=size,
                actions=_PUSH,
            )

        if not self._repeat(there):
            self._repeat(send)

    def _put_manifest(self, image: Image, reference: Reference) -> None:
        def work() -> None:
            answer = self._transport.request(
                "PUT",
                self._path("manifests", reference.identifier),
                doing=f"push {reference}",
                headers={"Content-Type": MEDIA_TYPES[image.format].manifest},
                body=lambda: (image.manifest,),
                size=len(image.manifest),
                actions=_PUSH,
            )
            stored = answer.headers.get("docker-content-digest")
            if stored and stored.startswith("sha256:") and stored != image.digest:
                raise ImageRefused(
                    f"{reference.registry} stored another manifest than was sent",
                    reason=f"{stored} instead of {image.digest}",
                )

        self._repeat(work)


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
