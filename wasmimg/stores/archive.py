"""Images in one tar file: ``oci-archive`` and ``docker-archive``.

Sources: image-spec image-layout.md (a layout in a tar); moby image/spec, "docker save"
(manifest.json names the config and the layers).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wasmimg.errors import FileSystemFailed, ImageRefused
from wasmimg.image.layer import compress_tar, tar_header
from wasmimg.image.manifest import Descriptor, Image, canonical_json, digest_of, write_manifest
from wasmimg.image.media_types import Format
from wasmimg.image.unpack import GZIP_MAGIC
from wasmimg.stores.files import file_system, write_whole
from wasmimg.stores.layout import index_of, layout_files, pick
from wasmimg.stores.opened import LocalImage, checked

if TYPE_CHECKING:
    import tarfile

__all__ = [
    "check_archive_target",
    "docker_archive_chunks",
    "open_docker_archive",
    "open_oci_archive",
    "write_docker_archive",
    "write_oci_archive",
]

_SMALL = 4 * 1024 * 1024


def check_archive_target(file: Path) -> None:
    """Whether ``file`` may be written: it is not there, or an archive; raises FileSystemFailed."""
    if not os.path.lexists(file):
        if not file.parent.is_dir():
            raise FileSystemFailed(
                f"the folder {file.parent} for the archive does not exist", hint=f"mkdir -p {file.parent}"
            )
        return
    if not file.is_file():
        raise FileSystemFailed(
            f"{file} is in the way: an archive is a file, and that is none", hint="name another file"
        )
    with file_system(f"{file} cannot be read"), open(file, "rb") as stream:
        head = stream.read(512)
    if head and head[257:262] != b"ustar":
        raise FileSystemFailed(
            f"{file} is in the way: it is not an archive, and will not be overwritten",
            hint="remove it, or name another file",
        )


def write_oci_archive(file: Path, image: Image, names: list[str | None]) -> None:
    """Write ``image`` as an OCI layout in a tar; raises FileSystemFailed."""
    check_archive_target(file)
    with file_system(f"the archive {file} cannot be written"):
        write_whole(file, _tar(layout_files(image, names)))


def write_docker_archive(file: Path, image: Image, tags: list[str]) -> None:
    """Write ``image`` as ``docker load`` reads it, under ``tags``; raises FileSystemFailed."""
    check_archive_target(file)
    with file_system(f"the archive {file} cannot be written"):
        write_whole(file, docker_archive_chunks(image, tags))


def docker_archive_chunks(image: Image, tags: list[str]) -> Iterator[bytes]:
    """The bytes of a docker-archive; the layer in it stays compressed."""
    config = image.config_digest.removeprefix("sha256:") + ".json"
    layer = image.layer.digest.removeprefix("sha256:") + ".tar.gz"
    listing = canonical_json([{"Config": config, "Layers": [layer], "RepoTags": tags}])
    return _tar([(config, (image.config,)), (layer, image.layer.chunks), ("manifest.json", (listing,))])


def _tar(files: list[tuple[str, tuple[bytes, ...]]]) -> Iterator[bytes]:
    for name, chunks in files:
        size = sum(map(len, chunks))
        yield tar_header(name, size, 0)
        yield from chunks
        yield b"\0" * (-size % 512)
    yield b"\0" * 1024


class _Archive:
    """Random access to the files of a tar."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.members: dict[str, tarfile.TarInfo] = {}

    def __enter__(self) -> _Archive:
        import tarfile

        try:
            with file_system(f"the archive {self.file} cannot be read"):
                self._tar = tarfile.open(self.file, "r:*")
                self.members = {member.name.removeprefix("./"): member for member in self._tar.getmembers()}
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise ImageRefused(f"{self.file} is no tar archive", reason=str(error)) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._tar.close()

    def read(self, name: str, limit: int = 1 << 29) -> bytes:
        member = self.members.get(name)
        while member is not None and (member.issym() or member.islnk()):  # docker save links equal layers
            target = (
                member.linkname
                if member.islnk()
                else os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
            )
            member = self.members.get(target)
        if member is None or not member.isreg():
            raise ImageRefused(f"the archive {self.file} lacks {name}")
        if member.size > limit:
            raise ImageRefused(f"{name} in {self.file} has {member.size} bytes, more than any proxy reads")
        stream = self._tar.extractfile(member)
        data = stream.read() if stream else b""
        if len(data) != member.size:
            raise ImageRefused(f"the archive {self.file} is cut short")
        return data

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name, _SMALL))
        except (ValueError, RecursionError) as error:
            raise ImageRefused(f"{name} in {self.file} is no JSON", reason=str(error)) from None


def open_oci_archive(file: Path, name: str | None) -> LocalImage:
    """The image called ``name`` in the archive, or the only one; raises ImageRefused."""
    where = f"oci-archive:{file}"
    with _Archive(file) as archive:
        entry = pick(index_of(archive.read("index.json", _SMALL), where), name, where)
        raw = checked(archive.read(_blob(entry), _SMALL), entry.digest, entry.size, where)
        blobs = {
            f"sha256:{path.rpartition('/')[2]}": archive.read(path)
            for path, member in archive.members.items()
            if path.startswith("blobs/sha256/") and member.isreg()
        }
    return LocalImage(where, True, raw, blobs)


def _blob(descriptor: Descriptor) -> str:
    return "blobs/" + descriptor.digest.replace(":", "/", 1)


def open_docker_archive(file: Path, tag: str | None = None) -> LocalImage:
    """The image of a docker-archive as a push would make it: Docker v2s2, layers gzipped.

    Takes what docker save, podman save, buildah and skopeo write. Raises ImageRefused.
    """
    where = f"docker-archive:{file}"
    with _Archive(file) as archive:
        listing = archive.json("manifest.json")
        try:
            images = [one for one in listing if tag is None or tag in (one["RepoTags"] or [])]
            if len(images) != 1:
                raise ImageRefused(f"{where} holds {len(images)} images" + (f" called {tag}" if tag else ""))
            config = archive.read(images[0]["Config"], _SMALL)
            layers = [archive.read(layer) for layer in images[0]["Layers"]]
        except (KeyError, TypeError, AttributeError):
            raise ImageRefused(f"the manifest.json of {where} is malformed") from None
    return pushed_form(where, config, layers)


def pushed_form(where: str, config: bytes, layers: list[bytes]) -> LocalImage:
    """What a push makes of a config and its layers: a Docker v2s2 image."""
    blobs = {digest_of(config): config}
    described = []
    for data in layers:
        if not data.startswith(GZIP_MAGIC):
            data = b"".join(compress_tar(memoryview(data), memoryview(b"")).chunks)
        digest = digest_of(data)
        blobs[digest] = data
        described.append((digest, len(data)))
    return LocalImage(where, False, write_manifest(Format.DOCKER, config, described, {}), blobs)
