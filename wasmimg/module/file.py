"""Opening the module: a regular file, mapped into memory, that stays the same."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasmimg.errors import UsageError

__all__ = ["open_module"]


@contextmanager
def open_module(path: Path) -> Iterator[memoryview]:
    """The bytes of the module at ``path``; symbolic links are followed.

    Raises UsageError when it is missing, unreadable, no regular file, or written to while
    it was read (the image would hold a mixture).
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
        if before.st_size == 0:  # an empty file cannot be mapped
            yield memoryview(b"")
            return
        # It is unmapped with its last view, and not here: after an interrupt a traceback still holds some.
        yield memoryview(mmap.mmap(descriptor, before.st_size, access=mmap.ACCESS_READ))
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UsageError(
                f"{path} was written to while it was read", hint="wait until the compiler is done, and run this again"
            )
    finally:
        os.close(descriptor)
