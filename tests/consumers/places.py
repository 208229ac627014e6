"""Images that lie nowhere, for judging."""

from __future__ import annotations

from integration.registry.shapes import Parts
from wasmimg.image.manifest import Descriptor
from wasmimg.stores.opened import RawManifest, checked


class Place:
    """``parts`` as a registry would serve them, counting what is read."""

    wire = True

    def __init__(self, parts: Parts, where: str = "docker://r.io/acme/plugin:v1") -> None:
        self.parts = parts
        self.where = where
        self.read: list[str] = []

    def raw_manifest(self, digest: str) -> RawManifest | None:
        self.read.append(digest or "top")
        found = self.parts.manifests.get(digest or self.parts.top)
        return None if found is None else RawManifest(*found)

    def raw_blob(self, digest: str) -> bytes | None:
        self.read.append(digest)
        return self.parts.blobs.get(digest)

    def top(self) -> bytes:
        return self.manifest(self.parts.top)

    def manifest(self, digest: str) -> bytes:
        return checked(self.parts.manifests[digest][1], digest, None, self.where)

    def blob(self, descriptor: Descriptor) -> bytes:
        return checked(self.parts.blobs.get(descriptor.digest), descriptor.digest, descriptor.size, self.where)
