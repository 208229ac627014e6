"""An OCI image layout: a folder with ``oci-layout``, ``index.json`` and ``blobs``.

Source: image-spec image-layout.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.errors import FileSystemFailed, ImageRefused
from wasmimg.image.bundle import Bundle, Content, bundle_of, content_of
from wasmimg.image.manifest import Descriptor, Image, canonical_json, parse_descriptor
from wasmimg.image.media_types import OCI_INDEX
from wasmimg.image.unpack import UNPACK_LIMIT
from wasmimg.stores.files import aside_of, check_parent, file_system, is_aside, write_whole
from wasmimg.stores.opened import RawManifest, checked, named_media_type

__all__ = ["REF_NAME", "LayoutImage", "check_layout_target", "index_of", "layout_files", "open_layout", "write_layout"]

REF_NAME = "org.opencontainers.image.ref.name"
_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_EMPTY_INDEX = {"manifests": [], "mediaType": OCI_INDEX, "schemaVersion": 2}


class LayoutImage(NamedTuple):
    """One image of a layout, in a folder or in an archive.

    ``read_blob`` takes a digest and the size (bytes) that is expected, if that is known, and gives
    the bytes that stand there, not yet checked; None where there are none.
    """

    where: str
    entry: Descriptor
    read_blob: Callable[[str, int | None], bytes | None]

    @property
    def wire(self) -> bool:
        """A layout holds what a registry would."""
        return True

    def top(self) -> bytes:
        """The manifest or index of the entry."""
        return self._read(self.entry.digest, self.entry.size)

    def manifest(self, digest: str) -> bytes:
        """A manifest by digest."""
        return self._read(digest, None)

    def blob(self, descriptor: Descriptor) -> bytes:
        """A blob by descriptor."""
        return self._read(descriptor.digest, descriptor.size)

    def raw_manifest(self, digest: str) -> RawManifest | None:
        """A manifest as it is; the entry's own must be the one that the entry names."""
        if not digest:
            return RawManifest(self.entry.media_type, self.top())
        data = self.read_blob(digest, None)
        return None if data is None else RawManifest(named_media_type(data), data)

    def raw_blob(self, digest: str) -> bytes | None:
        """A blob as it is."""
        return self.read_blob(digest, None)

    def _read(self, digest: str, size: int | None) -> bytes:
        return checked(self.read_blob(digest, size), digest, size, self.where)


def open_layout(folder: Path, name: str | None) -> LayoutImage:
    """The image called ``name`` in ``folder``, or the only one; raises ImageRefused."""
    with file_system(f"the layout {folder} cannot be read"):
        try:
            raw = (folder / "index.json").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise ImageRefused(f"{folder} is no OCI layout: it has no index.json") from None
    where = f"oci:{folder}"
    return LayoutImage(where, pick(index_of(raw, where), name, where), partial(_read_blob, folder))


def _read_blob(folder: Path, digest: str, size: int | None) -> bytes | None:
    path = folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
    with file_system(f"the layout {folder} cannot be read"):
        try:
            found = path.stat().st_size
            # The size is looked at first, so that a descriptor bounds what is read.
            if size is not None and found != size:
                raise ImageRefused(f"oci:{folder}: the blob {digest} has {found} bytes, and its descriptor says {size}")
            if found > UNPACK_LIMIT:
                raise ImageRefused(f"oci:{folder}: the blob {digest} has {found} bytes, more than any proxy reads")
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None


def pick(entries: list[dict[str, Any]], name: str | None, where: str) -> Descriptor:
    """The entry called ``name`` (in full, or by its tag), or the only entry."""
    names = [_name_of(entry) or "" for entry in entries]
    if name is None:
        found = entries
    else:
        found = [entry for entry, own in zip(entries, names, strict=True) if own == name]
        found = found or [entry for entry, own in zip(entries, names, strict=True) if own.rpartition(":")[2] == name]
    if len(found) == 1:
        return parse_descriptor(found[0])
    known = ", ".join(sorted(filter(None, names))) or "images without a name"
    if not found:
        raise ImageRefused(
            f"{where} holds no image" + (f" called {name!r}" if name else ""),
            hint=f"it holds {known}" if entries else None,
        )
    raise ImageRefused(
        f"{where} holds {len(found)} images" + (f" that end in :{name}" if name else ""),
        hint=f"name one of {known}: {where}:NAME",
    )


def _name_of(entry: Mapping[str, Any]) -> str | None:
    annotations = entry.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return str(name) if name else None


def index_of(raw: bytes, where: str) -> list[dict[str, Any]]:
    """The entries of an ``index.json``; raises ImageRefused."""
    entries: list[dict[str, Any]] = _parse_index(raw, where)["manifests"]
    return entries


def _parse_index(raw: bytes, where: str) -> dict[str, Any]:
    try:
        index: dict[str, Any] = json.loads(raw)
        manifests = index["manifests"]
        if isinstance(manifests, list) and all(isinstance(one, dict) for one in manifests):
            canonical_json(index)  # half a surrogate pair can be read, but not be written again
            return index
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ImageRefused(f"the index.json of {where} cannot be read", hint="it is damaged, or no OCI layout")


def layout_files(bundle: Bundle, names: Iterable[str | None]) -> list[tuple[str, Content]]:
    """Every file of a new layout that holds ``bundle``, blobs first: (path, content)."""
    index = canonical_json({**_EMPTY_INDEX, "manifests": [_entry(bundle, name) for name in names]})
    return [*_blobs(bundle), ("oci-layout", content_of(_VERSION)), ("index.json", content_of(index))]


def _blobs(bundle: Bundle) -> list[tuple[str, Content]]:
    manifests = [(one.digest, content_of(raw)) for one, raw in bundle.manifests]
    return [
        (f"blobs/sha256/{digest.removeprefix('sha256:')}", content)
        for digest, content in dict([*bundle.blobs, *manifests]).items()
    ]


def _entry(bundle: Bundle, name: str | None) -> dict[str, Any]:
    top = bundle.top
    entry: dict[str, Any] = {"digest": top.digest, "mediaType": top.media_type, "size": top.size}
    if name:
        entry["annotations"] = {REF_NAME: name}
    return entry


def check_layout_target(folder: Path) -> None:
    """Whether an image may be added to ``folder``; raises FileSystemFailed."""
    if not os.path.lexists(folder):
        check_parent(folder, "the layout")
        return
    if not os.path.isdir(folder):
        raise FileSystemFailed(
            f"{folder} is in the way: a layout is a folder, and that is a file", hint="name another folder"
        )
    with file_system(f"the folder {folder} cannot be read"):
        others = [name for name in os.listdir(folder) if not is_aside(name)]
        if others and not (folder / "oci-layout").is_file():
            raise FileSystemFailed(
                f"the folder {folder} holds something else than an OCI layout", hint="name a new or an empty folder"
            )
        index = folder / "index.json"
        if index.exists():
            try:
                _parse_index(index.read_bytes(), str(folder))
            except ImageRefused as error:
                raise FileSystemFailed(f"{folder} is in the way: {error.message}", hint=error.hint) from None


def write_layout(folder: Path, image: Image | Bundle, name: str | None) -> None:
    """Add ``image`` to the layout ``folder`` as ``name``, or replace what is called so there.

    Safe beside other writers: a new folder appears whole, an existing one is changed under a
    lock, and index.json is replaced last. Raises FileSystemFailed.
    """
    bundle = bundle_of(image) if isinstance(image, Image) else image
    check_layout_target(folder)
    with file_system(f"the layout {folder} cannot be written"):
        if not os.path.lexists(folder) and _write_new(folder, layout_files(bundle, [name])):
            return
        with _locked(folder):
            check_layout_target(folder)  # again: something else may have come there first
            _add(folder, bundle, name)


def _write_new(folder: Path, files: list[tuple[str, Content]]) -> bool:
    aside = aside_of(folder)
    try:
        (aside / "blobs" / "sha256").mkdir(parents=True)
        _write_files(aside, files)
        try:
            os.rename(aside, folder)
        except OSError:
            if folder.is_dir():  # another build was faster: add to its layout
                return False
            raise
        return True
    finally:
        if aside.exists():
            import shutil

            shutil.rmtree(aside, ignore_errors=True)


def _write_files(root: Path, files: list[tuple[str, Content]]) -> None:
    # All are written before the first is synced, so that the file system can flush them together.
    opened = []
    try:
        for path, content in files:
            file = open(root / path, "xb")  # noqa: SIM115 (closed below)
            opened.append(file)
            file.writelines(content.chunks())
            file.flush()
        for file in opened:
            os.fsync(file.fileno())
    finally:
        for file in opened:
            file.close()


def _add(folder: Path, bundle: Bundle, name: str | None) -> None:
    if not (folder / "oci-layout").exists():
        # First, so that a folder in which this fails midway still is what it was going to be.
        write_whole(folder / "oci-layout", (_VERSION,))
    index: dict[str, Any] = dict(_EMPTY_INDEX)
    if (folder / "index.json").exists():
        index |= _parse_index((folder / "index.json").read_bytes(), str(folder))
    (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for path, content in _blobs(bundle):
        if not _holds(folder / path, content):
            write_whole(folder / path, content.chunks())
    kept = [one for one in index["manifests"] if _name_of(one) != name]
    write_whole(folder / "index.json", (canonical_json({**index, "manifests": [*kept, _entry(bundle, name)]}),))


def _holds(path: Path, content: Content) -> bool:
    if not path.exists() or path.stat().st_size != content.size:
        return False
    with open(path, "rb") as file:
        return all(file.read(len(chunk)) == chunk for chunk in content.chunks())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        import fcntl
    except ImportError:  # Windows: index.json is still replaced in one step
        yield
        return
    # The folder itself is locked, so that no lock file is left in the user's layout.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
