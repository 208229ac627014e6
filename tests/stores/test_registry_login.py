"""Logging in: the credentials that a registry asks for, to it alone, and sentences that do not give them away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, Seen, Server, answer
from tests.stores.network import resolve
from tests.stores.samples import NOBODY, ONCE, OPEN, bytes_of, connect, home_with, no_pauses, parts_of, sample, stored
from wasmimg.errors import NetworkFailed, NotAllowed, WasmimgError
from wasmimg.image.reference import parse_reference
from wasmimg.stores.credentials import Access, Credentials

_USER = ("me", "hunter2")


def _push(registry: FakeRegistry, environment: dict[str, str], access: Access = OPEN) -> None:
    text = f"{registry.host}/acme/app:v1"
    with connect(text, environment=environment, access=access) as client:
        client.push(sample(), [parse_reference(text)])


def _pull(text: str, environment: dict[str, str] = NOBODY) -> tuple[bytes, bytes, bytes]:
    with connect(text, environment=environment, policy=ONCE) as client:
        return bytes_of(client.open())


def _said(error: WasmimgError) -> str:
    return f"{error.message}\n{error.reason}\n{error.hint}\n{error!r}"


def test_basic_credentials_are_sent_where_they_are_asked_for(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert "authorization" not in registry.seen[0].headers
        assert ("acme/app", "v1") in registry.manifests


def test_credentials_that_nobody_asks_for_are_not_sent(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert [seen for seen in registry.seen if "authorization" in seen.headers] == []


def test_the_registry_is_asked_once_who_we_are(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert len([seen for seen in registry.seen if "authorization" not in seen.headers]) == 1


def test_a_token_is_fetched_once_for_push(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert registry.calls(part="/token") == ["GET /token"]
        assert list(registry.tokens.values()) == ["repository:acme/app:pull,push"]
        assert ("acme/app", "v1") in registry.manifests


def test_a_token_for_reading_allows_no_more(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        text = stored(registry, sample())
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        assert _pull(text, environment) == parts_of(sample())
        assert list(registry.tokens.values()) == ["repository:acme/app:pull"]


def test_the_password_goes_to_the_token_server_alone(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        basic = [seen.path for seen in registry.seen if seen.headers.get("authorization", "").startswith("Basic ")]
        assert basic == ["/token"]


def test_a_token_that_expires_is_fetched_anew(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry:

        def expire(true: object) -> Reply:
            registry.tokens["token0"] = ""
            return registry.reply(registry.seen[-1])

        registry.fault(expire, "PUT", "/manifests/")
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert len(registry.calls(part="/token")) == 2
        assert ("acme/app", "v1") in registry.manifests


def test_an_identity_token_is_exchanged_for_a_token(tmp_path: Path) -> None:
    with FakeRegistry(identity_token="refresh-me") as registry:
        _push(registry, home_with(tmp_path, registry.host, auth="PHRva2VuPjo=", identitytoken="refresh-me"))
        exchanged = [seen for seen in registry.seen if seen.path == "/token"]
        assert [seen.method for seen in exchanged] == ["POST"]
        assert b"grant_type=refresh_token" in exchanged[0].body
        assert ("acme/app", "v1") in registry.manifests


class _AnyoneMayPull(Server):
    def reply(self, seen: Seen) -> Reply:
        return Reply(200, (), b'{"token":"token0"}')


def test_a_public_image_is_pulled_with_a_token_for_nobody() -> None:
    with FakeRegistry(bearer=_USER) as registry, _AnyoneMayPull() as tokens:
        text = stored(registry, sample())
        registry.realm = f"http://{tokens.host}/token"
        registry.tokens["token0"] = "repository:acme/app:pull"
        assert _pull(text) == parts_of(sample())
        assert "authorization" not in tokens.seen[0].headers
        assert "scope=repository%3Aacme%2Fapp%3Apull" in tokens.seen[0].query
        assert "service=fake" in tokens.seen[0].query


def test_a_realm_with_a_query_keeps_it(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        registry.realm += "?account=7"
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        (asked,) = [seen for seen in registry.seen if seen.path == "/token"]
        assert asked.query.startswith("account=7&")


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_wrong_credentials_are_class_6_and_their_source_is_named_and_not_they(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry(basic=_USER) if kind == "basic" else FakeRegistry(bearer=_USER) as registry:
        with pytest.raises(NotAllowed) as caught:
            _push(registry, home_with(tmp_path, registry.host, auth="bWU6c3dvcmRmaXNo"))
        assert caught.value.exit_code == 6
        assert str(tmp_path / ".docker" / "config.json") in (caught.value.reason or "")
        assert registry.host in caught.value.message
        assert "login" in (caught.value.hint or "")
        for secret in ("swordfish", "bWU6c3dvcmRmaXNo", "hunter2"):
            assert secret not in _said(caught.value)
        assert (pauses, len(registry.seen)) == ([], 2)


def test_credentials_of_the_command_line_outrank_every_file(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        environment = home_with(tmp_path, registry.host, username="other", password="other")
        _push(registry, environment, Access(given=Credentials("me", "hunter2", "--username and --password-stdin")))
        assert ("acme/app", "v1") in registry.manifests


def test_wrong_credentials_of_the_command_line_are_named_as_such(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        access = Access(given=Credentials("me", "swordfish", "--username and --password-stdin"))
        with pytest.raises(NotAllowed) as caught:
            _push(registry, environment, access)
        assert "--password-stdin" in (caught.value.reason or "")
        assert "swordfish" not in _said(caught.value)


def test_a_wrong_identity_token_is_not_given_away(tmp_path: Path) -> None:
    with FakeRegistry(identity_token="refresh-me") as registry:
        with pytest.raises(NotAllowed) as caught:
            _push(registry, home_with(tmp_path, registry.host, identitytoken="expired-token"))
        assert "expired-token" not in _said(caught.value)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_without_credentials_it_is_said_that_there_are_none(kind: str) -> None:
    with FakeRegistry(basic=_USER) if kind == "basic" else FakeRegistry(bearer=_USER) as registry:
        with pytest.raises(NotAllowed, match=registry.host) as caught:
            _push(registry, NOBODY)
        assert "no credentials for it were found" in (caught.value.reason or "")


def test_what_is_forbidden_is_class_6_and_names_the_source(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        registry.fault(answer(403), "POST")
        with pytest.raises(NotAllowed, match="push") as caught:
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert "config.json" in (caught.value.reason or "")


@pytest.mark.parametrize(
    "realm",
    [
        "http://tokens.example/token",
        "http://localhost:x@tokens.example/token",
        "http://[::1]@tokens.example/token",
        "http://127.0.0.1@tokens.example/token",
        "http://tokens.example\\\\@localhost/token",
        "ftp://127.0.0.1/token",
        "/token",
        "",
    ],
)
def test_a_password_is_sent_to_no_token_server_over_plain_http(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, realm: str
) -> None:
    no_pauses(monkeypatch)
    resolve(monkeypatch, {})
    with FakeRegistry(bearer=_USER) as registry:
        registry.realm = realm
        with pytest.raises(NotAllowed) as caught:
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert "https" in (caught.value.reason or "")


_LINK_LOCAL = [
    "169.254.169.254",
    "[fe80::1]",
    "[::ffff:169.254.169.254]",
    "2852039166",
    "0xa9fea9fe",
    "169.254.43518",
    "metadata.google.internal",
    "METADATA.google.internal.",
]


@pytest.mark.parametrize("host", _LINK_LOCAL)
@pytest.mark.parametrize(
    "scheme, access", [("https", OPEN), ("http", Access(all_insecure=True))], ids=["https", "insecure"]
)
def test_a_password_is_sent_to_no_link_local_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scheme: str, access: Access, host: str
) -> None:
    resolve(monkeypatch, {})
    with FakeRegistry(bearer=_USER) as registry:
        registry.realm = f"{scheme}://{host}/token"
        with pytest.raises(NotAllowed, match="credentials sent to") as caught:
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"), access)
        assert "link-local" in (caught.value.reason or "")


def test_not_even_a_registry_at_a_link_local_address_gets_a_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with FakeRegistry(basic=_USER) as registry:
        resolve(monkeypatch, {("169.254.1.1", 5000): registry.port})
        environment = home_with(tmp_path, "169.254.1.1:5000", username="me", password="hunter2")
        with connect("169.254.1.1:5000/acme/app:v1", environment=environment, access=Access(all_insecure=True)) as it:
            with pytest.raises(NotAllowed):
                it.check_push()
        assert [seen for seen in registry.seen if "authorization" in seen.headers] == []


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_registry_that_is_declared_insecure_gets_them_over_plain_http(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    host = "registry.test:5000"
    with FakeRegistry(basic=_USER) if kind == "basic" else FakeRegistry(bearer=_USER) as registry:
        registry.realm = "http://tokens.test/token"
        resolve(monkeypatch, {("registry.test", 5000): registry.port, ("tokens.test", 80): registry.port})
        environment = home_with(tmp_path, host, username="me", password="hunter2")
        with connect(f"{host}/acme/app:v1", environment=environment, access=Access(insecure=(host,))) as client:
            client.push(sample(), [parse_reference(f"{host}/acme/app:v1")])
        assert ("acme/app", "v1") in registry.manifests


@pytest.mark.parametrize("status", [404, 405])
def test_a_token_server_that_is_not_there_is_class_7(tmp_path: Path, status: int) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        registry.fault(answer(status), "GET", "/token")
        with pytest.raises(NetworkFailed, match="log in"):
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))


def test_a_token_server_that_redirects_is_not_followed(tmp_path: Path) -> None:
    with FakeRegistry(bearer=_USER) as registry, _AnyoneMayPull() as elsewhere:
        registry.fault(answer(307, ("Location", f"http://{elsewhere.host}/token")), "GET", "/token")
        with pytest.raises(NetworkFailed):
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert elsewhere.seen == []


@pytest.mark.parametrize("realm", ["http://[", "https://[::1", "https://127.0.0.1:port/x"])
def test_a_token_server_without_an_address_is_refused_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, realm: str
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry(bearer=_USER) as registry:
        registry.realm = realm
        with pytest.raises((NotAllowed, NetworkFailed)):
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert pauses == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"token":""}',
        b'{"token":7}',
        b'{"token":null}',
        b'"x"',
        b'{"token":"a\\nb"}',
        b'{"token":"\\u20ac"}',
    ],
)
def test_a_token_server_that_gives_no_token_is_class_7(tmp_path: Path, body: bytes) -> None:
    with FakeRegistry(bearer=_USER) as registry:
        registry.fault(answer(200, body=body), "GET", "/token", times=10)
        with pytest.raises(NetworkFailed, match="token"):
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))


@pytest.mark.parametrize("act", [answer(503), answer(429, ("Retry-After", "3"))], ids=["503", "429"])
def test_a_token_server_that_falters_once_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, act: Act
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry(bearer=_USER) as registry:
        registry.fault(act, "GET", "/token")
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert len(pauses) == 1
        assert ("acme/app", "v1") in registry.manifests


@pytest.mark.parametrize(
    "challenges",
    [
        ("Negotiate", 'Basic realm="x"'),
        ('Basic realm="x"', "Negotiate"),
        ('basic realm="x"',),
        ("BASIC",),
        ('Negotiate YII==, Basic realm="a, b", charset="UTF-8"',),
        ('Digest realm="Bearer \\"x\\"", nonce=7, Basic realm=""',),
    ],
)
def test_the_challenge_that_can_be_met_is_met(tmp_path: Path, challenges: tuple[str, ...]) -> None:
    with FakeRegistry(basic=_USER) as registry:
        registry.fault(answer(401, *(("WWW-Authenticate", one) for one in challenges)), "HEAD")
        _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert ("acme/app", "v1") in registry.manifests


@pytest.mark.parametrize("challenge", ["", "Negotiate", "Bearer", "Digest realm=x", "Basic," * 5000])
def test_a_challenge_that_cannot_be_met_is_class_6(tmp_path: Path, challenge: str) -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(401, ("WWW-Authenticate", challenge)), times=10)
        with pytest.raises(NotAllowed):
            _push(registry, home_with(tmp_path, registry.host, username="me", password="hunter2"))


def test_one_repository_may_have_its_own_credentials(tmp_path: Path) -> None:
    with FakeRegistry(basic=_USER) as registry:
        entries = {
            registry.host: {"username": "other", "password": "other"},
            f"{registry.host}/acme": {"username": "me", "password": "hunter2"},
        }
        file = tmp_path / "auth.json"
        file.write_text(json.dumps({"auths": entries}))
        _push(registry, {**NOBODY, "REGISTRY_AUTH_FILE": str(file)})
        assert ("acme/app", "v1") in registry.manifests
