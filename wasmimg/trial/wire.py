"""Parts of HTTP/1.1 as they come over the wire (RFC 9112), from an Envoy whose plugin may have put anything into them."""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase

__all__ = ["read_bytes", "read_chunks", "read_headers"]

_PIECE = 1 << 16  # bytes


def read_headers(file: BufferedIOBase) -> list[tuple[str, str]]:
    """The headers up to the empty line, names in lower case, bytes as Latin-1; raises EOFError.

    Only a line feed ends a line, so that a carriage return in a value is seen. A line that is no
    header belongs to the value before it.
    """
    found = list[tuple[str, str]]()
    while line := file.readline():
        text = line.decode("latin-1").removesuffix("\n").removesuffix("\r")
        if not text:
            return found
        name, colon, value = text.partition(":")
        if found and (not colon or text.startswith((" ", "\t"))):
            name, before = found.pop()
            found.append((name, f"{before}\n{text}"))
        else:
            found.append((name.lower(), value.strip(" \t")))
    raise EOFError("the headers have no end")


def read_bytes(file: BufferedIOBase, size: int) -> Iterator[bytes]:
    """``size`` bytes in pieces; raises EOFError when there are fewer."""
    while size:
        data = file.read1(min(size, _PIECE))
        if not data:
            raise EOFError(f"{size} bytes of the body are missing")
        yield data
        size -= len(data)


def read_chunks(file: BufferedIOBase) -> Iterator[bytes]:
    """A body in chunks, and its trailers, which are passed over; raises EOFError, ValueError."""
    while size := int(file.readline().split(b";")[0], 16):
        yield from read_bytes(file, size)
        file.readline()
    while file.readline().strip():
        pass
