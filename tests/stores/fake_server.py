"""An HTTP server in this process that fails where it is told to."""

from __future__ import annotations

import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

S = TypeVar("S", bound="Server")
_SLOW = 0.002  # seconds after each byte
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
    """An answer; ``ending`` is "" or one of reset, eof and stall (nothing at all), cut (half of the
    body), slow (byte by byte), endless (the body again and again).

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


def eof(_: Callable[[], Reply]) -> Reply:
    return Reply(0, ending="eof")


def stall(_: Callable[[], Reply]) -> Reply:
    return Reply(0, ending="stall")


def lost(true: Callable[[], Reply]) -> Reply:
    """The request has its effect, and the answer never arrives."""
    true()
    return Reply(0, ending="reset")


def cut(true: Callable[[], Reply]) -> Reply:
    return true()._replace(ending="cut")


def slow(true: Callable[[], Reply]) -> Reply:
    return true()._replace(ending="slow")


def endless(true: Callable[[], Reply]) -> Reply:
    return true()._replace(ending="endless")


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
        self.endless = 0  # bytes sent without end
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
            try:
                wrapped.do_handshake()
            except ssl.SSLError:
                _let_go(wrapped)
                return
            super().finish_request(wrapped, client_address)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return not self.owner.closing.is_set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is part of the tests."""


def _let_go(wrapped: ssl.SSLSocket) -> None:
    """Close so that the client can read the alert: with unread data there would be a reset."""
    with suppress(OSError), socket.socket(fileno=wrapped.detach()) as plain:
        plain.settimeout(1)
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(65536):
            pass


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
        elif reply.ending == "eof":
            self.close_connection = True
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
        if reply.ending == "endless":
            self._send_endless(reply.body)
            return
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD" and reply.ending == "slow":
            for at in range(len(reply.body)):
                self.wfile.write(reply.body[at : at + 1])
                self.server.owner.closing.wait(_SLOW)
        elif self.command != "HEAD":
            body = reply.body[: len(reply.body) // 2] if reply.ending == "cut" else reply.body
            self.wfile.write(body)
        if reply.ending == "cut":
            self.close_connection = True

    def _send_endless(self, body: bytes) -> None:
        self.close_connection = True
        self.end_headers()
        while not self.server.owner.closing.is_set():
            self.wfile.write(body or b" ")
            self.server.owner.endless += len(body or b" ")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = _serve

    def log_message(self, format: str, *args: object) -> None:
        """Standard error belongs to the tests."""
