"""The upstream of a trial: it notes what it gets, and always answers the same.

Its one client is Envoy, whose HTTP/1.1 is exact unless a plugin puts line ends into headers.
"""

from __future__ import annotations

import socketserver
import threading
from email.utils import formatdate
from types import TracebackType

from wasmimg.trial.messages import BodyReader, Pairs, Received
from wasmimg.trial.wire import read_bytes, read_chunks, read_headers

__all__ = ["Upstream"]

ANSWER = b"hello from the upstream\n"
_POLL = 0.05  # seconds
_KEPT = 1000  # requests: a plugin may call the upstream itself, and often


class Upstream:
    """A server on a free loopback port, in a ``with`` block; with ``echo`` it answers with the request."""

    def __init__(self, *, echo: bool = False) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.echo = echo
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL}, name="upstream", daemon=True
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def take(self) -> list[Received]:
        """The requests since the last call."""
        with self._server.lock:
            taken, self._server.received = self._server.received, []
        return taken

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False  # a connection of Envoy's may stay open
    request_queue_size = 128
    echo = False

    def __init__(self, *words: object) -> None:
        super().__init__(*words)  # type: ignore[arg-type]
        self.lock = threading.Lock()
        self.received: list[Received] = []
        self.date = formatdate(usegmt=True)  # one and the same for all answers

    def note(self, received: Received) -> None:
        with self.lock:
            if len(self.received) < _KEPT:
                self.received.append(received)

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over it: Envoy closes connections as it likes."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while first := self.rfile.readline():
            method, target, _ = first.decode("latin-1").split(" ", 2)
            lines = read_headers(self.rfile)
            body, data = self._read_body(dict(lines))
            headers = _as_a_plugin_sees_them(method, target, lines)
            self.server.note(Received(headers, body.body()))
            answer = ANSWER
            if self.server.echo:
                head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines), "", ""]
                answer = "\n".join(head).encode("latin-1") + data
            self._answer(answer, with_body=method != "HEAD")

    def _read_body(self, headers: dict[str, str]) -> tuple[BodyReader, bytes]:
        reader, kept = BodyReader(), bytearray()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = read_chunks(self.rfile)
        else:
            pieces = read_bytes(self.rfile, int(headers.get("content-length", "0")))
        for piece in pieces:
            reader.take(piece)
            if self.server.echo:
                kept.extend(piece)
        return reader, bytes(kept)

    def _answer(self, body: bytes, *, with_body: bool) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(body)}\r\ndate: {self.server.date}\r\n\r\n"
        self.wfile.write(head.encode() + (body if with_body else b""))
        self.wfile.flush()


def _as_a_plugin_sees_them(method: str, target: str, lines: list[tuple[str, str]]) -> Pairs:
    names = {"host": ":authority"}
    return ((":method", method), (":path", target), *((names.get(name, name), value) for name, value in lines))
