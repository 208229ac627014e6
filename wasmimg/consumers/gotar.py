"""Tar as the fetchers read it: Go's archive/tar, entry by entry, until one is called plugin.wasm.

Source: go src/archive/tar/{reader,format,strconv}.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from wasmimg.consumers.gogzip import Stream
from wasmimg.consumers.gojson import GoError

__all__ = ["GoEntry", "base_name", "read_entries"]

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_SPECIAL_LIMIT = 1 << 20  # bytes of a long name or of PAX records
_HEADER_ONLY = frozenset(b"123456")
_INVALID = "archive/tar: invalid tar header"
_TOO_LONG = "archive/tar: header field too long"
_NUMBERS = frozenset({b"uid", b"gid", b"size"})
_TIMES = frozenset({b"atime", b"mtime", b"ctime"})


class GoEntry(NamedTuple):
    """An entry: its name, its type flag, the ``size`` its header says (bytes), and where in the tar
    its content starts; ``stored`` bytes of it are there by the type: a folder or link has none.

    ``sparse`` is True for a file whose holes are left out, the content of which is not read here.
    """

    name: bytes
    kind: int
    size: int
    start: int
    stored: int
    sparse: bool = False


class _Header(NamedTuple):
    name: bytes
    kind: int
    size: int
    extended: bool = False  # blocks with more of the map of a sparse file follow


class _Cursor:
    """A position in the tar, and the errors of reading on from there."""

    def __init__(self, tar: Stream) -> None:
        self.tar = tar
        self.view = memoryview(tar.data)
        self.at = 0

    def skip(self, count: int) -> None:
        """Pass over content; raises GoError if it is not all there."""
        if self.at + count > len(self.view):
            raise GoError(self.tar.or_unexpected())
        self.at += count

    def pad(self, count: int) -> bool:
        """Pass over padding; False if the tar ends in it, which Go takes for its proper end."""
        if self.at + count > len(self.view):
            if self.tar.end:
                raise GoError(self.tar.end)
            return False
        self.at += count
        return True

    def block(self) -> bytes | None:
        """The next 512 bytes, or None at the end."""
        block = bytes(self.view[self.at : self.at + _BLOCK])
        self.at += len(block)
        if len(block) == _BLOCK:
            return block
        if self.tar.end or block:
            raise GoError(self.tar.or_unexpected())
        return None


def base_name(name: bytes) -> bytes:
    """Go's ``filepath.Base``."""
    if not name:
        return b"."
    return name.rstrip(b"/").rpartition(b"/")[2] or b"/"


def read_entries(tar: Stream) -> Iterator[GoEntry]:
    """The entries in stream order; raises GoError at the first damage that is reached."""
    cursor = _Cursor(tar)
    records: dict[bytes, bytes] = {}
    long_name = b""
    while True:
        header = _read_header(cursor)
        if header is None:
            return
        start, stored = cursor.at, _stored(header.kind, header.size)
        if header.kind in b"xgLK":
            if stored > _SPECIAL_LIMIT:
                if len(cursor.view) - cursor.at <= _SPECIAL_LIMIT:
                    raise GoError(tar.or_unexpected())
                raise GoError(_TOO_LONG)
            cursor.skip(stored)
            content = bytes(cursor.view[start : start + stored])
            if header.kind in b"xg":
                records = _parse_pax(content)
                if header.kind == ord("g"):
                    yield GoEntry(_merge(header, records).name, header.kind, 0, start, 0)
                    records, long_name = {}, b""
            elif header.kind == ord("L"):
                long_name = content.partition(b"\0")[0]
        else:
            header = _merge(header, records)
            name = long_name or header.name
            kind = header.kind
            if kind == 0:
                kind = ord("5") if name.endswith(b"/") else ord("0")
            stored = _stored(kind, header.size)
            sparse = kind == ord("S") or _is_sparse(records)
            if kind == ord("S") and header.extended:
                _skip_map(cursor)
            if sparse and records.get(b"GNU.sparse.name"):
                name = records[b"GNU.sparse.name"]
            yield GoEntry(name, kind, header.size, cursor.at, stored, sparse)
            records, long_name = {}, b""
            cursor.skip(stored)
        if not cursor.pad(-stored % _BLOCK):
            return


def _stored(kind: int, size: int) -> int:
    if kind in _HEADER_ONLY:
        return 0
    if size < 0:
        raise GoError(_INVALID)
    return size


def _skip_map(cursor: _Cursor) -> None:
    more = True
    while more:
        block = cursor.block()
        if block is None:
            raise GoError(cursor.tar.or_unexpected())
        more = block[504] > 0


def _is_sparse(records: dict[bytes, bytes]) -> bool:
    version = records.get(b"GNU.sparse.major", b""), records.get(b"GNU.sparse.minor", b"")
    if version in ((b"0", b"0"), (b"0", b"1"), (b"1", b"0")):
        return True
    return version == (b"", b"") and bool(records.get(b"GNU.sparse.map"))


def _read_header(cursor: _Cursor) -> _Header | None:
    block = cursor.block()
    if block is None:
        return None
    if block == _ZEROS:
        second = cursor.block()
        if second is None or second == _ZEROS:
            return None
        raise GoError(_INVALID)
    if not _has_checksum(block):
        raise GoError(_INVALID)
    name, size = _text(block[:100]), _number(block[124:136])
    for first, last in ((100, 108), (108, 116), (116, 124), (136, 148)):  # mode, owner, group, time
        _number(block[first:last])
    magic, prefix = block[257:263], b""
    if magic == b"ustar\0" or block[257:265] == b"ustar  \0":
        for first, last in ((329, 337), (337, 345)):  # device numbers
            _number(block[first:last])
    if magic == b"ustar\0":
        star = block[508:512] == b"tar\0"
        prefix = _text(block[345 : 476 if star else 500])
        if star:
            _number(block[476:488])
            _number(block[488:500])
    elif block[257:265] == b"ustar  \0":
        prefix = _buggy_prefix(block)
    return _Header(prefix + b"/" + name if prefix else name, block[156], size, block[482] > 0)


def _buggy_prefix(block: bytes) -> bytes:
    """The prefix that Go before 1.8 wrote where GNU has two times: taken for one if these are no times."""
    try:
        for first, last in ((345, 357), (357, 369)):
            if block[first]:
                _number(block[first:last])
    except GoError:
        prefix = _text(block[345:500])
        return prefix if prefix.isascii() else b""
    return b""


def _has_checksum(block: bytes) -> bool:
    try:
        wanted = _octal(block[148:156])
    except GoError:
        return False
    fields = block[:148] + b" " * 8 + block[156:]
    return wanted in (sum(fields), sum(byte - 256 if byte > 127 else byte for byte in fields))


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    if not field[0] & 0x80:
        return _octal(field)
    value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    if field[0] & 0x40:  # a negative number in two's complement
        value = ~value & ((1 << (8 * len(field) - 1)) - 1)
    if value >> 63:
        raise GoError(_INVALID)
    return ~value if field[0] & 0x40 else value


def _octal(field: bytes) -> int:
    digits = field.strip(b" \0").partition(b"\0")[0]
    if not digits:
        if field.strip(b" \0"):
            raise GoError(_INVALID)
        return 0
    if not re.fullmatch(b"[0-7]+", digits) or int(digits, 8) >> 64:
        raise GoError(_INVALID)
    value = int(digits, 8)
    return value - (1 << 64) if value >> 63 else value


def _decimal(text: bytes) -> int:
    if not re.fullmatch(rb"[+-]?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
        raise GoError(_INVALID)
    return int(text)


def _merge(header: _Header, records: dict[bytes, bytes]) -> _Header:
    """``header`` with what PAX records say instead; raises GoError for numbers that are none."""
    for key, value in records.items():
        if value and key in _NUMBERS:
            number = _decimal(value)
            header = header._replace(size=number) if key == b"size" else header
        elif value and key in _TIMES:
            seconds, _, rest = value.partition(b".")
            _decimal(seconds)
            if rest.strip(b"0123456789"):
                raise GoError(_INVALID)
        elif value and key == b"path":
            header = header._replace(name=value)
    return header


def _parse_pax(content: bytes) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    sparse = 0
    while content:
        length, space, _ = content.partition(b" ")
        size = _decimal(length) if space else 0
        if size < 5 or size > len(content) or size <= len(length) + 1 or content[size - 1 : size] != b"\n":
            raise GoError(_INVALID)
        key, equals, value = content[len(length) + 1 : size - 1].partition(b"=")
        text = value if key in (b"path", b"linkpath", b"uname", b"gname") else key
        if not equals or not key or b"\0" in text:
            raise GoError(_INVALID)
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            if (sparse % 2 == 0) != (key == b"GNU.sparse.offset") or b"," in value:
                raise GoError(_INVALID)
            sparse += 1
            records[b"GNU.sparse.map"] = b"?"
        else:
            records[key] = value
        content = content[size:]
    return records
