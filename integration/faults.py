"""A proxy in front of a real registry that fails in one way, once at each request."""

from __future__ import annotations

import http.client
import re
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host"}


class Seen(NamedTuple):
    """A request, with what differs from upload to upload cut out, and whether it was let fail."""

    method: str
    path: str
    failed: bool


class FaultyRegistry:
    """HOST:PORT that leads to ``upstream``; ``fault`` is an HTTP status, ``reset``, ``eof``, ``stall`` or ``none``.

    Each request, by its method and path, fails the first time and is passed on from then on;
    with ``always`` it fails every time.
    """

    def __init__(self, upstream: str, fault: str, *, always: bool = False) -> None:
        self.fault = fault
        self.always = always
        self.seen: list[Seen] = []
        self._closing = threading.Event()
        self._upstream = upstream
        self._lock = threading.Lock()
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                faulty.serve(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the tests ask ``seen``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FaultyRegistry:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def failures(self) -> list[Seen]:
        """The requests that were let fail."""
        return [one for one in self.seen if one.failed]

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Fail, or ask the registry."""
        path = re.sub(r"(/uploads/)[0-9a-f-]+", r"\1*", handler.path.partition("?")[0])
        with self._lock:
            known = any((one.method, one.path) == (handler.command, path) for one in self.seen)
            failing = self.fault != "none" and (self.always or not known)
            self.seen.append(Seen(handler.command, path, failing))
        if failing and self.fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if failing and self.fault in ("eof", "stall"):
            if self.fault == "stall":
                self._closing.wait(60)
            handler.close_connection = True
            return
        body = _body(handler)
        if failing:
            handler.send_response(int(self.fault))
            handler.send_header("Content-Length", "0")
            if self.fault == "429":
                handler.send_header("Retry-After", "1")
            handler.end_headers()
            return
        self._pass_on(handler, body)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            # With our Host the registry's Location headers lead back through here.
            headers = {key: value for key, value in handler.headers.items() if key.lower() not in _HOP_BY_HOP}
            headers |= {"Host": self.host, "Content-Length": str(len(body))}
            connection.request(handler.command, handler.path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            handler.send_response(answer.status)
            for key, value in answer.getheaders():
                if key.lower() not in _HOP_BY_HOP | {"content-length", "date", "server"}:
                    handler.send_header(key, value)
            length = answer.getheader("Content-Length") if handler.command == "HEAD" else str(len(content))
            handler.send_header("Content-Length", length or "0")
            handler.end_headers()
            handler.wfile.write(content)
        finally:
            connection.close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if "chunked" not in handler.headers.get("Transfer-Encoding", ""):
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)
