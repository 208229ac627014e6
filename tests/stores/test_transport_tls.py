"""TLS: nobody is trusted unproven unless the user says so, and then only that registry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import answer
from tests.stores.network import CERTIFICATE, resolve, server_tls
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
from wasmimg.errors import NetworkFailed, UsageError, WasmimgError
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.transport import Transport

_HOST = "registry.test:5000"
_TEXT = f"{_HOST}/acme/app:v1"
_TRUSTED = Access(ca_file=CERTIFICATE)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    """registry.test:5000 with a certificate that it signed itself, and an image."""
    with FakeRegistry(tls=server_tls()) as running:
        stored(running, sample())
        resolve(monkeypatch, {("registry.test", 5000): running.port, ("other.test", 5000): running.port})
        yield running


def _read(
    text: str = _TEXT, access: Access = OPEN, policy: Policy = ONCE, environment: dict[str, str] = NOBODY
) -> tuple[bytes, bytes, bytes]:
    with connect(text, access=access, policy=policy, environment=environment) as client:
        return bytes_of(client.open())


def test_a_self_signed_certificate_is_class_7_at_once_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry
) -> None:
    pauses = no_pauses(monkeypatch)
    with pytest.raises(NetworkFailed, match=f"the TLS certificate of {_HOST} cannot be trusted") as caught:
        _read(policy=QUICK)
    assert caught.value.exit_code == 7
    assert "self-signed" in (caught.value.reason or "").replace("self signed", "self-signed")
    assert "--ca-file" in (caught.value.hint or "")
    assert (pauses, registry.seen) == ([], [])


def test_the_certificate_of_its_authority_makes_it_trusted(registry: FakeRegistry) -> None:
    assert _read(access=_TRUSTED) == parts_of(sample())


@pytest.mark.parametrize("access", [Access(all_insecure=True), Access(insecure=(_HOST,))], ids=["all", "this"])
def test_an_insecure_registry_need_not_prove_who_it_is(registry: FakeRegistry, access: Access) -> None:
    assert _read(access=access) == parts_of(sample())


def test_insecure_holds_for_the_hosts_that_are_listed(registry: FakeRegistry) -> None:
    with pytest.raises(NetworkFailed, match="cannot be trusted"):
        _read(access=Access(insecure=("other.test:5000",)))


def test_a_certificate_for_another_name_is_refused(registry: FakeRegistry) -> None:
    with pytest.raises(NetworkFailed, match=r"certificate of other\.test:5000 cannot be trusted"):
        _read("other.test:5000/acme/app:v1", _TRUSTED)


def test_a_certificate_for_another_name_passes_where_insecure_is_said(registry: FakeRegistry) -> None:
    access = Access(all_insecure=True, ca_file=CERTIFICATE)
    assert _read("other.test:5000/acme/app:v1", access) == parts_of(sample())


def test_a_ca_file_that_is_not_there_is_a_usage_error(registry: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file: .*none\.pem"):
        _read(access=Access(ca_file=tmp_path / "none.pem"))


@pytest.mark.parametrize(
    "content", [b"", b"no certificate\n", b"\0\xff", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"]
)
def test_a_ca_file_without_a_certificate_is_named(registry: FakeRegistry, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(WasmimgError) as caught:
        _read(access=Access(ca_file=tmp_path / "ca.pem"))
    assert str(tmp_path / "ca.pem") in f"{caught.value.message} {caught.value.reason}"


def test_credentials_do_not_go_to_a_registry_that_is_not_trusted(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.basic = ("me", "hunter2")
    with pytest.raises(NetworkFailed):
        _read(environment=home_with(tmp_path, _HOST, username="me", password="hunter2"))
    assert registry.seen == []


def test_credentials_go_to_a_registry_that_is_trusted(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.basic = ("me", "hunter2")
    environment = home_with(tmp_path, _HOST, username="me", password="hunter2")
    assert _read(access=_TRUSTED, environment=environment) == parts_of(sample())


def test_a_token_server_on_the_registry_is_trusted_like_it(registry: FakeRegistry, tmp_path: Path) -> None:
    registry.bearer = ("me", "hunter2")
    registry.realm = f"https://{_HOST}/token"
    environment = home_with(tmp_path, _HOST, username="me", password="hunter2")
    assert _read(access=_TRUSTED, environment=environment) == parts_of(sample())


@pytest.mark.parametrize("access", [_TRUSTED, Access(all_insecure=True)], ids=["trusted", "insecure"])
def test_a_redirect_from_https_to_http_is_refused(registry: FakeRegistry, access: Access) -> None:
    with FakeRegistry() as plain:
        registry.blobs_at = f"http://{plain.host}"
        with pytest.raises(NetworkFailed, match="from https to http") as caught:
            _read(access=access)
        assert plain.host in (caught.value.reason or "")
        assert plain.seen == []


def test_an_upload_from_https_to_http_is_refused(registry: FakeRegistry) -> None:
    registry.location, registry.uploads_at = "absolute", f"http://{_HOST}"
    with connect(_TEXT, access=_TRUSTED) as client, pytest.raises(NetworkFailed, match="from https to http"):
        client.push(sample(module=b"another"), [parse_reference(_TEXT)])
    assert registry.calls("PUT") == []


def test_an_insecure_registry_that_spoke_tls_is_not_left_for_http(
    monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry
) -> None:
    transport = Transport("registry.test", "acme/app", Access(all_insecure=True), NOBODY, 2.0)
    registry.fault(answer(200, ("Connection", "close")))
    with FakeRegistry() as plain:
        resolve(monkeypatch, {("registry.test", 443): registry.port, ("registry.test", 80): plain.port})
        transport.request("GET", "/v2/", doing="ask")
        resolve(monkeypatch, {("registry.test", 443): 1, ("registry.test", 80): plain.port})
        with pytest.raises(NetworkFailed, match="cannot be reached"):
            transport.request("GET", "/v2/", doing="ask")
        assert plain.seen == []


def test_only_the_registry_itself_is_spoken_to_without_tls(
    monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.bearer, registry.realm = ("me", "hunter2"), "https://tokens.test/token"
    with FakeRegistry() as plain:
        resolve(monkeypatch, {("registry.test", 5000): registry.port, ("tokens.test", 443): plain.port})
        environment = home_with(tmp_path, _HOST, username="me", password="hunter2")
        with pytest.raises(NetworkFailed, match=r"tokens\.test speaks plain http"):
            _read(access=Access(all_insecure=True), environment=environment)
        assert plain.seen == []


def test_trust_in_a_registry_is_not_trust_in_where_it_redirects_to(registry: FakeRegistry) -> None:
    registry.blobs_at = "https://other.test:5000"
    with pytest.raises(NetworkFailed, match=r"certificate of other\.test:5000 cannot be trusted"):
        _read(access=Access(insecure=(_HOST,)))


def test_tls_on_this_machine_is_class_7_and_says_what_is_wrong() -> None:
    with FakeRegistry(tls=server_tls()) as running:
        with pytest.raises(NetworkFailed) as caught:
            _read(f"{running.host}/acme/app:v1")
        assert running.host in caught.value.message


def test_a_hiccup_behind_tls_is_survived(monkeypatch: pytest.MonkeyPatch, registry: FakeRegistry) -> None:
    pauses = no_pauses(monkeypatch)
    registry.fault(answer(503, ("Retry-After", "2")))
    assert _read(access=_TRUSTED, policy=QUICK) == parts_of(sample())
    assert pauses == [2.0]
