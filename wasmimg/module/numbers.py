"""LEB128 numbers, names, and runs of them.

Source: WebAssembly core specification 5.2.2 (integers) and 5.2.4 (names).
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MalformedModule", "read_name", "read_s64", "read_u30", "read_u32", "read_u32s", "read_u64"]


class MalformedModule(Exception):
    """The file is no well-formed core module; ``offset`` is in bytes from its start."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} (at byte {offset})")
        self.offset = offset


def read_u32(data: memoryview, at: int) -> tuple[int, int]:
    """An unsigned number of at most 32 bits, and the offset behind it; raises MalformedModule."""
    if at + 2 < len(data):  # in real modules hardly any number is longer
        first = data[at]
        if first < 0x80:
            return first, at + 1
        second = data[at + 1]
        if second < 0x80:
            return first & 0x7F | second << 7, at + 2
        third = data[at + 2]
        if third < 0x80:
            return first & 0x7F | (second & 0x7F) << 7 | third << 14, at + 3
    return _read_unsigned(data, at, 32)


def read_u30(data: memoryview, at: int) -> tuple[int, int]:
    """A number as the host library reads one, and the offset behind it; raises MalformedModule.

    Source: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc parseVarint.
    """
    value, after = read_u32(data, at)
    if value >= 1 << 30:  # it takes two bits of the fifth byte
        raise MalformedModule("a number does not fit into 30 bits", at)
    return value, after


def read_u64(data: memoryview, at: int) -> tuple[int, int]:
    """An unsigned number of at most 64 bits, and the offset behind it; raises MalformedModule."""
    return _read_unsigned(data, at, 64)


def _read_unsigned(data: memoryview, at: int, bits: int) -> tuple[int, int]:
    value = 0
    for index in range((bits + 6) // 7):
        if at + index >= len(data):
            raise MalformedModule("a number is cut short", at)
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            if value >> bits:
                break
            return value, at + index + 1
    raise MalformedModule(f"a number does not fit into {bits} bits", at)


def read_s64(data: memoryview, at: int, bits: int = 64) -> tuple[int, int]:
    """A signed number of at most ``bits`` bits, and the offset behind it; raises MalformedModule."""
    value = 0
    for index in range((bits + 6) // 7):
        if at + index >= len(data):
            raise MalformedModule("a number is cut short", at)
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            length = 7 * (index + 1)
            if byte & 0x40:
                value -= 1 << length
            if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
                break
            return value, at + index + 1
    raise MalformedModule(f"a number does not fit into {bits} bits", at)


def read_name(data: memoryview, at: int, end: int) -> tuple[str, int]:
    """A name of bytes in UTF-8 that ends before ``end``, and the offset behind it; raises MalformedModule."""
    size = data[at] if at < end else 128
    start = at + 1
    if size >= 128:
        size, start = read_u32(data, at)
    stop = start + size
    if stop > end:
        raise MalformedModule("a name is longer than its section", at)
    try:
        return str(data[start:stop], "utf-8"), stop
    except UnicodeDecodeError:
        raise MalformedModule("a name is not UTF-8", at) from None


def read_u32s(data: memoryview, at: int, count: int, end: int) -> tuple[Sequence[int], int]:
    """``count`` unsigned 32-bit numbers that end before ``end``, and the offset behind; raises MalformedModule."""
    if count > end - at:
        raise MalformedModule(f"a list of {count} entries does not fit into its section", at)
    short = bytes(data[at : at + count])
    if short.isascii():  # each number is one byte, as almost all are in small modules
        return short, at + count
    found: list[int] = []
    value = shift = 0
    for place, byte in enumerate(bytes(data[at : min(end, at + 5 * count)]), at):
        if byte < 0x80 and shift < 28:
            found.append(value | byte << shift)
            if len(found) == count:
                return found, place + 1
            value = shift = 0
        elif shift < 28:
            value |= (byte & 0x7F) << shift
            shift += 7
        elif byte > 0x0F:
            raise MalformedModule("a number does not fit into 32 bits", place)
        else:
            found.append(value | byte << 28)
            if len(found) == count:
                return found, place + 1
            value = shift = 0
    raise MalformedModule("a list is cut short", at)
