"""Bearer tokens against a server that follows the specification to the letter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.stores.fake_server import answer
from tests.stores.samples import NOBODY, ONCE, bytes_of, connect, home_with, parts_of, sample, stored
from tests.stores.token_server import IDENTITY, USER, GuardedRegistry, TokenServer
from wasmimg.errors import NetworkFailed, NotAllowed, WasmimgError
from wasmimg.image.manifest import digest_of
from wasmimg.image.reference import parse_reference
from wasmimg.stores import authentication
from wasmimg.stores.registry import Registry

_PUSH = "repository:acme/app:pull,push"
_PULL = "repository:acme/app:pull"


class _Clock:
    """The monotonic clock of the client; the token server goes by it too."""

    def __init__(self, tokens: TokenServer) -> None:
        self._tokens = tokens

    def __call__(self) -> float:
        return self._tokens.now


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    with TokenServer("acme/app", "acme/base") as running:
        monkeypatch.setattr(authentication, "monotonic", _Clock(running))
        yield running


@pytest.fixture
def registry(tokens: TokenServer) -> Iterator[GuardedRegistry]:
    with GuardedRegistry(tokens) as running:
        yield running


@pytest.fixture
def client(registry: GuardedRegistry, tmp_path: Path) -> Iterator[Registry]:
    environment = home_with(tmp_path, registry.host, username=USER[0], password=USER[1])
    with connect(f"{registry.host}/acme/app:v1", environment=environment, policy=ONCE) as it:
        yield it


def _push(client: Registry) -> None:
    client.push(sample(), [client.reference])


def test_a_push_asks_once_for_all_it_needs(client: Registry, registry: GuardedRegistry, tokens: TokenServer) -> None:
    _push(client)
    assert tokens.asked == [[_PUSH]]
    assert [str(seen).partition(" ")[0] for seen in registry.seen] == [
        "HEAD",
        "HEAD",
        "POST",
        "PUT",
        "HEAD",
        "POST",
        "PUT",
        "PUT",
    ]
    assert ("acme/app", "v1") in registry.manifests


def test_a_push_of_what_is_there_takes_three_requests(client: Registry, registry: GuardedRegistry) -> None:
    stored(registry, sample())
    _push(client)
    asked = [seen for seen in registry.seen if "authorization" in seen.headers]
    assert [seen.method for seen in asked] == ["HEAD", "HEAD", "PUT"]
    assert [seen.body for seen in asked] == [b"", b"", sample().manifest]


def test_a_pull_asks_for_no_more_than_to_pull(client: Registry, registry: GuardedRegistry, tokens: TokenServer) -> None:
    stored(registry, sample())
    assert bytes_of(client.open()) == parts_of(sample())
    assert tokens.asked == [[_PULL]]


def test_a_token_for_pull_is_not_used_to_push(client: Registry, registry: GuardedRegistry, tokens: TokenServer) -> None:
    stored(registry, sample())
    client.open().top()
    _push(client)
    assert tokens.asked == [[_PULL], [_PUSH]]
    refused = [seen for seen in registry.seen if "authorization" not in seen.headers]
    assert len(refused) == 1  # whom to ask was known the second time


def test_a_token_for_push_is_good_for_pull(client: Registry, registry: GuardedRegistry, tokens: TokenServer) -> None:
    _push(client)
    assert bytes_of(client.open()) == parts_of(sample())
    assert tokens.asked == [[_PUSH]]


def test_a_mount_asks_up_front_to_read_its_source(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    registry.blobs["acme/base", digest_of(b"data")] = b"data"
    client.put_blob(digest_of(b"data"), 4, lambda: (b"data",), mount_from="acme/base")
    assert tokens.asked == [[_PUSH, "repository:acme/base:pull"]]
    assert [seen.method for seen in registry.seen] == ["HEAD", "HEAD", "POST"]
    assert registry.blobs["acme/app", digest_of(b"data")] == b"data"


def test_a_source_that_may_not_be_read_is_not_needed(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    tokens.allowed = frozenset({("acme/app", "pull"), ("acme/app", "push")})
    registry.blobs["acme/base", digest_of(b"data")] = b"data"
    client.put_blob(digest_of(b"data"), 4, lambda: (b"data",), mount_from="acme/base")
    assert registry.blobs["acme/app", digest_of(b"data")] == b"data"
    assert len(registry.calls("PUT")) == 1


def test_a_source_that_may_not_even_be_asked_for_is_not_needed(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    tokens.fault(answer(403))
    client.put_blob(digest_of(b"data"), 4, lambda: (b"data",), mount_from="acme/base")
    assert registry.blobs["acme/app", digest_of(b"data")] == b"data"


def test_who_may_only_pull_may_not_push(client: Registry, registry: GuardedRegistry, tokens: TokenServer) -> None:
    tokens.allowed = frozenset({("acme/app", "pull")})
    with pytest.raises(NotAllowed, match="push") as caught:
        _push(client)
    assert "config.json" in (caught.value.reason or "")
    assert registry.calls("PUT") == []


@pytest.mark.parametrize("life, until", [(300, 260), (60, 50), (2, 1), (None, 50)])
def test_a_token_is_used_as_long_as_it_holds(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer, life: int | None, until: int
) -> None:
    tokens.life = life
    stored(registry, sample())
    client.open().top()
    tokens.now += until
    client.open().top()
    assert len(tokens.asked) == 1


@pytest.mark.parametrize("life", [300, 60, 1, None])
def test_a_token_that_has_expired_is_not_sent(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer, life: int | None
) -> None:
    tokens.life = life
    stored(registry, sample())
    client.open().top()
    tokens.now += 60 if life is None else life
    registry.seen.clear()
    client.open().top()
    assert [seen.headers["authorization"] for seen in registry.seen] == ["Bearer t1-secret"]
    assert tokens.asked == [[_PULL]] * 2


def test_a_token_is_renewed_before_it_expires_on_the_way(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    stored(registry, sample())
    client.open().top()
    tokens.now += 295
    client.open().top()
    assert len(tokens.asked) == 2


def test_what_has_gone_by_of_a_tokens_life_counts(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    tokens.age = 250
    stored(registry, sample())
    client.open().top()
    tokens.now += 60
    client.open().top()
    assert len(tokens.asked) == 2


def test_a_token_that_is_withdrawn_early_is_fetched_anew(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    _push(client)
    tokens.issued.clear()
    _push(client)
    assert tokens.asked == [[_PUSH]] * 2


def test_a_token_that_is_dead_when_it_is_given_out_is_still_tried(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    tokens.age = 100_000
    _push(client)
    assert ("acme/app", "v1") in registry.manifests


def test_the_registry_may_ask_for_more_than_we_thought_of(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    tokens.allowed |= {("mirror/app", "pull")}
    fields = f'realm="{registry.realm}",service="registry.test",scope="repository:mirror/app:pull"'
    registry.fault(answer(401, ("WWW-Authenticate", f"Bearer {fields}")))
    stored(registry, sample())
    client.open().top()
    assert tokens.asked == [[_PULL, "repository:mirror/app:pull"]]


@pytest.mark.parametrize("rotating", [False, True])
def test_an_identity_token_is_exchanged_as_often_as_it_takes(tmp_path: Path, rotating: bool) -> None:
    with TokenServer("acme/app", "acme/base", rotating=rotating) as tokens, GuardedRegistry(tokens) as registry:
        environment = home_with(tmp_path, registry.host, auth="PHRva2VuPjo=", identitytoken=IDENTITY)
        with connect(f"{registry.host}/acme/app:v1", environment=environment, policy=ONCE) as client:
            stored(registry, sample())
            client.open().top()
            client.push(sample(), [client.reference])
            client.put_blob(digest_of(b"data"), 4, lambda: (b"data",), mount_from="acme/base")
        assert tokens.asked == [[_PULL], [_PUSH], [_PUSH, "repository:acme/base:pull"]]
        assert {seen.method for seen in tokens.seen} == {"POST"}
        assert [seen for seen in registry.seen if IDENTITY in seen.headers.get("authorization", "")] == []


def test_an_identity_token_that_is_no_longer_good_is_class_6(tmp_path: Path) -> None:
    with TokenServer("acme/app") as tokens, GuardedRegistry(tokens) as registry:
        environment = home_with(tmp_path, registry.host, identitytoken="long-gone")
        with connect(f"{registry.host}/acme/app:v1", environment=environment, policy=ONCE) as client:
            with pytest.raises(NotAllowed, match="log in") as caught:
                client.open().top()
        assert "config.json" in (caught.value.reason or "")
        assert "long-gone" not in f"{caught.value} {caught.value.reason} {caught.value.hint}"


def test_nobody_gets_no_token(registry: GuardedRegistry, tokens: TokenServer) -> None:
    with connect(f"{registry.host}/acme/app:v1", environment=NOBODY, policy=ONCE) as client:
        with pytest.raises(NotAllowed) as caught:
            client.open().top()
    assert "no credentials" in (caught.value.reason or "")


_PARROTS: dict[str, Callable[[str], str]] = {
    "as an error": lambda secret: json.dumps({"errors": [{"code": "DENIED", "message": f"not you, {secret}"}]}),
    "as text": lambda secret: f"not you, {secret}",
    "at the end of much": lambda secret: "x" * 495 + secret,
}


@pytest.mark.parametrize("way", _PARROTS)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
@pytest.mark.parametrize("who", ["registry", "token server"])
def test_a_secret_that_a_server_repeats_is_not_shown(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer, who: str, status: int, way: str
) -> None:
    secrets = [USER[1], "bWU6aHVudGVyMg==", "t0-secret"]
    said = _PARROTS[way](" ".join(secrets))
    if who == "registry":
        registry.fault(answer(status, body=said.encode()), skip=1, times=10)
    else:
        tokens.fault(answer(status, body=said.encode()), times=10)
        secrets.pop()
    with pytest.raises(WasmimgError) as caught:
        client.open().top()
    assert [secret for secret in secrets if secret[:5] in f"{caught.value} {caught.value.reason}"] == []


def test_a_token_server_that_redirects_gets_no_further(
    client: Registry, registry: GuardedRegistry, tokens: TokenServer
) -> None:
    with TokenServer("acme/app") as elsewhere:
        tokens.fault(answer(307, ("Location", f"http://{elsewhere.host}/token")))
        with pytest.raises(NetworkFailed):
            client.open().top()
        assert elsewhere.seen == []


def test_two_repositories_have_a_token_each(registry: GuardedRegistry, tokens: TokenServer, tmp_path: Path) -> None:
    environment = home_with(tmp_path, registry.host, username=USER[0], password=USER[1])
    for name in ("acme/app", "acme/base"):
        with connect(f"{registry.host}/{name}:v1", environment=environment, policy=ONCE) as client:
            client.push(sample(), [parse_reference(f"{registry.host}/{name}:v1")])
    assert tokens.asked == [[_PUSH], ["repository:acme/base:pull,push"]]
