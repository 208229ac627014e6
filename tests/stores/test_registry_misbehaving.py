"""A registry that means no good: the right class, no hang, and no secret where it may not go, by the servers' logs."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, Seen, Server, answer, cut, endless, eof, stall, with_body, with_header
from tests.stores.network import CERTIFICATE, resolve, server_tls
from tests.stores.samples import (
    NOBODY,
    QUICK,
    blob_of,
    bytes_of,
    connect,
    home_with,
    no_pauses,
    parts_of,
    sample,
    stored,
)
from tests.stores.token_server import IDENTITY, USER, GuardedRegistry, TokenServer
from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, WasmimgError
from wasmimg.image.manifest import digest_of
from wasmimg.image.reference import parse_reference
from wasmimg.readback import prove
from wasmimg.retry import Policy
from wasmimg.stores import sockets
from wasmimg.stores.credentials import Access

_IDLE = 0.2  # seconds
_POLICY = QUICK._replace(idle_timeout=_IDLE)
_SECRETS = (USER[1], "bWU6aHVudGVyMg", IDENTITY, "-secret")  # password, basic, identity token, every token


class Elsewhere(Server):
    """Another host, which takes and gives what it is asked for, and remembers what it was told."""

    def __init__(self, *blobs: bytes) -> None:
        super().__init__()
        self._blobs = {digest_of(data): data for data in blobs}

    def reply(self, seen: Seen) -> Reply:
        if seen.method in ("PUT", "PATCH"):
            return Reply(201)
        if seen.path == "/token":
            return Reply(200, (), b'{"token":"of-another"}')
        return Reply(200, (), self._blobs.get(seen.path.rpartition("/")[2], b""))


def _told(server: Server) -> list[str]:
    """The requests in whose headers, URL or body a secret is."""
    return [
        str(seen)
        for seen in server.seen
        if any(secret in f"{seen.query} {dict(seen.headers)} {seen.body!r}" for secret in _SECRETS)
    ]


class _Place(NamedTuple):
    registry: FakeRegistry
    tokens: TokenServer
    elsewhere: Elsewhere
    environment: dict[str, str]

    def push(self, policy: Policy = _POLICY) -> None:
        reference = parse_reference(f"{self.registry.host}/acme/app:v1")
        with connect(str(reference), environment=self.environment, policy=policy) as client:
            client.push(sample(), [reference])

    def pull(self, policy: Policy = _POLICY) -> None:
        text = f"{self.registry.host}/acme/app:v1"
        with connect(text, environment=self.environment, policy=policy) as client:
            assert bytes_of(client.open()) == parts_of(sample())


@pytest.fixture(params=["password", "identity token"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[_Place]:
    """A registry with a token server, a user with credentials for it, and another host."""
    image = sample()
    with (
        TokenServer("acme/app") as tokens,
        GuardedRegistry(tokens) as registry,
        Elsewhere(image.config, blob_of(image)) as elsewhere,
    ):
        if request.param == "password":
            environment = home_with(tmp_path, registry.host, username=USER[0], password=USER[1])
        else:
            environment = home_with(tmp_path, registry.host, identitytoken=IDENTITY)
        yield _Place(registry, tokens, elsewhere, environment)


_WITH_A_PASSWORD = pytest.mark.parametrize("place", ["password"], indirect=True)
_ZEROS = "sha256:" + "0" * 64


@_WITH_A_PASSWORD
@pytest.mark.parametrize(
    "part, act, error",
    [
        ("/manifests/", with_header("Docker-Content-Digest", _ZEROS), ImageRefused),
        ("/manifests/", with_body(lambda body: body[:-1]), ImageRefused),
        ("/manifests/", endless, ImageRefused),
        ("/manifests/", cut, NetworkFailed),
        ("/manifests/", stall, NetworkFailed),
        ("/manifests/", eof, NetworkFailed),
        ("/blobs/", with_body(lambda body: bytes(len(body))), ImageRefused),
        ("/blobs/", with_body(lambda body: body[:-1]), ImageRefused),
        ("/blobs/", with_body(lambda body: body + b"\0"), ImageRefused),
        ("/blobs/", endless, ImageRefused),
        ("/blobs/", cut, NetworkFailed),
        ("/blobs/", stall, NetworkFailed),
        ("/blobs/", eof, NetworkFailed),
        ("/blobs/", answer(206), ImageRefused),
        ("/blobs/", answer(401), NotAllowed),
    ],
)
def test_what_it_gives_is_what_was_promised_or_an_error(
    monkeypatch: pytest.MonkeyPatch, place: _Place, part: str, act: Act, error: type[WasmimgError]
) -> None:
    no_pauses(monkeypatch)
    stored(place.registry, sample())
    place.pull()
    place.registry.fault(act, "GET", part, times=100)
    began = time.monotonic()
    with pytest.raises(error):
        place.pull(_POLICY._replace(idle_timeout=0.1))
    assert time.monotonic() - began < 2
    assert place.registry.endless < 32 << 20


def test_a_layer_that_unpacks_to_too_much_is_no_image() -> None:
    zeros = bytes(1 << 20)
    bomb = gzip.compress(zeros) * 300  # members follow each other, RFC 1952 section 2.2
    body = json.loads(sample().manifest)
    body["layers"][0] |= {"digest": digest_of(bomb), "size": len(bomb)}
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.blobs["acme/app", digest_of(bomb)] = bomb
        registry.put_manifest("acme/app", "v1", json.dumps(body).encode(), body["mediaType"])
        began = time.monotonic()
        with connect(text, policy=_POLICY) as client, pytest.raises(ImageRefused):
            prove(client.open(), wanted=None, module_digest=None, consumers=())
        assert time.monotonic() - began < 5


def test_a_redirect_to_another_host_takes_no_secret_along(place: _Place) -> None:
    stored(place.registry, sample())
    place.registry.blobs_at = f"http://{place.elsewhere.host}"
    place.pull()
    assert len(place.elsewhere.seen) == 2
    assert _told(place.elsewhere) == []
    assert _told(place.registry) != []


def test_a_redirect_of_the_manifest_takes_none_along(place: _Place) -> None:
    place.registry.fault(answer(307, ("Location", f"http://{place.elsewhere.host}/m")), "GET", skip=1, times=100)
    with pytest.raises(ImageRefused):
        place.pull()
    assert len(place.elsewhere.seen) == 1
    assert _told(place.elsewhere) == []


@pytest.mark.parametrize("least", [0, 1])
def test_a_location_on_another_host_takes_no_secret_along(place: _Place, least: int) -> None:
    data = bytes(1 << 20) + b"x"
    place.registry.location, place.registry.uploads_at = "absolute", f"http://{place.elsewhere.host}"
    place.registry.least = least
    text = f"{place.registry.host}/acme/app:v1"
    with connect(text, environment=place.environment, policy=_POLICY) as client:
        client.put_blob(digest_of(data), len(data), lambda: (data,))
    assert {seen.method for seen in place.elsewhere.seen} == ({"PATCH", "PUT"} if least else {"PUT"})
    assert _told(place.elsewhere) == []


def test_another_host_that_asks_for_credentials_gets_none(place: _Place) -> None:
    stored(place.registry, sample())
    place.registry.blobs_at = f"http://{place.elsewhere.host}"
    realm = f'Bearer realm="http://{place.elsewhere.host}/token",service="registry.test"'
    place.elsewhere.fault(answer(401, ("WWW-Authenticate", realm)), times=100)
    with pytest.raises(NotAllowed):
        place.pull()
    assert _told(place.elsewhere) == []
    assert place.elsewhere.calls(part="/token") == []


_METADATA = [
    "169.254.169.254",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[::ffff:169.254.169.254]",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "168.63.129.16",
    "metadata.goog",
    "0251.0376.0251.0376",
]


@pytest.mark.parametrize("scheme, host", [("http", _METADATA[0]), *(("https", host) for host in _METADATA)])
def test_a_realm_where_a_cloud_keeps_its_secrets_gets_none_of_ours(
    monkeypatch: pytest.MonkeyPatch, place: _Place, scheme: str, host: str
) -> None:
    resolve(monkeypatch, {})
    place.registry.realm = f"{scheme}://{host}/token"
    began = time.monotonic()
    with pytest.raises(NotAllowed, match="credentials sent to"):
        place.push()
    assert time.monotonic() - began < 1
    assert _told(place.registry) == []


def test_a_name_that_leads_to_such_an_address_gets_none_either(monkeypatch: pytest.MonkeyPatch, place: _Place) -> None:
    monkeypatch.setattr(sockets, "peer", lambda connection: "169.254.169.254")
    with pytest.raises(NotAllowed, match=r"credentials sent to 169\.254\.169\.254"):
        place.push()
    assert place.tokens.seen == []


@pytest.mark.parametrize("method, part", [("GET", "/manifests/"), ("POST", "/uploads/")])
def test_nobody_is_sent_to_such_an_address(place: _Place, method: str, part: str) -> None:
    where = answer(202 if method == "POST" else 307, ("Location", "http://169.254.169.254/latest/meta-data"))
    place.registry.fault(where, method, part, times=100)
    with pytest.raises(NetworkFailed, match="link-local"):
        place.pull() if method == "GET" else place.push()


@pytest.mark.parametrize("realm", ["http://tokens.test/token", "http://registry.test:5000/token"])
@pytest.mark.parametrize("access", [Access(ca_file=CERTIFICATE), Access(all_insecure=True)], ids=["ca", "insecure"])
def test_a_registry_behind_tls_names_no_realm_without_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, realm: str, access: Access
) -> None:
    host = "registry.test:5000"
    with FakeRegistry(bearer=USER, tls=server_tls()) as registry, Elsewhere() as elsewhere:
        registry.realm = realm
        resolve(monkeypatch, {("registry.test", 5000): registry.port, ("tokens.test", 80): elsewhere.port})
        environment = home_with(tmp_path, host, username=USER[0], password=USER[1])
        with connect(f"{host}/acme/app:v1", access=access, environment=environment) as client:
            with pytest.raises(NotAllowed, match="credentials sent to"):
                client.open().top()
        assert elsewhere.seen == []
        assert _told(registry) == []


def test_a_manifest_that_is_refused_at_last_is_class_6(monkeypatch: pytest.MonkeyPatch, place: _Place) -> None:
    pauses = no_pauses(monkeypatch)
    realm = f'Bearer realm="{place.registry.realm}",service="registry.test",scope="repository:acme/app:pull,push"'
    place.registry.fault(answer(401, ("WWW-Authenticate", realm)), "PUT", "/manifests/", times=100)
    with pytest.raises(NotAllowed, match="push") as caught:
        place.push()
    assert "config.json" in (caught.value.reason or "")
    assert len(place.registry.calls("PUT", "/manifests/")) == 2  # once more, with a new token
    assert (pauses, place.registry.manifests) == ([], {})


_ODD: dict[str, Callable[[], Reply]] = {
    "no challenge": lambda: Reply(401),
    "an endless one": lambda: Reply(401, (("WWW-Authenticate", 'Bearer realm="' + "x" * 60_000),)),
    "a thousand scopes": lambda: Reply(
        401,
        (
            (
                "WWW-Authenticate",
                'Bearer realm="REALM",service="registry.test",scope="' + "repository:a:b " * 1000 + '"',
            ),
        ),
    ),
    "a teapot": lambda: Reply(418),
    "a switch": lambda: Reply(204),
}


@_WITH_A_PASSWORD
@pytest.mark.parametrize("way", _ODD)
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "GET"])
def test_odd_answers_end_in_an_error_of_ours_or_not_at_all(place: _Place, way: str, method: str) -> None:
    def odd(_: object) -> Reply:
        reply = _ODD[way]()
        return reply._replace(
            headers=tuple((name, value.replace("REALM", place.registry.realm)) for name, value in reply.headers)
        )

    stored(place.registry, sample())
    place.registry.fault(odd, method, times=100)
    said = ""
    for work in (place.push, place.pull):
        try:
            work(_POLICY._replace(attempts=1))
        except WasmimgError as error:
            said += f"{error} {error.reason} {error.hint}"
    assert [secret for secret in _SECRETS if secret in said] == []
    assert _told(place.elsewhere) == []


def test_an_anonymous_one_stays_that() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        with connect(text, environment=NOBODY, policy=_POLICY) as client:
            bytes_of(client.open())
        assert [seen for seen in registry.seen if "authorization" in seen.headers] == []
