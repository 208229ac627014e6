"""Proxy variables: which of them holds for a registry, and what goes through the proxy."""

from __future__ import annotations

import base64

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Server, answer
from tests.stores.network import CERTIFICATE, Proxy, resolve, server_tls
from tests.stores.samples import NOBODY, ONCE, QUICK, bytes_of, connect, home_with, no_pauses, parts_of, sample, stored
from wasmimg.errors import NetworkFailed, UsageError, WasmimgError
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access

_HOST = "registry.test:5000"
_TRUSTED = Access(ca_file=CERTIFICATE)


def _read(registry: str, environment: dict[str, str], policy: Policy = ONCE) -> tuple[bytes, bytes, bytes]:
    text = f"{registry}/acme/app:v1"
    with connect(text, access=_TRUSTED, environment={**NOBODY, **environment}, policy=policy) as client:
        return bytes_of(client.open())


@pytest.mark.parametrize(
    "variables, asked",
    [
        ({}, False),
        ({"HTTPS_PROXY": "P"}, True),
        ({"https_proxy": "P"}, True),
        ({"ALL_PROXY": "P"}, True),
        ({"all_proxy": "P"}, True),
        ({"http_proxy": "P"}, False),
        ({"HTTP_PROXY": "P"}, False),
        ({"HTTPS_PROXY": ""}, False),
        ({"https_proxy": "", "HTTPS_PROXY": "P"}, True),
        ({"https_proxy": "P", "HTTPS_PROXY": "http://127.0.0.1:1"}, True),
        ({"HTTPS_PROXY": "P", "ALL_PROXY": "http://127.0.0.1:1"}, True),
        ({"HTTPS_PROXY": "P", "NO_PROXY": ""}, True),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "registry.test"}, False),
        ({"HTTPS_PROXY": "P", "no_proxy": "registry.test"}, False),
        ({"HTTPS_PROXY": "P", "no_proxy": "other.test", "NO_PROXY": "registry.test"}, True),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "REGISTRY.TEST"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "localhost, registry.test ,x"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "test"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": ".test"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "try.test"}, True),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "registry"}, True),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "registry.test:5000"}, False),
        ({"HTTPS_PROXY": "P", "NO_PROXY": "registry.test:5001"}, True),
        ({"ALL_PROXY": "P", "NO_PROXY": "registry.test"}, False),
    ],
    ids=str,
)
def test_the_proxy_is_asked_where_the_variables_say_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], asked: bool
) -> None:
    resolve(monkeypatch, {})
    with Proxy() as proxy:
        with pytest.raises(NetworkFailed):
            _read(_HOST, {name: value.replace("P", f"http://{proxy.host}") for name, value in variables.items()})
        assert proxy.calls() == ([f"CONNECT {_HOST}"] if asked else [])


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_this_machine_is_never_asked_through_a_proxy(name: str) -> None:
    with FakeRegistry() as registry, Proxy() as proxy:
        stored(registry, sample())
        assert _read(registry.host, {name: f"http://{proxy.host}"}) == parts_of(sample())
        assert proxy.seen == []


@pytest.mark.parametrize("form", ["http://{}", "http://{}/", "{}"], ids=["url", "url with /", "host and port alone"])
def test_an_image_is_read_through_a_proxy(form: str) -> None:
    with FakeRegistry(tls=server_tls()) as registry, Proxy({_HOST: registry.port}) as proxy:
        stored(registry, sample())
        assert _read(_HOST, {"HTTPS_PROXY": form.format(proxy.host)}) == parts_of(sample())


def test_a_proxy_that_wants_a_password_gets_the_one_in_its_variable() -> None:
    wanted = "Basic " + base64.b64encode(b"me:p@ss").decode()
    with FakeRegistry(tls=server_tls()) as registry, Proxy({_HOST: registry.port}, authorization=wanted) as proxy:
        stored(registry, sample())
        assert _read(_HOST, {"HTTPS_PROXY": f"http://me:p%40ss@{proxy.host}"}) == parts_of(sample())


def test_the_password_of_a_proxy_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    with Proxy() as proxy:
        with pytest.raises(WasmimgError) as caught:
            _read(_HOST, {"HTTPS_PROXY": f"http://me:hunter2@{proxy.host}"})
        assert "hunter2" not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"


def test_a_proxy_does_not_see_the_credentials_of_the_registry(tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = home_with(tmp_path_factory.mktemp("home"), _HOST, username="me", password="hunter2")
    with (
        FakeRegistry(tls=server_tls(), basic=("me", "hunter2")) as registry,
        Proxy({_HOST: registry.port}) as proxy,
    ):
        stored(registry, sample())
        assert _read(_HOST, {**environment, "HTTPS_PROXY": f"http://{proxy.host}"}) == parts_of(sample())
        assert [seen for seen in proxy.seen if "authorization" in seen.headers] == []


def test_a_proxy_that_is_down_is_named_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    with pytest.raises(NetworkFailed) as caught:
        _read(_HOST, {"HTTPS_PROXY": "http://127.0.0.1:1"}, QUICK)
    assert "the proxy in HTTPS_PROXY" in caught.value.message
    assert len(pauses) == 2


@pytest.mark.parametrize("status, repeats", [(403, 0), (407, 0), (502, 2), (503, 2)])
def test_a_proxy_that_refuses_is_quoted(monkeypatch: pytest.MonkeyPatch, status: int, repeats: int) -> None:
    pauses = no_pauses(monkeypatch)
    with Proxy() as proxy:
        proxy.fault(answer(status), "CONNECT", times=10)
        with pytest.raises(NetworkFailed, match=f"proxy in HTTPS_PROXY does not let us through to {_HOST}") as caught:
            _read(_HOST, {"HTTPS_PROXY": f"http://{proxy.host}"}, QUICK)
        assert str(status) in (caught.value.reason or "")
        assert "NO_PROXY" in (caught.value.hint or "")
        assert len(pauses) == repeats


@pytest.mark.parametrize(
    "access, error, words",
    [
        (Access(all_insecure=True), UsageError, "proxy in HTTPS_PROXY"),
        (_TRUSTED, NetworkFailed, "certificate of .* cannot be trusted"),
    ],
    ids=["insecure", "trusted"],
)
def test_trust_in_a_registry_is_not_trust_in_the_proxy(access: Access, error: type[WasmimgError], words: str) -> None:
    with Server(server_tls()) as proxy:
        environment = {**NOBODY, "HTTPS_PROXY": f"https://me:hunter2@{proxy.host}"}
        with connect(f"{_HOST}/acme/app:v1", access=access, environment=environment, policy=ONCE) as client:
            with pytest.raises(error, match=words):
                client.digest()
        assert proxy.seen == []


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "ftp://127.0.0.1:1", "http://[", "http://127.0.0.1:port"])
def test_a_proxy_that_cannot_be_used_is_said_once(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    pauses = no_pauses(monkeypatch)
    resolve(monkeypatch, {})
    with pytest.raises(WasmimgError) as caught:
        _read(_HOST, {"HTTPS_PROXY": value}, QUICK)
    assert "proxy" in f"{caught.value.message} {caught.value.reason}".lower()
    assert pauses == []
