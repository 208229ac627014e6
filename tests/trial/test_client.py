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


@pytest.mark.parametrize(
    ("answer", "headers", "body"),
    [
        (b"x-a: a\rb\r\nserver: s\r\n", (("x-a", "a\rb"), ("server", "s")), b"body"),
        (b"x-a: a\nb\r\nserver: s\r\n", (("x-a", "a\nb"), ("server", "s")), b"body"),
        (b"x-a: a\x0b\x1c\x85b\r\nX-B: \xe9\r\n", (("x-a", "a\x0b\x1c\x85b"), ("x-b", "\xe9")), b"body"),
        (b"x-a: a\r\r\n", (("x-a", "a\r"),), b"body"),
        (b"x-a: a\r\n\r\nx-b: b\r\n", (("x-a", "a"),), b"x-b: b\r\n\r\nbody"),
    ],
)
def test_headers_are_read_as_they_are(answer: bytes, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    port = _answering(b"HTTP/1.1 200 OK\r\n" + answer + b"\r\nbody", close=True)
    response = send(Request("GET", "/"), port, 5)
    assert (response.headers, response.body.excerpt) == (headers, body)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\na: b\r\n\r\n",
            200,
            b"abcde",
        ),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", 304, b""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody", 200, b"body"),
    ],
)
def test_the_end_of_an_answer(answer: bytes, status: int, body: bytes) -> None:
    response = send(Request("GET", "/"), _answering(answer, close=False), 5)
    assert (response.status, response.body.excerpt) == (status, body)


@pytest.mark.parametrize("answer", [b"220 mail ready\r\n", b"HTTP/1.1 200 OK\r\nx: y"])
def test_what_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        send(Request("GET", "/"), _answering(answer, close=True), 5)


_LARGE = b"x" * 20_000_000  # more than the buffers of a connection hold


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("close", [False, True])
def test_who_answers_early_is_heard(close: bool, chunked: bool) -> None:
    port = _answering(b"HTTP/1.1 413 Payload Too Large\r\ncontent-length: 3\r\n\r\ntoo", close=close)
    headers = (("Transfer-Encoding", "chunked"),) if chunked else ()
    response = send(Request("POST", "/", headers, _LARGE), port, 5)
    assert (response.status, response.body.excerpt) == (413, b"too")


def test_who_reads_a_large_body_gets_all_of_it(upstream: Upstream) -> None:
    assert _sent(Request("POST", "/", (), _LARGE), upstream).body.size == len(_LARGE)


def test_who_does_not_read_a_large_body_takes_too_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TookTooLong):
        send(Request("POST", "/", (), _LARGE), int(server.getsockname()[1]), 0.2)


def test_to_go_on_is_no_answer() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    got = bytearray()

    def serve() -> None:
        connection, _ = server.accept()
        with server, connection, connection.makefile("rb") as reading:
            while reading.readline().strip():
                pass
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            got.extend(reading.read(len(_LARGE)))
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")

    threading.Thread(target=serve, daemon=True).start()
    request = Request("POST", "/", (("Expect", "100-continue"),), _LARGE)
    assert send(request, int(server.getsockname()[1]), 20).status == 200
    assert bytes(got) == _LARGE


def test_a_plugins_line_end_in_a_header_reaches_the_upstream(upstream: Upstream) -> None:
    with socket.create_connection(("127.0.0.1", upstream.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nx-a: a\r\r\nx-b: a\nb\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    (received,) = upstream.take()
    assert received.headers[2:] == ((":authority", "h"), ("x-a", "a\r"), ("x-b", "a\nb"))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(NoAnswer):
        send(Request("GET", "/"), port, 5)
