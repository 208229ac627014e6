"""Gzip as the fetchers read it: Go's compress/gzip, whose reader says of damage only when it gets there.

So what lies in front of the damage is read, and a fetcher that has found its file by then never
hears of it. Source: go src/compress/gzip/gunzip.go (readHeader, Read), src/compress/flate/inflate.go.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

from wasmimg.consumers.gojson import GoError

__all__ = ["UNEXPECTED_EOF", "Stream", "inflate"]

UNEXPECTED_EOF = "unexpected EOF"
_HEADER = "gzip: invalid header"
_CHECKSUM = "gzip: invalid checksum"
# Go adds a number of bytes here, which depends on how far its reader had looked ahead.
_CORRUPT = "flate: corrupt input before offset …"
_STEP = 64 * 1024


class Stream(NamedTuple):
    """What a reader gets: ``data``, and then ``end``, the words of an error, or empty for a plain end.

    ``cut`` is True when there was more, and reading stopped at a limit.
    """

    data: bytes | bytearray | memoryview
    end: str = ""
    cut: bool = False

    def within(self, limit: int | None) -> Stream:
        """The same behind Go's ``io.LimitReader`` of ``limit`` bytes; it ends plainly."""
        if limit is None or len(self.data) < limit:
            return self
        return Stream(memoryview(self.data)[:limit], "", self.cut)

    def or_unexpected(self) -> str:
        """The words for an end in the middle of something."""
        return self.end or UNEXPECTED_EOF


def inflate(source: Stream, limit: int) -> Stream:
    """What is in the gzip stream ``source``, at most ``limit`` bytes of it, in memory bounded by that.

    Raises GoError when already the first header is bad, as ``gzip.NewReader`` does.
    """
    view = memoryview(source.data)
    at = _header(view, 0, source)
    parts = bytearray()  # not a list to be joined: that would take the memory twice
    left = limit
    while True:
        member = _Member(view, at)
        end = member.read(parts, left, source)
        left -= member.size
        if end or left <= 0:
            return Stream(parts, end, cut=not end)
        at = member.at
        if at == len(view):
            return Stream(parts, source.end)
        try:
            at = _header(view, at, source)
        except GoError as error:
            return Stream(parts, str(error))


class _Member:
    """One gzip member whose compressed data begin at ``at``; after ``read``, ``at`` is behind it."""

    def __init__(self, view: memoryview, at: int) -> None:
        self.view = view
        self.at = at
        self.size = 0
        self._crc = 0

    def read(self, parts: bytearray, limit: int, source: Stream) -> str:
        """Add what is in it to ``parts``, at most ``limit`` bytes; the words of an error, or nothing."""
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        while not inflater.eof and self.size < limit:
            chunk = inflater.unconsumed_tail
            if not chunk:
                chunk = bytes(self.view[self.at : self.at + _STEP])
                self.at += len(chunk)
                if not chunk:
                    return source.or_unexpected()
            before = inflater.copy()
            try:
                self._keep(parts, inflater.decompress(chunk, limit - self.size))
            except zlib.error:
                self._rescue(parts, before, chunk, limit)
                return _CORRUPT
        if not inflater.eof:
            return ""
        self.at -= len(inflater.unused_data)
        trailer = bytes(self.view[self.at : self.at + 8])
        self.at += 8
        if len(trailer) < 8:
            return source.or_unexpected()
        sound = trailer == self._crc.to_bytes(4, "little") + (self.size & 0xFFFFFFFF).to_bytes(4, "little")
        return "" if sound else _CHECKSUM

    def _keep(self, parts: bytearray, part: bytes) -> None:
        self._crc = zlib.crc32(part, self._crc)
        self.size += len(part)
        parts += part

    def _rescue(self, parts: bytearray, inflater: zlib._Decompress, chunk: bytes, limit: int) -> None:
        """What can still be read in front of the damage in ``chunk``: zlib gives that only byte by byte."""
        try:
            for index in range(len(chunk)):
                piece = inflater.unconsumed_tail + chunk[index : index + 1]
                self._keep(parts, inflater.decompress(piece, max(1, limit - self.size)))
        except zlib.error:
            pass


def _header(view: memoryview, at: int, source: Stream) -> int:
    """Where the compressed data behind the header at ``at`` begin; raises GoError."""
    fixed = bytes(view[at : at + 10])
    if len(fixed) < 10:
        raise GoError(source.end or (UNEXPECTED_EOF if fixed else "EOF"))
    if fixed[:3] != b"\x1f\x8b\x08":
        raise GoError(_HEADER)
    flags, start = fixed[3], at
    at += 10
    if flags & 4:
        at = _need(view, at + 2 + int.from_bytes(bytes(view[at : at + 2]), "little"), source)
    for flag in (8, 16):  # a name, a comment: each ends with a zero byte and has less than 512
        if flags & flag:
            text = bytes(view[at : at + 512])
            zero = text.find(b"\0")
            if zero < 0:
                raise GoError(_HEADER if len(text) == 512 else source.or_unexpected())
            at += zero + 1
    if flags & 2:
        at = _need(view, at + 2, source)
        if int.from_bytes(bytes(view[at - 2 : at]), "little") != zlib.crc32(view[start : at - 2]) & 0xFFFF:
            raise GoError(_HEADER)
    return at


def _need(view: memoryview, end: int, source: Stream) -> int:
    if end > len(view):
        raise GoError(source.or_unexpected())
    return end
