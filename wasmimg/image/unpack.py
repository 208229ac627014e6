"""Looking into a layer: from the blob to the tar, and from the tar to the module.

Everything is bounded: a blob that unpacks to more than a proxy would read ends in an error.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from typing import NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.module.rules import TAR_LIMIT

__all__ = ["GZIP_MAGIC", "UNPACK_LIMIT", "Entry", "gunzip", "list_entries"]

GZIP_MAGIC = b"\x1f\x8b"
# The two zero blocks, padding, and tar's habit of filling up to 10 KiB stand behind the file.
UNPACK_LIMIT = TAR_LIMIT + 64 * 1024


class Entry(NamedTuple):
    """A member of the tar: its name as written, whether a regular file, where its bytes lie."""

    name: str
    regular: bool
    start: int
    size: int


def gunzip(blob: bytes, *, strict: bool = True) -> bytes:
    """The tar in a gzip blob of one or more members; raises ImageRefused.

    Not ``strict``, damage ends the stream instead, as it does for a reader that stops early.
    """
    parts: list[bytes] = []
    held = 0
    rest = blob
    while rest:
        inflater = zlib.decompressobj(wbits=31)
        try:
            part = inflater.decompress(rest, UNPACK_LIMIT - held + 1)
        except zlib.error as error:
            if not strict and parts:
                break
            raise ImageRefused("the layer is no sound gzip stream", reason=str(error)) from None
        parts.append(part)
        held += len(part)
        if held > UNPACK_LIMIT:
            raise ImageRefused(f"the layer unpacks to more than the {TAR_LIMIT} bytes (256 MiB) that proxies read")
        if not inflater.eof:
            if strict:
                raise ImageRefused("the layer is cut short: its gzip stream has no end")
            break
        rest = inflater.unused_data
    return b"".join(parts)


def list_entries(tar: bytes, *, strict: bool = True) -> tuple[Entry, ...]:
    """The members of ``tar`` in stream order; raises ImageRefused when it is none."""
    entries: list[Entry] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for member in archive:
                entries.append(Entry(member.name, member.isreg(), member.offset_data, member.size))
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        if strict or not entries:
            raise ImageRefused("the layer is no sound tar", reason=str(error)) from None
    if strict and any(entry.start + entry.size > len(tar) for entry in entries if entry.regular):
        raise ImageRefused("the layer is cut short: the tar ends inside a file")
    return tuple(entries)
