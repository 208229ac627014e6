"""Opening the module: a regular file, mapped into memory, that stays the same."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmimg.errors import ModuleRefused, UsageError
from wasmimg.module.rules import TAR_LIMIT

__all__ = ["open_module"]

_LARGEST = 4 * TAR_LIMIT  # bytes


@contextmanager
def open_module(path: Path) -> Iterator[memoryview]:
    """The bytes of the module at ``path``; symbolic links are followed.

    Raises UsageError when it is missing, unreadable, no regular file, or written to while
    it was read (the image would hold a mixture), and ModuleRefused when it is far larger than
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
        before = os.fstat(descriptor)
        if stat.S_ISDIR(before.st_mode):
            raise UsageError(f"{path} is a directory", hint="name the .wasm file in it")
        if not stat.S_ISREG(before.st_mode):
            raise UsageError(f"{path} is not a regular file", hint="save the module to a file first")
        if before.st_size > _LARGEST:
            raise ModuleRefused(
                f"{path} has {before.st_size} bytes, and proxies read at most {TAR_LIMIT} (256 MiB)",
                hint="is that the module? strip it (wasm-opt --strip-debug -Os), or load data at run time",
            )
        data = _read(descriptor, before.st_size)
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UsageError(
                f"{path} was written to while it was read", hint="wait until the compiler is done, and run this again"
            )
    finally:
        os.close(descriptor)
    yield data


def _read(descriptor: int, size: int) -> memoryview:
    """The first ``size`` bytes in a memory map of our own.

    Not a map of the file: when that is cut short, as compilers and cp begin, a touch of it ends the process.
    """
    if size == 0:  # nothing can be mapped
        return memoryview(b"")
    # It is unmapped with its last view, and not here: after an interrupt a traceback still holds some.
    view = memoryview(mmap.mmap(-1, size))
    with open(descriptor, "rb", buffering=0, closefd=False) as file:
        at = 0
        while at < size and (count := file.readinto(view[at:])):
            at += count
    return view[:at].toreadonly()
