"""One way to read an image, wherever it lies."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wasmimg.errors import ImageRefused
from wasmimg.image.manifest import Descriptor, digest_of

__all__ = ["LocalImage", "OpenedImage", "checked"]


class OpenedImage(Protocol):
    """An image that can be read.

    ``where`` is for messages. ``wire`` is False where the image has no wire format yet (a
    docker-archive): then it is read as a push would make it.
    """

    @property
    def where(self) -> str:
        """The place, as in ``oci:DIR``."""
        ...

    @property
    def wire(self) -> bool:
        """Whether the bytes are the ones that a consumer would read."""
        ...

    def top(self) -> bytes:
        """The manifest or index that the reference stands for."""
        ...

    def manifest(self, digest: str) -> bytes:
        """A manifest that an index names."""
        ...

    def blob(self, descriptor: Descriptor) -> bytes:
        """A whole blob, checked against its digest and size; raises ImageRefused."""
        ...


class LocalImage(NamedTuple):
    """An image whose parts are in memory already."""

    where: str
    wire: bool
    raw: bytes
    blobs: dict[str, bytes]

    def top(self) -> bytes:
        """The manifest."""
        return self.raw

    def manifest(self, digest: str) -> bytes:
        """A manifest by digest."""
        return checked(self.blobs.get(digest), digest, None, self.where)

    def blob(self, descriptor: Descriptor) -> bytes:
        """A blob by descriptor."""
        return checked(self.blobs.get(descriptor.digest), descriptor.digest, descriptor.size, self.where)


def checked(data: bytes | None, digest: str, size: int | None, where: str) -> bytes:
    """``data`` if it is what ``digest`` and ``size`` (bytes) promise; raises ImageRefused."""
    if data is None:
        raise ImageRefused(f"{where} lacks the blob {digest}", hint="the image is incomplete; build or copy it again")
    if size is not None and len(data) != size:
        raise ImageRefused(f"{where}: the blob {digest} has {len(data)} bytes, and its descriptor says {size}")
    if digest_of(data) != digest:
        raise ImageRefused(
            f"{where}: the blob {digest} is damaged", reason=f"its bytes have the digest {digest_of(data)}"
        )
    return data
