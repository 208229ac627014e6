"""Registries that cannot be reached, are silent, or speak another scheme: class 7, with a way out."""

from __future__ import annotations

import socket
import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Reply, answer, reset, stall
from tests.stores.network import resolve
from tests.stores.samples import NOBODY, ONCE, OPEN, QUICK, bytes_of, connect, no_pauses, parts_of, sample, stored
from wasmimg.errors import ImageRefused, NetworkFailed, UsageError
from wasmimg.events import Event
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.transport import Transport


def _read(text: str, policy: Policy = ONCE, access: Access = OPEN) -> tuple[bytes, bytes, bytes]:
    with connect(text, policy=policy, access=access) as client:
        return bytes_of(client.open())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def test_a_port_that_nobody_listens_on_is_class_7_after_every_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    host = f"127.0.0.1:{_free_port()}"
    with pytest.raises(NetworkFailed) as caught:
        _read(f"{host}/acme/app:v1", QUICK)
    assert caught.value.exit_code == 7
    assert host in caught.value.message
    assert "refused" in (caught.value.reason or "").lower()
    assert len(pauses) == 2


def test_a_silent_server_is_given_up_after_the_idle_time() -> None:
    with FakeRegistry() as registry:
        registry.fault(stall)
        started = time.monotonic()
        with pytest.raises(NetworkFailed, match=r"silent for 0\.2 seconds") as caught:
            _read(f"{registry.host}/acme/app:v1", ONCE._replace(idle_timeout=0.2))
        assert time.monotonic() - started < 2
        assert (caught.value.exit_code, caught.value.transient) == (7, True)
        assert registry.host in caught.value.message


def test_a_server_that_never_takes_the_connection_is_given_up() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(NetworkFailed, match=host):
            _read(f"{host}/acme/app:v1", ONCE._replace(idle_timeout=0.1))


def test_a_connection_that_is_reset_is_class_7() -> None:
    with FakeRegistry() as registry:
        registry.fault(reset, times=10)
        with pytest.raises(NetworkFailed, match="broke") as caught:
            _read(f"{registry.host}/acme/app:v1")
        assert registry.host in caught.value.message


@pytest.mark.parametrize("body", [b"", b"5\r\nhel" * 2, b"zz\r\n" * 2], ids=["nothing", "half a chunk", "no size"])
def test_an_answer_in_chunks_that_breaks_off_is_class_7(body: bytes) -> None:
    with FakeRegistry() as registry:
        registry.fault(lambda _: Reply(200, (("Transfer-Encoding", "chunked"),), body, "cut"))
        with pytest.raises(NetworkFailed, match="broke") as caught:
            _read(f"{registry.host}/acme/app:v1")
        assert caught.value.transient


def test_a_host_that_is_not_known_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    resolve(monkeypatch, {})
    with pytest.raises(NetworkFailed, match=r"the host registry\.test is not known") as caught:
        _read("registry.test/acme/app:v1", QUICK)
    assert (pauses, caught.value.hint) == ([], "check the registry's name")


def test_a_resolver_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    resolve(monkeypatch, {}, failing=socket.EAI_AGAIN)
    with pytest.raises(NetworkFailed):
        _read("registry.test/acme/app:v1", QUICK)
    assert len(pauses) == 2


@pytest.mark.parametrize(
    "registry, base",
    [
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("127.1.2.3", "http://127.1.2.3"),
        ("localhost:5000", "http://localhost:5000"),
        ("LOCALHOST:5000", "http://LOCALHOST:5000"),
        ("[::1]:5000", "http://[::1]:5000"),
        ("localhost.example", "https://localhost.example"),
        ("127.0.0.1.example", "https://127.0.0.1.example"),
        ("128.0.0.1:5000", "https://128.0.0.1:5000"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ("ghcr.io", "https://ghcr.io"),
        ("index.docker.io", "https://registry-1.docker.io"),
    ],
)
def test_plain_http_is_for_this_machine_alone(registry: str, base: str) -> None:
    assert Transport(registry, "acme/app", OPEN, NOBODY, 1.0).base == base


def test_plain_http_elsewhere_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry:
        stored(registry, sample())
        resolve(monkeypatch, {("registry.test", 5000): registry.port})
        with pytest.raises(NetworkFailed, match="speaks plain http where https was expected") as caught:
            _read("registry.test:5000/acme/app:v1", QUICK)
        assert "--insecure" in (caught.value.hint or "")
        assert registry.seen == []


@pytest.mark.parametrize(
    "access", [Access(all_insecure=True), Access(insecure=("registry.test:5000",))], ids=["all", "this"]
)
def test_plain_http_elsewhere_is_spoken_where_it_is_allowed(monkeypatch: pytest.MonkeyPatch, access: Access) -> None:
    with FakeRegistry() as registry:
        stored(registry, sample())
        resolve(monkeypatch, {("registry.test", 5000): registry.port})
        assert _read("registry.test:5000/acme/app:v1", access=access) == parts_of(sample())


@pytest.mark.parametrize("listed", ["registry.test", "registry.test:5001", "other.test:5000", "test:5000"])
def test_plain_http_is_allowed_to_the_host_that_is_listed_and_no_other(
    monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    with FakeRegistry() as registry:
        resolve(monkeypatch, {("registry.test", 5000): registry.port})
        with pytest.raises(NetworkFailed):
            _read("registry.test:5000/acme/app:v1", access=Access(insecure=(listed,)))


def test_an_insecure_registry_without_a_port_is_tried_at_port_80(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry:
        stored(registry, sample())
        resolve(monkeypatch, {("registry.test", 443): _free_port(), ("registry.test", 80): registry.port})
        assert _read("registry.test/acme/app:v1", access=Access(all_insecure=True)) == parts_of(sample())


@pytest.mark.parametrize("host", ["registry.test:99999", "[::1"])
def test_a_registry_that_is_no_address_is_a_usage_error(host: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        Transport(host, "acme/app", OPEN, NOBODY, 1.0)


@pytest.mark.parametrize("host", ["x" * 64 + ".test", "registry..test"])
def test_a_name_that_no_host_can_have_is_class_7_at_once(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    pauses = no_pauses(monkeypatch)
    with pytest.raises(NetworkFailed, match="no host name"):
        _read(f"{host}/acme/app:v1", QUICK)
    assert pauses == []


def test_what_a_registry_says_moves_no_cursor() -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(400, body=b"no\x1b[2Jt\nhere"))
        with pytest.raises(NetworkFailed) as caught:
            _read(f"{registry.host}/acme/app:v1")
        assert caught.value.reason == "400 Bad Request, no [2Jt here"


def _pause_for(monkeypatch: pytest.MonkeyPatch, value: str) -> list[float]:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(429, ("Retry-After", value)))
        assert _read(text, QUICK) == parts_of(sample())
    return pauses


@pytest.mark.parametrize(
    "value, pause",
    [("0", 0.0), ("5", 5.0), (" 5 ", 5.0), ("30", 30.0), ("31", 30.0), ("86400", 30.0), ("9" * 400, 30.0)],
)
def test_a_pause_in_seconds_is_taken_up_to_half_a_minute(
    monkeypatch: pytest.MonkeyPatch, value: str, pause: float
) -> None:
    assert _pause_for(monkeypatch, value) == [pause]


@pytest.mark.parametrize("seconds, least, most", [(20, 10, 20), (3600, 30, 30), (-3600, 0, 0)])
def test_a_pause_may_be_a_date(monkeypatch: pytest.MonkeyPatch, seconds: int, least: int, most: int) -> None:
    until = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)
    (pause,) = _pause_for(monkeypatch, until)
    assert least <= pause <= most


@pytest.mark.parametrize(
    "value", ["", "soon", "-1", "1.5", "\u00b2", "Wed, 99 Foo 2026", "Wed, 21 Oct 2026 07:28:00 -0000"]
)
def test_a_pause_that_cannot_be_read_is_our_own(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    (pause,) = _pause_for(monkeypatch, value)
    assert 0 <= pause <= 8


def test_a_repeat_is_told_with_its_reason_and_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    heard: list[Event] = []
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(503, ("Retry-After", "4"), body=b'{"errors":[{"code":"BUSY","message":"come back"}]}'))
        with connect(text, tell=heard.append) as client:
            client.read_manifest("v1")
        assert [event.kind for event in heard] == ["retry"]
        for words in (registry.host, "503", "BUSY: come back", "4.0 s"):
            assert words in heard[0].text


def test_an_answer_larger_than_its_limit_is_refused() -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(200, body=bytes(11)))
        transport = Transport(registry.host, "acme/app", OPEN, NOBODY, 2.0)
        with pytest.raises(ImageRefused, match="more than the 10 bytes"):
            transport.request("GET", "/v2/", doing="read", limit=10)
        transport.close()


def test_a_connection_is_used_again() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        assert _read(text) == parts_of(sample())
        assert registry.connections == 1
