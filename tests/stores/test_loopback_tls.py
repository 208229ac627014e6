"""A registry on this machine is spoken to in plain http; what if it speaks TLS?"""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, Seen, Server, answer, eof, reset
from tests.stores.network import CERTIFICATE, LOOPBACK, resolve, server_tls
from tests.stores.samples import (
    NOBODY,
    ONCE,
    OPEN,
    QUICK,
    bytes_of,
    connect,
    home_with,
    no_pauses,
    parts_of,
    sample,
    stored,
)
from wasmimg.errors import NetworkFailed, NotAllowed
from wasmimg.image.reference import parse_reference
from wasmimg.stores.credentials import Access

_TRUSTED = [Access(ca_file=LOOPBACK), Access(all_insecure=True)]


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    """A registry on 127.0.0.1 that speaks TLS, and drops the connection of who does not."""
    with FakeRegistry(tls=server_tls(LOOPBACK)) as running:
        stored(running, sample())
        yield running


def _read(host: str, access: Access = OPEN, environment: dict[str, str] = NOBODY) -> None:
    with connect(f"{host}/acme/app:v1", access=access, environment=environment, policy=ONCE) as client:
        assert bytes_of(client.open()) == parts_of(sample())


@pytest.mark.parametrize("access", _TRUSTED, ids=["ca file", "insecure"])
def test_it_is_read_where_it_can_be_trusted(registry: FakeRegistry, access: Access) -> None:
    _read(registry.host, access)


@pytest.mark.parametrize("access", _TRUSTED, ids=["ca file", "insecure"])
def test_it_is_pushed_to_where_it_can_be_trusted(registry: FakeRegistry, access: Access, tmp_path: Path) -> None:
    registry.basic = ("me", "hunter2")
    text = f"{registry.host}/acme/new:v1"
    environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
    with connect(text, access=access, environment=environment, policy=ONCE) as client:
        client.push(sample(), [parse_reference(text)])
    assert ("acme/new", "v1") in registry.manifests


def test_a_folder_of_certificates_makes_it_trusted(registry: FakeRegistry, tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "containers" / "certs.d" / registry.host
    folder.mkdir(parents=True)
    shutil.copy(LOOPBACK, folder / "ca.crt")
    _read(registry.host, environment={"HOME": str(tmp_path)})


@pytest.mark.parametrize("access", [OPEN, Access(ca_file=CERTIFICATE)], ids=["nothing", "another"])
def test_where_it_cannot_be_trusted_that_is_said_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, access: Access
) -> None:
    pauses = no_pauses(monkeypatch)
    with pytest.raises(NetworkFailed, match=f"TLS certificate of {registry.host} cannot be trusted") as caught:
        with connect(f"{registry.host}/acme/app:v1", access=access, policy=QUICK) as client:
            client.open().top()
    assert "--ca-file" in (caught.value.hint or "")
    assert "insecure" in (caught.value.hint or "")
    assert (pauses, registry.seen) == ([], [])


_ANSWERS = [
    b"Client sent an HTTP request to an HTTPS server.\n",
    b"<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>",
    b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />",
]


@pytest.mark.parametrize("words", _ANSWERS, ids=["Go", "nginx", "Apache"])
def test_a_server_that_answers_in_plain_http_that_it_speaks_tls_is_understood(words: bytes) -> None:
    # This one speaks no TLS after all: what counts is that it was tried, and what is said of that.
    with FakeRegistry() as registry:
        registry.fault(answer(400, body=words), times=10)
        with pytest.raises(NetworkFailed) as caught:
            _read(registry.host, Access(all_insecure=True))
        assert "400" not in f"{caught.value.message} {caught.value.reason}".replace(registry.host, "")
        assert registry.connections == 2


def test_another_400_is_only_a_400() -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(400, body=b"no HTTP request here"), times=10)
        with pytest.raises(NetworkFailed, match="refused") as caught:
            _read(registry.host, Access(all_insecure=True))
        assert "400" in (caught.value.reason or "")
        assert registry.connections == 1


class _Go(Server):
    """The port of ``secure`` as a server in Go has it: what is no TLS gets an answer, to HEAD as well."""

    def __init__(self, secure: FakeRegistry) -> None:
        super().__init__()
        self._secure = secure
        self._plain = self._http.finish_request
        self._http.finish_request = self._finish  # type: ignore[method-assign]

    def _finish(self, request: socket.socket, client_address: object) -> None:
        if request.recv(1, socket.MSG_PEEK) == b"\x16":  # a handshake, RFC 8446 section 5.1
            self._secure._http.finish_request(request, client_address)
        else:
            self._plain(request, client_address)

    def reply(self, seen: Seen) -> Reply:
        return Reply(400, (("Connection", "close"),), b"Client sent an HTTP request to an HTTPS server.\n")


@pytest.mark.parametrize("access", _TRUSTED, ids=["ca file", "insecure"])
def test_a_server_in_go_is_read_and_pushed_to_where_it_can_be_trusted(registry: FakeRegistry, access: Access) -> None:
    with _Go(registry) as there:
        _read(there.host, access)
        text = f"{there.host}/acme/new:v1"
        with connect(text, access=access, policy=ONCE) as client:
            client.push(sample(), [parse_reference(text)])
        assert ("acme/new", "v1") in registry.manifests
        assert [seen.method for seen in there.seen] == ["GET", "HEAD"]


@pytest.mark.parametrize("push", [False, True])
def test_a_server_in_go_that_cannot_be_trusted_is_named(registry: FakeRegistry, push: bool) -> None:
    with _Go(registry) as there, connect(f"{there.host}/acme/app:v1", policy=ONCE) as client:
        with pytest.raises(NetworkFailed, match="cannot be trusted") as caught:
            client.push(sample(), [client.reference]) if push else client.open().top()
        assert "--ca-file" in (caught.value.hint or "")


@pytest.mark.parametrize("act", [reset, eof], ids=["reset", "eof"])
@pytest.mark.parametrize("access", [OPEN, *_TRUSTED], ids=["open", "ca file", "insecure"])
def test_a_broken_connection_of_a_plain_registry_is_only_that(
    monkeypatch: pytest.MonkeyPatch, act: Act, access: Access
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        stored(registry, sample())
        registry.fault(act)
        with connect(f"{registry.host}/acme/app:v1", access=access, policy=QUICK) as client:
            assert bytes_of(client.open()) == parts_of(sample())
        assert len(pauses) == 1


class _Plain(Server):
    def reply(self, seen: Seen) -> Reply:
        return Reply(200, (), b'{"token":"stolen"}')


def test_one_that_was_found_to_speak_tls_names_no_token_server_without_it(
    monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.bearer = ("me", "hunter2")
    registry.realm = "http://tokens.test/token"
    with _Plain() as tokens:
        resolve(monkeypatch, {("tokens.test", 80): tokens.port})
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        with pytest.raises(NotAllowed, match=r"wants credentials sent to http://tokens\.test"):
            _read(registry.host, Access(all_insecure=True), environment)
        assert tokens.seen == []
