"""Opening the module: a regular file, read once into a memory map of our own."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from wasmimg.errors import ModuleTooLarge, UsageError
from wasmimg.module.limits import TAR_LIMIT
from wasmimg.parallel import run_all

__all__ = ["Room", "open_module", "open_with_room"]

_LARGEST = 4 * TAR_LIMIT  # bytes
_PIECE = 1 << 20  # bytes


class Room(NamedTuple):
    """A module in a larger piece of memory, ``around``, which holds zeros but for ``data``."""

    data: memoryview
    around: memoryview


@contextmanager
def open_module(path: Path) -> Iterator[memoryview]:
    """The bytes of the module at ``path``; raises what :func:`open_with_room` raises."""
    with open_with_room(path, 0, 0) as room:
        yield room.data


@contextmanager
def open_with_room(path: Path, before: int, behind: int) -> Iterator[Room]:
    """The module at ``path`` with that many bytes of room; symbolic links are followed.

    Raises UsageError when it is missing, unreadable, no regular file, or written to while
    it was read (the image would hold a mixture), and ModuleTooLarge when it is far larger than
    what proxies read. What happens to the file after that is of no matter.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except FileNotFoundError:
        link = " (a symbolic link that leads nowhere)" if path.is_symlink() else ""
        raise UsageError(f"no such file: {path}{link}", hint="build the plugin first, or name its .wasm file") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read", reason=error.strerror) from None
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise UsageError(f"{path} is a directory", hint="name the .wasm file in it")
        if not stat.S_ISREG(found.st_mode):
            raise UsageError(f"{path} is not a regular file", hint="save the module to a file first")
        if found.st_size > _LARGEST:
            raise ModuleTooLarge(
                f"{path} has {found.st_size} bytes, and proxies read at most {TAR_LIMIT} (256 MiB)",
                hint="is that the module? strip it (wasm-opt --strip-debug -Os), or load data at run time",
            )
        around = _fresh(before + found.st_size + behind)
        data = around[before : before + found.st_size]
        whole = _read(descriptor, data)
        after = os.fstat(descriptor)
        if not whole or (found.st_size, found.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UsageError(
                f"{path} was written to while it was read", hint="wait until the compiler is done, and run this again"
            )
    finally:
        os.close(descriptor)
    yield Room(data.toreadonly(), around)


def _fresh(size: int) -> memoryview:
    """``size`` zeros in a memory map of our own.

    Not a map of the file: when that is cut short, as compilers and cp begin, a touch of it ends the process.
    """
    if size == 0:  # nothing can be mapped
        return memoryview(bytearray())
    private = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
    # It is unmapped with its last view, and not here: after an interrupt a traceback still holds some.
    return memoryview(mmap.mmap(-1, size, flags=private) if private else mmap.mmap(-1, size))


def _read(descriptor: int, target: memoryview) -> bool:
    """Fill ``target`` from the start of a file; False when that ends before."""
    size = len(target)
    short: list[int] = []

    def piece(at: int) -> Callable[[], None]:
        def work() -> None:
            place, end = at, min(at + _PIECE, size)
            while place < end and (count := os.preadv(descriptor, [target[place:end]], place)):
                place += count
            if place < end:
                short.append(place)

        return work

    if hasattr(os, "preadv"):  # the first touch of new pages costs more than the copy: all cores do it
        run_all([piece(at) for at in range(0, size, _PIECE)])
        return not short
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        at = 0
        while at < size and (count := file.readinto(target[at:])):
            at += count
    return at == size
