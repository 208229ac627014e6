"""Files that appear whole or not at all: written aside, synced, renamed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from wasmimg.errors import FileSystemFailed

__all__ = ["aside_of", "check_parent", "file_system", "is_aside", "write_whole"]


@contextmanager
def file_system(what: str) -> Iterator[None]:
    """Turn an OSError inside into FileSystemFailed about ``what``."""
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename and str(error.filename) not in what else ""
        hint = "make room, and run this again" if error.errno in (28, 122) else None  # ENOSPC, EDQUOT
        raise FileSystemFailed(f"{what}: {error.strerror or error}{where}", hint=hint) from error


def check_parent(path: Path, what: str) -> None:
    """Whether ``what`` can be made at ``path``: its folder is there; raises FileSystemFailed."""
    if not os.path.isdir(path.parent):
        raise FileSystemFailed(f"the folder {path.parent} for {what} does not exist", hint=f"mkdir -p {path.parent}")


def write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write ``chunks`` to ``path``, replacing what is there only once all of them are on disk.

    A symbolic link is followed. Raises OSError; then ``path`` is as it was.
    """
    path = Path(os.path.realpath(path))
    aside = aside_of(path)
    try:
        # 0666 and not mkstemp's 0600: the result has the mode that a plain open would give it.
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        with open(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise


def aside_of(path: Path) -> Path:
    """A new name beside ``path``, on the same file system, that nothing else uses."""
    return path.with_name(f".wasmimg-{os.getpid()}-{os.urandom(6).hex()}.tmp")


def is_aside(name: str) -> bool:
    """Whether ``name`` is one that ``aside_of`` gives: another build is just writing there."""
    return name.startswith(".wasmimg-") and name.endswith(".tmp")
