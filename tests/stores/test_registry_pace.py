"""Slow is not silent: what moves is never cut off, what stands still is, and what never ends is refused."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Reply, answer, endless, slow, stall, with_header
from tests.stores.samples import NOBODY, ONCE, OPEN, QUICK, bytes_of, connect, no_pauses, parts_of, sample, stored
from wasmimg.errors import ImageRefused, NetworkFailed
from wasmimg.image.manifest import MANIFEST_LIMIT
from wasmimg.stores import sockets
from wasmimg.stores.transport import Transport

_IDLE = 0.25  # seconds


@contextmanager
def _reader(read: Callable[[socket.socket, int, threading.Event], None]) -> Iterator[str]:
    """HOST:PORT of a server with a small buffer; ``read`` takes the body of one request in, until the test is over."""
    over = threading.Event()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(1)
                found = re.search(rb"content-length: (\d+)", head.lower())
                assert found
                read(connection, int(found[1]), over)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def _slowly(connection: socket.socket, size: int, over: threading.Event) -> None:
    while size:
        size -= len(connection.recv(min(8000, size)))
        time.sleep(0.01)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


def _not_at_all(connection: socket.socket, size: int, over: threading.Event) -> None:
    connection.recv(1000)
    over.wait(10)


def _with_a_refusal(connection: socket.socket, size: int, over: threading.Event) -> None:
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    over.wait(10)


def _put(host: str, size: int) -> int:
    transport = Transport(host, "acme/app", OPEN, NOBODY, _IDLE)
    data = bytes(size)
    try:
        return transport.request("PUT", "/v2/x", doing="push", body=lambda: (data,), size=size, accept=(403,)).status
    finally:
        transport.close()


@pytest.mark.parametrize("size", [500_000, 3_000], ids=["much", "little"])
def test_a_server_that_reads_slowly_is_not_cut_off(size: int) -> None:
    with _reader(_slowly) as host:
        began = time.monotonic()
        assert _put(host, size) == 201
        assert size < 10_000 or time.monotonic() - began > 2 * _IDLE


@pytest.mark.parametrize("size", [8_000_000, 300_000], ids=["more than the kernel takes", "less"])
def test_a_server_that_stops_reading_is(size: int) -> None:
    with _reader(_not_at_all) as host:
        began = time.monotonic()
        with pytest.raises(NetworkFailed, match=r"silent for 0\.25 seconds") as caught:
            _put(host, size)
        assert caught.value.transient
        assert time.monotonic() - began < 2


def test_a_refusal_that_comes_before_the_end_is_heard() -> None:
    with _reader(_with_a_refusal) as host:
        assert _put(host, 8_000_000) == 403


def test_after_a_refusal_of_a_body_the_connection_is_not_used_again() -> None:
    with FakeRegistry() as registry:
        transport = Transport(registry.host, "acme/app", OPEN, NOBODY, _IDLE)
        registry.fault(answer(403), "PUT")
        for _ in range(2):  # what was not sent of the body would be read as the next request
            transport.request("PUT", "/v2/x", doing="push", body=lambda: (b"x",), size=1, accept=(403, 404))
        transport.close()
        assert registry.connections == 2


class _Stuck:
    """A socket that takes no byte at first, as one does whose buffer is full."""

    def __init__(self, times: int) -> None:
        self._left = times
        self.taken = b""

    def send(self, data: memoryview) -> int:
        self._left -= 1
        if self._left >= 0:
            raise TimeoutError("timed out")
        self.taken += data[:2]
        return min(2, len(data))


@pytest.mark.parametrize("unsent, arrives", [([9, 6, 3, 0], True), ([9, 6, 6, 0], False), ([None] * 4, False)])
def test_a_full_buffer_that_empties_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, unsent: list[int | None], arrives: bool
) -> None:
    told = iter([*unsent, *[0] * 9])
    monkeypatch.setattr(sockets, "unsent", lambda _: next(told))
    monkeypatch.setattr(sockets, "wait_for_read", lambda *_: False)
    connection: Any = sockets.POOLS["http"].ConnectionCls("127.0.0.1")
    connection.sock = stuck = _Stuck(3)
    if arrives:
        connection.send(b"hello")
        assert stuck.taken == b"hello"
    else:
        with pytest.raises(TimeoutError):
            connection.send(b"hello")


def test_a_body_that_comes_slowly_is_read_to_its_end() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(slow, "GET", "/blobs/")
        began = time.monotonic()
        with connect(text, policy=ONCE._replace(idle_timeout=_IDLE)) as client:
            assert bytes_of(client.open()) == parts_of(sample())
        assert time.monotonic() - began > 2 * _IDLE


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_a_body_without_end_is_refused_unread(part: str) -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(endless, "GET", part)
        with connect(text, policy=QUICK) as client, pytest.raises(ImageRefused, match="more than"):
            bytes_of(client.open())
        assert registry.endless < 4 * MANIFEST_LIMIT


@pytest.mark.parametrize("status", [400, 503])
def test_a_refusal_without_end_is_only_a_refusal(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(lambda _: Reply(status, (), b"no " * 1000, "endless"), times=10)
        with connect(f"{registry.host}/acme/app:v1") as client, pytest.raises(NetworkFailed) as caught:
            client.open().top()
        assert str(status) in (caught.value.reason or "")


def test_a_refusal_that_trickles_is_not_waited_for() -> None:
    with FakeRegistry() as registry:
        registry.fault(lambda _: Reply(400, (), b"x" * 1000, "slow"))
        began = time.monotonic()
        with connect(f"{registry.host}/acme/app:v1", policy=ONCE._replace(idle_timeout=_IDLE)) as client:
            with pytest.raises(NetworkFailed, match="refused"):
                client.open().top()
        assert time.monotonic() - began < 1


@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_a_body_that_would_unpack_to_more_is_not_unpacked(part: str) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(200, ("Content-Encoding", "gzip"), body=bomb), "GET", part)
        tracemalloc.start()
        try:
            with connect(text, policy=ONCE) as client, pytest.raises(ImageRefused):
                bytes_of(client.open())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 << 20


@pytest.mark.parametrize("digest", ["", "x", "sha256:", "sha256:" + "x" * 64, "sha512:" + "0" * 128])
def test_a_digest_that_is_none_is_not_believed(digest: str) -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(with_header("Docker-Content-Digest", digest), "GET", "/manifests/")
        with connect(text, policy=ONCE) as client:
            assert client.open().top() == sample().manifest


def test_a_silence_in_the_middle_of_a_body_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(stall, "GET", "/blobs/")
        with connect(text, policy=QUICK._replace(idle_timeout=_IDLE)) as client:
            assert bytes_of(client.open()) == parts_of(sample())
        assert len(pauses) == 1
