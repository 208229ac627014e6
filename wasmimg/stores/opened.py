"""One way to read an image, wherever it lies."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from wasmimg.errors import ImageRefused
from wasmimg.image.manifest import Descriptor, digest_of

__all__ = ["LocalImage", "OpenedImage", "RawManifest", "checked", "named_media_type"]


class RawManifest(NamedTuple):
    """A manifest as it is served, compared with nothing: the media type it is served under, and its bytes."""

    media_type: str
    data: bytes


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

    def raw_manifest(self, digest: str) -> RawManifest | None:
        """The manifest ``digest``, or the one of the reference for ``""``, compared with nothing; None for none.

        Only who judges what others would make of it reads so.
        """
        ...

    def raw_blob(self, digest: str) -> bytes | None:
        """The bytes that stand for the blob ``digest``, compared with nothing; None for none.

        Raises ImageRefused for more than any proxy reads.
        """
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

    def raw_manifest(self, digest: str) -> RawManifest | None:
        """A manifest by digest, as it is."""
        data = self.blobs.get(digest) if digest else self.raw
        return None if data is None else RawManifest(named_media_type(data), data)

    def raw_blob(self, digest: str) -> bytes | None:
        """A blob by digest, as it is."""
        return self.blobs.get(digest)


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


def named_media_type(data: bytes) -> str:
    """The ``mediaType`` that a manifest gives itself, which is what a push serves it under; else an empty one."""
    import json

    try:
        return str(json.loads(data)["mediaType"] or "")
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
