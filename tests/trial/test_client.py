"""The client and the upstream, one against the other: what is sent arrives, and what does not come is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from wasmimg.trial.client import NoAnswer, TookTooLong, send
from wasmimg.trial.messages import Received, Request
from wasmimg.trial.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


def _sent(request: Request, upstream: Upstream) -> Received:
    response = send(request, upstream.port, 5)
    assert (response.status, response.body.excerpt) == (200, b"hello from the upstream\n")
    (received,) = upstream.take()
    return received


def test_what_is_left_out_and_needed_is_added(upstream: Upstream) -> None:
    received = _sent(Request("GET", "/a?b"), upstream)
    found = dict(received.headers)
    assert (found.pop(":method"), found.pop(":path"), found.pop(":authority")) == ("GET", "/a?b", "localhost")
    assert list(found) == ["x-request-id"]


def test_what_is_written_is_sent_as_it_is(upstream: Upstream) -> None:
    headers = (("HOST", "a.example"), ("x-request-id", "mine"), ("X-Twice", "1"), ("X-Twice", "\u00e9"))
    received = _sent(Request("PURGE", "/", headers, b"\0body"), upstream)
    assert received.headers == (
        (":method", "PURGE"),
        (":path", "/"),
        ("content-length", "5"),
        (":authority", "a.example"),
        ("x-request-id", "mine"),
        ("x-twice", "1"),
        ("x-twice", "\xc3\xa9"),
    )
    assert received.body.excerpt == b"\0body"


@pytest.mark.parametrize("body", [b"", b"in chunks"])
def test_a_body_in_chunks(body: bytes, upstream: Upstream) -> None:
    received = _sent(Request("POST", "/", (("Transfer-Encoding", "chunked"),), body), upstream)
    assert received.body.excerpt == body
    assert "content-length" not in dict(received.headers)


def test_the_answer_to_head_has_no_body(upstream: Upstream) -> None:
    response = send(Request("HEAD", "/"), upstream.port, 5)
    assert (response.body.size, dict(response.headers)["content-length"]) == (0, "24")


def test_the_answer_is_the_same_every_time(upstream: Upstream) -> None:
    assert send(Request("GET", "/"), upstream.port, 5) == send(Request("POST", "/x", (), b"x"), upstream.port, 5)


def test_an_echo_shows_the_request() -> None:
    with Upstream(echo=True) as upstream:
        response = send(Request("PUT", "/p", (("Host", "h"), ("X-Request-Id", "1")), b"body"), upstream.port, 5)
    expected = b"PUT /p HTTP/1.1\ncontent-length: 4\nhost: h\nx-request-id: 1\n\nbody"
    assert response.body.excerpt == expected


def _answering(answer: bytes, *, close: bool) -> int:
    """The port of a server that answers one request with ``answer``, and keeps the connection unless ``close``."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(answer)
        if close:
            connection.close()
        else:
            connection.recv(65536)  # until the client is gone
            connection.close()
        server.close()

    threading.Thread(target=serve, daemon=True).start()
    return int(server.getsockname()[1])


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"])
def test_no_answer_and_half_an_answer(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        send(Request("GET", "/"), _answering(answer, close=True), 5)
    with pytest.raises(TookTooLong):
        send(Request("GET", "/"), _answering(answer, close=False), 0.2)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoAnswer):
        send(Request("GET", "/"), port, 5)
