"""The one layer: a gzip-compressed tar that holds one regular file, ``plugin.wasm``.

Same module, same bytes: the tar header has nothing of the machine in it, and the
compressor is libdeflate at a fixed level from a pinned release, not the host's zlib.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from wasmimg.module.file import open_with_room
from wasmimg.parallel import run_all

__all__ = ["ENTRY_NAME", "Layer", "ModuleTar", "build_layer", "compress_tar", "open_in_tar", "tar_header"]

ENTRY_NAME = "plugin.wasm"  # Istio takes the first entry with this base name: pkg/wasm/imagefetcher.go

# The size of a gzip member is part of the output's bytes: a change of it changes every digest.
_MEMBER = 512 * 1024
_LEVEL = 3
_BLOCK = 512

Bytes = bytes | memoryview


class Layer(NamedTuple):
    """A compressed layer: ``chunks`` joined are the blob.

    ``digest`` and ``size`` (bytes) are those of the blob, ``diff_id`` the digest of the tar
    in it, ``module_digest`` and ``module_size`` those of the file in that. ``members`` are the
    sizes (bytes) of the gzip members in the blob, where they are known, and ``tar`` is what they
    hold, where that is at hand.
    """

    chunks: tuple[bytes, ...]
    digest: str
    size: int
    diff_id: str
    module_digest: str
    module_size: int
    members: tuple[int, ...] = ()
    tar: memoryview | None = None


class ModuleTar(NamedTuple):
    """A module where it lies in the tar of its layer."""

    module: memoryview
    tar: memoryview


def tar_header(name: str, size: int, mtime: int) -> bytes:
    """A USTAR header (POSIX.1-1988) of a regular file: mode 0644, owner 0:0, no names.

    ``mtime`` is in seconds since the epoch. Sizes from 8 GiB do not fit and are far above
    what any consumer reads.
    """
    fields = (
        name.encode("ascii").ljust(100, b"\0"),
        b"0000644\0",
        b"0000000\0",
        b"0000000\0",
        b"%011o\0" % size,
        b"%011o\0" % mtime,
        b" " * 8,
        b"0",
        b"\0" * 100,
        b"ustar\x0000",
        b"\0" * 64,
        b"0000000\0",
        b"0000000\0",
        b"\0" * 167,
    )
    header = b"".join(fields)
    checksum = b"%06o\0 " % sum(header)
    return header[:148] + checksum + header[156:]


@contextmanager
def open_in_tar(path: Path, mtime: int) -> Iterator[ModuleTar]:
    """The module at ``path``, read to where it stays: into the tar that its layer will hold.

    ``mtime`` is in seconds. Raises what :func:`open_with_room` raises.
    """
    with open_with_room(path, _BLOCK, 3 * _BLOCK) as room:
        size = len(room.data)
        room.around[:_BLOCK] = tar_header(ENTRY_NAME, size, mtime)
        yield ModuleTar(room.data, room.around[: _BLOCK + size + -size % _BLOCK + 2 * _BLOCK].toreadonly())


def build_layer(module: memoryview, *, mtime: int = 0) -> Layer:
    """The layer of ``module``, whose bytes are read where they are (a memory map will do).

    The tar is cut into pieces of a fixed size, each deflated as a gzip member of its own:
    members can be made side by side, and RFC 1952 section 2.2 makes any reader see one
    stream.
    """
    header = tar_header(ENTRY_NAME, len(module), mtime)
    end = b"\0" * (-len(module) % _BLOCK + 2 * _BLOCK)  # padding, then the two zero blocks
    return _compress((header, module, end), module)


def compress_tar(tar: memoryview, module: memoryview) -> Layer:
    """The layer of a tar that somebody else made; ``module`` is the file inside it."""
    return _compress((tar,), module)


def _compress(parts: Sequence[Bytes], module: memoryview) -> Layer:
    import deflate

    views = [memoryview(part) for part in parts]
    pieces = list(_pieces(views))
    chunks: list[bytes] = [b""] * len(pieces)
    digests = {"diff_id": "", "module": ""}

    def digest_of(name: str, of: Sequence[memoryview]) -> Callable[[], None]:
        def work() -> None:
            hasher = hashlib.sha256()
            for view in of:
                hasher.update(view)
            digests[name] = f"sha256:{hasher.hexdigest()}"

        return work

    def member(index: int) -> Callable[[], None]:
        def work() -> None:
            chunks[index] = bytes(deflate.gzip_compress(pieces[index], _LEVEL))

        return work

    # The two digests first: each is one long task, and the short ones fill up around them.
    run_all(
        [digest_of("diff_id", views), digest_of("module", [module])] + [member(index) for index in range(len(pieces))]
    )
    blob = hashlib.sha256()
    for chunk in chunks:
        blob.update(chunk)
    return Layer(
        chunks=tuple(chunks),
        digest=f"sha256:{blob.hexdigest()}",
        size=sum(map(len, chunks)),
        diff_id=digests["diff_id"],
        module_digest=digests["module"],
        module_size=len(module),
        members=tuple(map(len, chunks)),
        tar=views[0] if len(views) == 1 else None,
    )


def _pieces(views: Sequence[memoryview]) -> Iterator[Bytes]:
    """The joined ``views`` in pieces of ``_MEMBER`` bytes, copied only across a seam."""
    pending: list[memoryview] = []
    held = 0
    for view in views:
        at = 0
        while at < len(view):
            taken = view[at : at + _MEMBER - held]
            pending.append(taken)
            held += len(taken)
            at += len(taken)
            if held == _MEMBER:
                yield pending[0] if len(pending) == 1 else b"".join(pending)
                pending, held = [], 0
    if pending:
        yield pending[0] if len(pending) == 1 else b"".join(pending)
