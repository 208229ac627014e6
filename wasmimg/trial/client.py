"""Sending a request to a listener on loopback, just as it is written, and reading the answer just as it comes."""

from __future__ import annotations

import http.client
import re
import selectors
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from io import BufferedIOBase

from wasmimg.trial.messages import BodyReader, Request, Response
from wasmimg.trial.wire import read_bytes, read_chunks, read_headers

__all__ = ["NoAnswer", "TookTooLong", "send"]

# Both the request with the plugin and the one without have this one, so that they are equal.
REQUEST_ID = "5a5a5a5a-0000-4000-8000-000000000001"
_PIECE = 1 << 16  # bytes
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")
_WITHOUT_BODY = (204, 304)  # RFC 9112, section 6.3


class NoAnswer(Exception):
    """The connection ended before there was a whole answer."""


class TookTooLong(Exception):
    """There was no whole answer in time."""


def send(request: Request, port: int, timeout: float) -> Response:
    """Send ``request``; raises NoAnswer, and TookTooLong after ``timeout`` seconds.

    What its author left out and HTTP wants is added: Host, and Content-Length for a body.
    """
    end = time.monotonic() + timeout
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        names = {name.lower() for name, _ in request.headers}
        chunked = "transfer-encoding" in names
        connection.connect()
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in (*_missing(request, names), *request.headers):
            connection.putheader(name, value.encode())
        with suppress(ConnectionError):  # an answer may be there all the same
            connection.endheaders()
            _send_body(connection.sock, _in_chunks(request.body) if chunked else request.body, end)
        with connection.sock.makefile("rb") as answer:
            return _read(answer, end, with_body=request.method != "HEAD")
    except TimeoutError:
        raise TookTooLong from None
    except (OSError, EOFError, ValueError, http.client.HTTPException) as error:
        raise NoAnswer(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def _missing(request: Request, names: set[str]) -> list[tuple[str, str]]:
    found = []
    if "host" not in names:
        found.append(("Host", "localhost"))
    if "x-request-id" not in names:
        found.append(("X-Request-Id", REQUEST_ID))
    if request.body and not names & {"content-length", "transfer-encoding"}:
        found.append(("Content-Length", str(len(request.body))))
    return found


def _in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"


def _send_body(connection: socket.socket, body: bytes, end: float) -> None:
    """Send it, or as much of it as is wanted: who answers early reads no more."""
    rest = memoryview(body)
    heeded = True
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while rest:
            events = selector.select(max(end - time.monotonic(), 0.0))
            if not events:
                raise TimeoutError
            if heeded and events[0][1] & selectors.EVENT_READ:
                # 100 Continue, which is an answer to a header of the request, wants the body.
                heeded = not connection.recv(len(b"HTTP/1.1 1"), socket.MSG_PEEK).startswith(b"HTTP/1.1 1")
                if heeded:
                    return
            if events[0][1] & selectors.EVENT_WRITE:
                rest = rest[connection.send(rest[:_PIECE]) :]


def _read(answer: BufferedIOBase, end: float, *, with_body: bool) -> Response:
    status = 100
    while 100 <= status < 200 and status != 101:
        line = answer.readline()
        match = _STATUS.match(line)
        if match is None:
            raise NoAnswer(f"this is no answer: {line[:100]!r}" if line else "the connection was closed")
        status = int(match[1])
        headers = read_headers(answer)
    fields = dict(headers)
    if not with_body or status in _WITHOUT_BODY:
        pieces: Iterable[bytes] = ()
    elif "chunked" in fields.get("transfer-encoding", "").lower():
        pieces = read_chunks(answer)
    elif "content-length" in fields:
        pieces = read_bytes(answer, int(fields["content-length"]))
    else:
        pieces = iter(lambda: answer.read1(_PIECE), b"")
    body = BodyReader()
    for piece in pieces:
        body.take(piece)
        if time.monotonic() >= end:
            raise TimeoutError
    return Response(status, tuple(headers), body.body())
