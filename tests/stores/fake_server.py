"""An HTTP server in this process that fails where it is told to."""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

S = TypeVar("S", bound="Server")
Headers = tuple[tuple[str, str], ...]


class Seen(NamedTuple):
    """A request as it came in; header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Reply(NamedTuple):
    """An answer; ``ending`` is "" or one of reset, cut (half of the body), stall (nothing at all).

    After a ``tunnel`` (a port of 127.0.0.1) bytes go to and fro.
    """

    status: int
    headers: Headers = ()
    body: bytes = b""
    ending: str = ""
    tunnel: int = 0


Act = Callable[[Callable[[], Reply]], Reply]  # given the true answer, the answer to send


class Fault(NamedTuple):
    """What becomes of the ``times`` requests that match, after the first ``skip`` of them."""

    act: Act
    method: str
    part: str
    skip: int
    times: int


def answer(status: int, *headers: tuple[str, str], body: bytes = b"") -> Act:
    """This answer instead of the true one; the request has no effect."""
    return lambda _: Reply(status, headers, body)


def reset(_: Callable[[], Reply]) -> Reply:
    return Reply(0, ending="reset")


def stall(_: Callable[[], Reply]) -> Reply:
    return Reply(0, ending="stall")


def lost(true: Callable[[], Reply]) -> Reply:
    """The request has its effect, and the answer never arrives."""
    true()
    return Reply(0, ending="reset")


def cut(true: Callable[[], Reply]) -> Reply:
    return true()._replace(ending="cut")


def with_header(name: str, value: str) -> Act:
    """The true answer with another value of one header."""

    def act(true: Callable[[], Reply]) -> Reply:
        reply = true()
        kept = tuple(pair for pair in reply.headers if pair[0].lower() != name.lower())
        return reply._replace(headers=(*kept, (name, value)))

    return act


def with_body(change: Callable[[bytes], bytes]) -> Act:
    """The true answer with a changed body."""

    def act(true: Callable[[], Reply]) -> Reply:
        reply = true()
        return reply._replace(body=change(reply.body))

    return act


class Server:
    """HTTP on a free port of 127.0.0.1, a thread for each connection, until the ``with`` block ends.

    One that is ``deaf`` never reads what is PUT.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.seen: list[Seen] = []
        self.closing = threading.Event()
        self.deaf = False
        self.connections = 0
        self._faults: list[Fault] = []
        self._counts: dict[int, int] = {}
        self._http = _Listener(self, tls)
        self.port = int(self._http.server_address[1])
        self.host = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self: S) -> S:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._http.server_close()

    def _serve(self) -> None:
        while not self.closing.is_set():
            self._http.handle_request()

    def fault(self, act: Act, method: str = "", part: str = "", *, skip: int = 0, times: int = 1) -> None:
        """Let ``act`` answer requests with this method and with ``part`` in their path."""
        self._faults.append(Fault(act, method, part, skip, times))

    def calls(self, method: str = "", part: str = "") -> list[str]:
        """``METHOD /path`` of every request so far that matches."""
        return [str(one) for one in self.seen if method in ("", one.method) and part in one.path]

    def take(self, seen: Seen) -> Reply:
        self.seen.append(seen)
        for number, fault in enumerate(self._faults):
            if fault.method in ("", seen.method) and fault.part in seen.path:
                count = self._counts[number] = self._counts.get(number, 0) + 1
                if fault.skip < count <= fault.skip + fault.times:
                    return fault.act(lambda: self.reply(seen))
        return self.reply(seen)

    def reply(self, seen: Seen) -> Reply:
        return Reply(404)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: Server, tls: ssl.SSLContext | None) -> None:
        self.owner = owner
        self._tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.owner.connections += 1
        if self._tls is None:
            super().finish_request(request, client_address)
            return
        with self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as wrapped:
            wrapped.settimeout(5)
            wrapped.do_handshake()
            super().finish_request(wrapped, client_address)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.owner.closing.is_set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        owner = self.server.owner
        if owner.deaf and self.command == "PUT":
            self._stall()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = urlsplit("//" + self.path if self.command == "CONNECT" else self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = owner.take(Seen(self.command, path.path or path.netloc, path.query, headers, body))
        if reply.tunnel:
            self._tunnel(reply)
        elif reply.ending == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())
            self.close_connection = True
        elif reply.ending == "stall":
            self._stall()
        else:
            self._send(reply)

    def _stall(self) -> None:
        self.server.owner.closing.wait(5)
        self.close_connection = True

    def _tunnel(self, reply: Reply) -> None:
        self.close_connection = True
        self.send_response(reply.status)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", reply.tunnel)) as far:
            ends = {self.connection: far, far: self.connection}
            while True:
                for end in select.select(list(ends), [], [], 5)[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            body = reply.body[: len(reply.body) // 2] if reply.ending == "cut" else reply.body
            self.wfile.write(body)
        if reply.ending == "cut":
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_CONNECT = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Standard error belongs to the tests."""
