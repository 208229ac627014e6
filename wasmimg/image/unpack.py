"""Looking into a layer: from the blob to the tar, and from the tar to the module.

Everything is bounded: a blob that unpacks to more than a proxy would read ends in an error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple, Protocol

from wasmimg.errors import ImageRefused
from wasmimg.image.layer import ENTRY_NAME, tar_header
from wasmimg.module.limits import TAR_LIMIT
from wasmimg.parallel import run_all

__all__ = ["GZIP_MAGIC", "UNPACK_LIMIT", "Entry", "check_members", "gunzip", "gunzip_members", "list_entries", "unzstd"]

GZIP_MAGIC = b"\x1f\x8b"
# The two zero blocks, padding, and tar's habit of filling up to 10 KiB stand behind the file.
UNPACK_LIMIT = TAR_LIMIT + 64 * 1024
_PIECE = 32 * 1024  # bytes
_MEMBERS = 100_000  # of a stream; more are there to keep us busy


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
    import zlib

    return _unpack(blob, lambda: zlib.decompressobj(wbits=31), zlib.error, "gzip", strict=strict)


def unzstd(blob: bytes) -> bytes:
    """The tar in a zstd blob of one or more frames; raises ImageRefused."""
    from wasmimg.image.zstd import ZstdDecompressor, ZstdError

    return _unpack(blob, ZstdDecompressor, ZstdError, "zstd")


class _Unpacker(Protocol):
    """What zlib's and zstd's objects for one member or frame have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: memoryview, max_length: int, /) -> bytes: ...


def _unpack(
    blob: bytes, begin: Callable[[], _Unpacker], damage: type[Exception], kind: str, *, strict: bool = True
) -> bytes:
    view = memoryview(blob)
    parts: list[bytes] = []
    held = at = members = 0
    member: _Unpacker | None = None
    while at < len(view):
        if member is None:
            member, members = begin(), members + 1
            if members > _MEMBERS:
                raise ImageRefused(f"the layer is a {kind} stream of more than {_MEMBERS} members")
        # Piece by piece: what stands behind the end of a member is copied by the library each time.
        piece = view[at : at + _PIECE]
        try:
            part = member.decompress(piece, UNPACK_LIMIT - held + 1)
        except damage as error:
            if not strict and parts:
                return b"".join(parts)
            raise ImageRefused(f"the layer is no sound {kind} stream", reason=str(error)) from None
        parts.append(part)
        held += len(part)
        if held > UNPACK_LIMIT:
            raise ImageRefused(f"the layer unpacks to more than the {TAR_LIMIT} bytes (256 MiB) that proxies read")
        at += len(piece)
        if member.eof:
            at -= len(member.unused_data)
            member = None
    if member is not None and strict:
        raise ImageRefused(f"the layer is cut short: its {kind} stream has no end")
    return b"".join(parts)


def gunzip_members(blob: bytes, sizes: Sequence[int]) -> bytes:
    """The tar in ``blob``, whose gzip members are known to have ``sizes`` (bytes): all cores unpack it.

    Raises ImageRefused.
    """
    import deflate

    view = memoryview(blob)
    parts: list[bytes | bytearray] = [b""] * len(sizes)

    def member(index: int, at: int) -> Callable[[], None]:
        def work() -> None:
            parts[index] = deflate.gzip_decompress(view[at : at + sizes[index]])

        return work

    tasks, at = [], 0
    for index, size in enumerate(sizes):
        tasks.append(member(index, at))
        at += size
    try:
        run_all(tasks)
    except (deflate.DeflateError, ValueError) as error:
        raise ImageRefused("the layer is no sound gzip stream", reason=str(error)) from None
    return b"".join(parts)


def check_members(blob: bytes, sizes: Sequence[int], tar: memoryview) -> None:
    """Whether the gzip members of ``sizes`` (bytes) in ``blob`` hold ``tar``; raises ImageRefused if not.

    Each is unpacked and compared by itself, so the whole is never there twice.
    """
    import deflate

    view = memoryview(blob)
    lengths = [0] * len(sizes)
    starts = list(accumulate(sizes, initial=0))

    def member(index: int) -> Callable[[], None]:
        def work() -> None:
            # A member's length stands at its end (RFC 1952 section 2.3.1), and all but the last are of one length.
            end = starts[index + 1]
            lengths[index] = int.from_bytes(view[end - 4 : end], "little")
            at = index * int.from_bytes(view[starts[1] - 4 : starts[1]], "little")
            part = deflate.gzip_decompress(view[starts[index] : end])
            if part != tar[at : at + len(part)]:
                raise ImageRefused("the layer does not hold the tar that it was made of")

        return work

    try:
        run_all([member(index) for index in range(len(sizes))])
    except (deflate.DeflateError, ValueError) as error:
        raise ImageRefused("the layer is no sound gzip stream", reason=str(error)) from None
    if sum(lengths) != len(tar) or starts[-1] != len(blob):
        raise ImageRefused("the layer does not hold the tar that it was made of")


def list_entries(tar: bytes | memoryview, *, strict: bool = True) -> tuple[Entry, ...]:
    """The members of ``tar`` in stream order; raises ImageRefused when it is none."""
    plain = _plain_entry(tar)
    if plain is not None:
        return (plain,)
    import io
    import tarfile

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


def _plain_entry(tar: bytes | memoryview) -> Entry | None:
    """The one entry of a tar that is, byte for byte, what the embedded engine writes; else None."""
    fields = bytes(tar[124:135]), bytes(tar[136:147])
    if not all(field.isdigit() for field in fields):
        return None
    try:
        size, mtime = (int(field, 8) for field in fields)
    except ValueError:
        return None
    end = 512 + size
    if tar[:512] != tar_header(ENTRY_NAME, size, mtime) or tar[end:] != b"\0" * (-size % 512 + 1024):
        return None
    return Entry(ENTRY_NAME, True, 512, size)
