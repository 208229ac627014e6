"""Finding the one module in whatever it was packed into.

What a layer is, is told from its first bytes and not from its media type: tools that write the
wrong one are what this is for. Layers are laid over each other as image-spec layer.md has it:
a later file replaces an earlier one, and a whiteout removes it.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from typing import NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.image.unpack import GZIP_MAGIC, gunzip, unzstd
from wasmimg.module.reader import MAGIC

__all__ = ["FoundModule", "find_modules", "the_one_module", "unwrap"]

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class FoundModule(NamedTuple):
    """A module: its bytes, its path in the layer (empty for a layer that is the module itself),
    the number of that layer (from 1) and what the layer was compressed with."""

    data: memoryview
    path: str
    layer: int
    compression: str

    @property
    def digest(self) -> str:
        """The module digest."""
        return f"sha256:{hashlib.sha256(self.data).hexdigest()}"


def unwrap(data: bytes) -> tuple[bytes, str]:
    """``data`` without its compression, and which that was: ``gzip``, ``zstd`` or nothing.

    Raises ImageRefused for a damaged stream, and for one that holds more than any proxy reads.
    """
    if data.startswith(GZIP_MAGIC):
        return gunzip(data), "gzip"
    if data.startswith(_ZSTD_MAGIC):
        return unzstd(data), "zstd"
    return data, ""


def find_modules(layers: Iterable[bytes]) -> list[FoundModule]:
    """Every module that ``layers``, from the lowest up, leave visible; raises ImageRefused."""
    bare: list[FoundModule] = []
    files: dict[str, FoundModule] = {}
    for number, blob in enumerate(layers, 1):
        data, compression = unwrap(blob)
        if data.startswith(MAGIC):
            bare.append(FoundModule(memoryview(data), "", number, compression))
        elif data[257:262] == b"ustar" or _is_old_tar(data):
            _lay_over(files, data, number, compression)
    return [*bare, *files.values()]


def _is_old_tar(data: bytes) -> bool:
    """Whether a header without the word ustar (tar of before 1988) has the right checksum."""
    header = data[:512]
    field = header[148:156].strip(b"\0 ")
    if len(header) < 512 or not field or any(digit not in b"01234567" for digit in field):
        return False
    return int(field, 8) == sum(header) - sum(header[148:156]) + 8 * 0x20


def _lay_over(files: dict[str, FoundModule], tar: bytes, number: int, compression: str) -> None:
    import io
    import tarfile

    view = memoryview(tar)
    fresh: dict[str, FoundModule] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            while (member := archive.next()) is not None:
                if member.size < 0:
                    raise tarfile.ReadError("a size below zero")
                path = posixpath.normpath("/" + member.name).lstrip("/")
                folder, name = posixpath.split(path)
                if name == _OPAQUE:
                    _remove(files, folder, inside_only=True)
                elif name.startswith(_WHITEOUT):
                    _remove(files, posixpath.join(folder, name.removeprefix(_WHITEOUT)))
                elif member.islnk():
                    source = posixpath.normpath("/" + member.linkname).lstrip("/")
                    target = fresh.get(source) or files.get(source)
                    if target is not None:
                        fresh[path] = target._replace(path=path, layer=number, compression=compression)
                elif not member.isdir():
                    _remove(files, path)
                    fresh.pop(path, None)
                    content = view[member.offset_data : member.offset_data + member.size]
                    if member.isreg() and bytes(content[:4]) == MAGIC:
                        if len(content) != member.size:
                            raise tarfile.ReadError("it ends inside a file")
                        fresh[path] = FoundModule(content, path, number, compression)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise ImageRefused(f"layer {number} is no sound tar", reason=str(error)) from None
    files |= fresh


def _remove(files: dict[str, FoundModule], path: str, *, inside_only: bool = False) -> None:
    inside = f"{path}/" if path else ""
    for one in list(files):
        if one.startswith(inside) or (one == path and not inside_only):
            del files[one]


def the_one_module(found: Iterable[FoundModule], where: str) -> FoundModule:
    """The module that all of ``found`` are copies of; raises ImageRefused for none and for several."""
    distinct: dict[str, FoundModule] = {}
    for one in found:
        distinct.setdefault(one.digest, one)
    if not distinct:
        raise ImageRefused(
            f"there is no module in {where}",
            reason="no file and no layer in it starts with the bytes 00 61 73 6d",
            hint="name the image or file that holds the .wasm",
        )
    if len(distinct) > 1:
        names = [f"{one.path or 'the whole of it'} in layer {one.layer}" for one in distinct.values()]
        raise ImageRefused(
            f"there are {len(distinct)} modules in {where}, and one is needed",
            reason="\n".join(names[:10]),
            hint="build an image of the right one: wasmimg build MODULE -t REF --push",
        )
    return next(iter(distinct.values()))
