"""Bringing a blob into a repository with as few bytes as that takes.

Source: distribution-spec, "Pushing blobs": an upload in one piece, in chunks, and the mount of a
blob that another repository has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from wasmimg.errors import NetworkFailed
from wasmimg.stores.answer import Answer
from wasmimg.stores.transport import Transport

__all__ = ["PUSH", "Blob", "Progress", "Uploads"]

PUSH = "pull,push"
_CHUNK = 1024 * 1024  # bytes: what nginx takes as long as nobody tells it otherwise
_BINARY = {"Content-Type": "application/octet-stream"}

Progress = Callable[[str, int, int], None]  # digest, bytes sent so far, size; anew with each attempt


class Blob(NamedTuple):
    """What is uploaded: ``chunks`` gives its ``size`` bytes, anew for each attempt."""

    digest: str
    size: int
    chunks: Callable[[], Iterable[bytes]]


class _Session(NamedTuple):
    """An upload that was begun; ``least`` is the size in bytes below which chunks are refused."""

    location: str
    least: int = 0


class Uploads:
    """The uploads to the repository of ``transport``. None of these methods repeats anything.

    ``name`` is the repository in messages.
    """

    def __init__(self, transport: Transport, name: str, progress: Progress | None) -> None:
        self._transport = transport
        self._blobs = f"/v2/{transport.repository}/blobs/"
        self._doing = f"push {name}"
        self._progress = progress
        self._refuses_whole = False
        self._mounted: _Session | None = None  # what came of a mount that became an upload

    def has(self, blob: Blob, source: str = "") -> bool:
        """Whether the repository has ``blob``; leave to read ``source`` is asked for on this occasion."""
        answer = self._transport.request(
            "HEAD", self._blobs + blob.digest, doing=self._doing, actions=PUSH, source=source, accept=(404,)
        )
        return answer.status == 200

    def mount(self, blob: Blob, source: str) -> bool:
        """Let the registry take ``blob`` from its repository ``source``; False if it began an upload instead."""
        query = f"mount={quote(blob.digest, safe=':')}&from={quote(source, safe='')}"
        answer = self._transport.request(
            "POST",
            f"{self._blobs}uploads/?{query}",
            doing=self._doing,
            actions=PUSH,
            source=source,
        )
        if answer.status == 202:
            self._mounted = self._session(answer)
        return answer.status == 201

    def begin(self) -> str:
        """The location of a new upload."""
        return self._begin().location

    def send(self, blob: Blob) -> None:
        """Upload ``blob``: in one piece, or in chunks where the registry wants that."""
        # Anew each time: what is left of a broken upload is not known.
        session, self._mounted = self._mounted or self._begin(), None
        chunked = blob.size > max(session.least, _CHUNK)
        if chunked and (session.least or self._refuses_whole):
            self._send_chunks(blob, session)
        elif not self._send_whole(blob, session, or_not=chunked):
            self._refuses_whole = True
            self._send_chunks(blob, self._begin())

    def cancel(self, location: str) -> None:
        """Forget an upload, if the registry can."""
        self._transport.request("DELETE", location, doing="cancel an upload", actions=PUSH, accept=range(400, 600))

    def _begin(self) -> _Session:
        return self._session(self._transport.request("POST", f"{self._blobs}uploads/", doing=self._doing, actions=PUSH))

    def _session(self, answer: Answer) -> _Session:
        location = answer.headers.get("location")
        if answer.status != 202 or not location:
            raise NetworkFailed(
                f"{self._transport.registry} did not begin an upload",
                reason=f"status {answer.status}, {'with' if location else 'without'} a Location",
            )
        least = answer.headers.get("oci-chunk-min-length", "")
        url = self._transport.resolve(location, answer.url)
        return _Session(url, int(least) if re.fullmatch("[0-9]{1,12}", least) else 0)

    def _send_whole(self, blob: Blob, session: _Session, *, or_not: bool) -> bool:
        """Upload ``blob`` in one piece; False if it is too large for that and this is no error (``or_not``)."""
        answer = self._transport.request(
            "PUT",
            _closing(session.location, blob),
            doing=self._doing,
            headers=_BINARY,
            body=lambda: self._counted(blob, blob.chunks(), 0),
            size=blob.size,
            actions=PUSH,
            accept=(413,) if or_not else (),
        )
        return answer.status != 413

    def _send_chunks(self, blob: Blob, session: _Session) -> None:
        at, location = 0, session.location
        for piece in _regroup(blob.chunks(), min(max(session.least, _CHUNK), blob.size)):
            answer = self._send_chunk(blob, location, piece, at)
            at += len(piece)
            kept = answer.headers.get("range", "")
            if kept and kept.removeprefix("bytes=") != f"0-{at - 1}":
                raise self._out_of_step(f"it has {kept[:40]} where 0-{at - 1} was sent")
            location = self._transport.resolve(answer.headers.get("location") or location, answer.url)
        self._transport.request(
            "PUT", _closing(location, blob), doing=self._doing, headers=_BINARY, size=0, actions=PUSH
        )

    def _send_chunk(self, blob: Blob, location: str, piece: bytes, at: int) -> Answer:
        answer = self._transport.request(
            "PATCH",
            location,
            doing=self._doing,
            headers={**_BINARY, "Content-Range": f"{at}-{at + len(piece) - 1}"},
            body=lambda: self._counted(blob, (piece,), at),
            size=len(piece),
            actions=PUSH,
            accept=(416,),
        )
        if answer.status == 416:
            raise self._out_of_step("416 Requested Range Not Satisfiable")
        return answer

    def _out_of_step(self, why: str) -> NetworkFailed:
        return NetworkFailed(f"{self._transport.registry} lost a part of an upload", reason=why, transient=True)

    def _counted(self, blob: Blob, chunks: Iterable[bytes], at: int) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            at += len(chunk)
            if self._progress is not None:
                self._progress(blob.digest, at, blob.size)


def _closing(location: str, blob: Blob) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={quote(blob.digest)}"


def _regroup(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The bytes of ``chunks`` in pieces of ``size``, and the rest."""
    pending = bytearray()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            taken = size - len(pending)
            pending += rest[:taken]
            rest = rest[taken:]
            if len(pending) == size:
                yield bytes(pending)
                pending.clear()
    if pending:
        yield bytes(pending)
