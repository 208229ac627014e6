"""Images in one tar file: ``oci-archive`` and ``docker-archive``.

Sources: image-spec image-layout.md (a layout in a tar); moby image/spec, "docker save"
(manifest.json names the config and the layers).
"""

from __future__ import annotations

import errno
import json
import os
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmimg.errors import FileSystemFailed, ImageRefused, UsageError
from wasmimg.image.bundle import Bundle, Content, bundle_of, content_of
from wasmimg.image.layer import compress_tar, tar_header
from wasmimg.image.manifest import Image, canonical_json, digest_of, write_manifest
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference
from wasmimg.image.unpack import GZIP_MAGIC, UNPACK_LIMIT
from wasmimg.stores.files import check_parent, file_system, write_whole
from wasmimg.stores.layout import LayoutImage, index_of, layout_files, pick
from wasmimg.stores.opened import LocalImage

if TYPE_CHECKING:
    import tarfile

__all__ = [
    "archive_kind",
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
        check_parent(file, "the archive")
        return
    if not os.path.isfile(file):
        raise FileSystemFailed(
            f"{file} is in the way: an archive is a file, and that is none", hint="name another file"
        )
    with file_system(f"{file} cannot be read"):
        empty = file.stat().st_size == 0
    if not empty and archive_kind(file) is None:
        raise FileSystemFailed(
            f"{file} is in the way: it is no archive of images, and will not be overwritten",
            hint="remove it, or name another file",
        )


def write_oci_archive(file: Path, image: Image | Bundle, names: list[str | None]) -> None:
    """Write ``image`` as an OCI layout in a tar; raises FileSystemFailed."""
    check_archive_target(file)
    bundle = bundle_of(image) if isinstance(image, Image) else image
    with file_system(f"the archive {file} cannot be written"):
        write_whole(file, _tar(layout_files(bundle, names)))


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
    files = ((config, (image.config,)), (layer, image.layer.chunks), ("manifest.json", (listing,)))
    return _tar([(name, content_of(*chunks)) for name, chunks in files])


def _tar(files: list[tuple[str, Content]]) -> Iterator[bytes]:
    for name, content in files:
        yield tar_header(name, content.size, 0)
        yield from content.chunks()
        yield b"\0" * (-content.size % 512)
    yield b"\0" * 1024


class _Archive:
    """Random access to the files of a tar, compressed or not. Use it in a ``with`` block."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._members: dict[str, tarfile.TarInfo] = {}

    def __enter__(self) -> _Archive:
        import tarfile

        with ExitStack() as files:
            with self._reading():
                # tarfile itself leaves a file open that it fails on.
                stream = files.enter_context(open(self.file, "rb"))
                self._tar = files.enter_context(tarfile.open(fileobj=stream, mode="r:*"))
                while (member := self._tar.next()) is not None:
                    if self._tar.offset <= member.offset:  # a negative size: this header would be read for ever
                        raise ValueError(f"{member.name} has a negative size")
                    self._members[posixpath.normpath(member.name)] = member
            self._files = files.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        import lzma
        import tarfile
        import zlib

        damage = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError)
        # A header that claims exabytes, or a chain of thousands of them, drives tarfile to these.
        excess = (OverflowError, MemoryError, RecursionError)
        try:
            with file_system(f"the archive {self.file} cannot be read"):
                try:
                    yield
                except OSError as error:
                    # gzip and bz2 give no errno for data that are not theirs; EINVAL is a seek to where no file reaches
                    if error.errno not in (None, errno.EINVAL):
                        raise
                    raise ValueError(error.strerror or error) from None
        except (*damage, *excess) as error:
            raise ImageRefused(f"{self.file} is no sound tar archive", reason=str(error) or None) from None

    def read(self, name: str, limit: int = UNPACK_LIMIT) -> bytes:
        """The file ``name`` of at most ``limit`` bytes; links inside the archive are followed."""
        member = self._members.get(name)
        for _ in self._members:  # more links than members lead in a circle
            if member is None or not (member.issym() or member.islnk()):  # docker save links equal layers
                break
            folder = posixpath.dirname(member.name) if member.issym() else ""
            member = self._members.get(posixpath.normpath(posixpath.join(folder, member.linkname)))
        if member is None or not member.isreg():
            raise ImageRefused(f"the archive {self.file} lacks {name}")
        if member.size > limit:
            raise ImageRefused(f"{name} in {self.file} has {member.size} bytes, more than any proxy reads")
        with self._reading():
            stream = self._tar.extractfile(member)
            data = stream.read() if stream else b""
        if len(data) != member.size:
            raise ImageRefused(f"the archive {self.file} is cut short")
        return data

    def holds(self, name: str) -> bool:
        """Whether there is something called ``name``."""
        return name in self._members

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name, _SMALL))
        except (ValueError, RecursionError) as error:
            raise ImageRefused(f"{name} in {self.file} is no JSON", reason=str(error)) from None


def archive_kind(file: Path) -> str | None:
    """``docker-archive`` or ``oci-archive``, if ``file`` is one; None for everything else.

    What docker save writes since 25.0 is both, and the layout in it is not as a push would make it.
    """
    try:
        with _Archive(file) as archive:
            kinds = {"manifest.json": "docker-archive", "index.json": "oci-archive"}
            return next((kind for name, kind in kinds.items() if archive.holds(name)), None)
    except ImageRefused:
        return None


def open_oci_archive(file: Path, name: str | None) -> LayoutImage:
    """The image called ``name`` in the archive, or the only one; raises ImageRefused."""
    with _Archive(file) as archive:
        raw = archive.read("index.json", _SMALL)
    where = f"oci-archive:{file}"
    return LayoutImage(where, pick(index_of(raw, where), name, where), partial(_read_blob, file))


def _read_blob(file: Path, digest: str, _size: int | None) -> bytes | None:
    name = "blobs/" + digest.replace(":", "/", 1)
    with _Archive(file) as archive:
        return archive.read(name) if archive.holds(name) else None


class _Saved(NamedTuple):
    """An entry of manifest.json in a docker-archive: files of the archive, and the image's names."""

    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]

    def is_called(self, name: str) -> bool:
        """Whether ``name`` is one of its names, however the registry and the tag are left out."""
        return name in self.tags or _in_full(name) in map(_in_full, self.tags)


def _in_full(name: str) -> str:
    try:
        return parse_reference(name).name
    except UsageError:
        return name


def _saved_images(listing: Any, where: str) -> list[_Saved]:
    """The entries of a manifest.json; raises ImageRefused."""
    found = []
    for one in listing if isinstance(listing, list) else [None]:
        fields = one if isinstance(one, dict) else {}
        config, layers, tags = fields.get("Config"), fields.get("Layers"), fields.get("RepoTags") or []
        if (
            not isinstance(config, str)
            or not isinstance(layers, list)
            or not isinstance(tags, list)
            or not all(isinstance(word, str) for word in (*layers, *tags))
        ):
            raise ImageRefused(f"the manifest.json of {where} is malformed")
        found.append(_Saved(config, tuple(layers), tuple(tags)))
    return found


def open_docker_archive(file: Path, name: str | None = None) -> LocalImage:
    """The image of a docker-archive as a push would make it: Docker v2s2, layers gzipped.

    Takes what docker save, podman save, buildah and skopeo write. Raises ImageRefused.
    """
    where = f"docker-archive:{file}"
    with _Archive(file) as archive:
        images = _saved_images(archive.json("manifest.json"), where)
        found = [one for one in images if name is None or one.is_called(name)]
        if len(found) != 1:
            known = ", ".join(tag for one in images for tag in one.tags)
            raise ImageRefused(
                f"{where} holds {len(found)} images" + (f" called {name}" if name else ""),
                hint=f"name one of {known}: {where}:REF" if known else None,
            )
        config = archive.read(found[0].config, _SMALL)
        layers = [archive.read(layer) for layer in found[0].layers]
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
