"""Images in one tar file: ``oci-archive`` and ``docker-archive``.

Sources: image-spec image-layout.md (a layout in a tar); moby image/spec, "docker save"
(manifest.json names the config and the layers).
"""

from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from wasmimg.errors import FileSystemFailed, ImageRefused, UsageError
from wasmimg.image.layer import compress_tar, tar_header
from wasmimg.image.manifest import Descriptor, Image, canonical_json, digest_of, write_manifest
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference
from wasmimg.image.unpack import GZIP_MAGIC, UNPACK_LIMIT
from wasmimg.stores.files import file_system, write_whole
from wasmimg.stores.layout import index_of, layout_files, pick
from wasmimg.stores.opened import LocalImage, OpenedImage, checked

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
                    if member.size < 0:  # the next header would be looked for before this one, for ever
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

        try:
            yield
        except (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
            raise ImageRefused(f"{self.file} is no sound tar archive", reason=str(error)) from None
        except OSError as error:
            if error.errno is None:  # how gzip and bz2 name data that are not theirs
                raise ImageRefused(f"{self.file} is no sound tar archive", reason=str(error)) from None
            with file_system(f"the archive {self.file} cannot be read"):
                raise

    def read(self, name: str, limit: int = UNPACK_LIMIT) -> bytes:
        """The file ``name`` of at most ``limit`` bytes; links inside the archive are followed."""
        member, hops = self._members.get(name), 0
        while member is not None and (member.issym() or member.islnk()):  # docker save links equal layers
            folder = posixpath.dirname(member.name) if member.issym() else ""
            hops += 1
            target = posixpath.normpath(posixpath.join(folder, member.linkname))
            member = self._members.get(target) if hops <= len(self._members) else None
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

    def read_blob(self, digest: str) -> bytes | None:
        """The blob of an OCI layout, not yet checked; None where there is none."""
        name = "blobs/" + digest.replace(":", "/", 1)
        return self.read(name) if name in self._members else None

    def json(self, name: str) -> Any:
        try:
            return json.loads(self.read(name, _SMALL))
        except (ValueError, RecursionError) as error:
            raise ImageRefused(f"{name} in {self.file} is no JSON", reason=str(error)) from None


class _OciArchiveImage:
    """One image of an OCI archive; each blob is read when it is asked for."""

    wire = True

    def __init__(self, file: Path, entry: Descriptor) -> None:
        self.where = f"oci-archive:{file}"
        self._file = file
        self._entry = entry

    def top(self) -> bytes:
        """The manifest or index of the entry."""
        return self._read(self._entry.digest, self._entry.size)

    def manifest(self, digest: str) -> bytes:
        """A manifest by digest."""
        return self._read(digest, None)

    def blob(self, descriptor: Descriptor) -> bytes:
        """A blob by descriptor."""
        return self._read(descriptor.digest, descriptor.size)

    def _read(self, digest: str, size: int | None) -> bytes:
        with _Archive(self._file) as archive:
            return checked(archive.read_blob(digest), digest, size, self.where)


def open_oci_archive(file: Path, name: str | None) -> OpenedImage:
    """The image called ``name`` in the archive, or the only one; raises ImageRefused."""
    with _Archive(file) as archive:
        raw = archive.read("index.json", _SMALL)
    where = f"oci-archive:{file}"
    return _OciArchiveImage(file, pick(index_of(raw, where), name, where))


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


def _saved_images(listing: Any) -> list[_Saved] | None:
    """The entries of a manifest.json; None when it is malformed."""

    if not isinstance(listing, list):
        return None
    found = []
    for one in listing:
        fields = one if isinstance(one, dict) else {}
        config, layers, tags = fields.get("Config"), fields.get("Layers"), fields.get("RepoTags") or []
        if not isinstance(config, str) or not isinstance(layers, list) or not isinstance(tags, list):
            return None
        if not all(isinstance(word, str) for word in (*layers, *tags)):
            return None
        found.append(_Saved(config, tuple(layers), tuple(tags)))
    return found


def open_docker_archive(file: Path, name: str | None = None) -> LocalImage:
    """The image of a docker-archive as a push would make it: Docker v2s2, layers gzipped.

    Takes what docker save, podman save, buildah and skopeo write. Raises ImageRefused.
    """
    where = f"docker-archive:{file}"
    with _Archive(file) as archive:
        images = _saved_images(archive.json("manifest.json"))
        if images is None:
            raise ImageRefused(f"the manifest.json of {where} is malformed")
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
