"""Whatever a registry says and whatever a user writes: nothing but our own errors, and no secret astray."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stores.samples import NOBODY, OPEN
from wasmimg.errors import NetworkFailed, UsageError, WasmimgError
from wasmimg.image.reference import is_loopback, parse_reference
from wasmimg.stores.addresses import keeps_secrets, read_address
from wasmimg.stores.answer import Answer
from wasmimg.stores.authentication import Login
from wasmimg.stores.credentials import Access, Credentials
from wasmimg.stores.tokens import join_scopes, read_scopes, read_token
from wasmimg.stores.transport import Transport

_QUICK = settings(max_examples=150, deadline=None)

# What a header may hold: http.client reads it as Latin-1 and line by line.
_VALUES = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=60)
_HOSTS = st.sampled_from(
    [
        "tokens.test",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "169.254.169.254",
        "[fe80::1]",
        "0xa9fea9fe",
        "x@y",
        "\\@localhost",
    ]
)
_URLS = st.builds(
    lambda scheme, userinfo, host, port, path: f"{scheme}{userinfo}{host}{port}{path}",
    st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "//", "", "https:/", "http:\\\\"]),
    st.sampled_from(["", "a@", "a:b@", "127.0.0.1@", "localhost:x@"]),
    _HOSTS | _VALUES,
    st.sampled_from(["", ":80", ":99999", ":x", ":"]),
    st.sampled_from(["", "/", "/token?x=1#y", "/%", "/ "]) | _VALUES,
)
_PARTS = st.builds(
    lambda name, equals, value: f"{name}{equals}{value}",
    st.sampled_from(["Bearer realm", "bearer", "Basic", "Digest nonce", "service", "scope", "error", ",", "="])
    | _VALUES,
    st.sampled_from(["=", " = ", "", '="', "=,"]),
    _URLS.map(lambda url: f'"{url}"') | _VALUES,
)
_CHALLENGES = st.lists(_PARTS, max_size=6).map(",".join) | _VALUES
_REALMS = _URLS.map(lambda url: f'Bearer realm="{url}",service="x",scope="repository:acme/app:pull"')
_CREDENTIALS = st.sampled_from(
    [None, Credentials("me", "hunter2", "a test"), Credentials("", "", "a test", "refresh-me")]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@_QUICK
@given(
    challenge=_CHALLENGES | _REALMS,
    credentials=_CREDENTIALS,
    base=st.sampled_from(["http://127.0.0.1:5000/v2/", "https://registry.test/v2/"]),
)
def test_a_challenge_ends_in_credentials_for_the_right_one_or_in_an_error_of_ours(
    challenge: str, credentials: Credentials | None, base: str
) -> None:
    asked: list[str] = []

    def ask(url: str, authorization: str | None, form: bytes | None) -> Answer:
        asked.append(url)
        return Answer(200, {}, b'{"token":"t"}', url)

    host = read_address(base).netloc or ""
    login = Login(host, "acme/app", Access(given=credentials), NOBODY, ask)
    try:
        authorization = login.meet(Answer(401, {"www-authenticate": challenge}, b"", base), "pull,push")
    except WasmimgError as error:
        said = f"{error} {error.reason} {error.hint}"
        assert "hunter2" not in said
        assert "refresh-me" not in said
    else:
        assert authorization in (None, "Bearer t", credentials.basic() if credentials else None)
    for url in asked:
        address = read_address(url)
        here = is_loopback(address.host or "")
        assert address.scheme == "https" or (here and base.startswith("http:"))
        assert not keeps_secrets(address.host or "")


_REPLIES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("token", "access_token", "expires_in", "issued_at", "refresh_token"), _JSON),
).map(lambda reply: json.dumps(reply).encode())


@_QUICK
@given(body=_REPLIES | st.binary(max_size=60) | _JSON.map(lambda one: json.dumps(one).encode()), date=_VALUES)
def test_a_token_is_one_that_fits_into_a_header(body: bytes, date: str) -> None:
    token = read_token(Answer(200, {"date": date}, body, "https://tokens.test/"))
    if token is not None:
        assert token.value.isascii()
        assert token.value.isprintable()
        assert " " not in token.value
        assert token.seconds <= 1e9


@_QUICK
@given(text=st.text(max_size=80) | st.sampled_from(["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"]))
def test_a_time_that_cannot_be_read_is_none(text: str) -> None:
    reply = {"token": "t", "issued_at": text, "expires_in": 60}
    token = read_token(Answer(200, {"date": "Thu, 01 Jan 2026 00:00:30 GMT"}, json.dumps(reply).encode(), "https://x/"))
    assert token is not None
    assert token.seconds <= 60


_WORD = st.text("ab/-", min_size=1, max_size=5)
_SCOPES = st.builds(lambda *parts: ":".join(parts), _WORD, _WORD, st.lists(_WORD, min_size=1, max_size=3).map(",".join))


@_QUICK
@given(text=st.lists(_SCOPES | _WORD, max_size=8).map(" ".join))
def test_scopes_are_asked_for_as_they_were_named(text: str) -> None:
    scopes = read_scopes(text)
    assert read_scopes(" ".join(join_scopes(scopes))) >= {one for one in scopes if one[1]}


@_QUICK
@given(text=st.text())
def test_scopes_are_few_whatever_a_registry_names(text: str) -> None:
    assert len({resource for resource, _ in read_scopes(text)}) <= 16


@_QUICK
@given(location=_URLS | _VALUES, base=st.sampled_from(["http://127.0.0.1:5000/v2/", "https://registry.test/v2/x?y"]))
def test_a_location_leads_to_an_address_or_to_an_error_of_ours(location: str, base: str) -> None:
    transport = Transport(read_address(base).netloc or "", "acme/app", OPEN, NOBODY, 1.0)
    try:
        url = read_address(transport.resolve(location, base))
    except NetworkFailed as error:
        said = f"{error} {error.reason}"
        assert said.isprintable()
    else:
        assert url.scheme == "https" or base.startswith("http:")
        assert url.auth is None
        assert not keeps_secrets(url.host or "")


@_QUICK
@given(
    status=st.integers(100, 999),
    body=st.binary(max_size=80) | _JSON.map(lambda one: json.dumps(one).encode()),
    header=_VALUES,
)
def test_what_a_registry_says_fits_into_a_line(status: int, body: bytes, header: str) -> None:
    answer = Answer(
        status, {"retry-after": header, "date": header, "docker-content-digest": header}, body, "https://x/"
    )
    words: Any = answer.words()
    assert words.isprintable()
    assert len(words) < 600
    pause = answer.pause()
    assert pause is None or pause >= 0
    assert answer.digest() is None or len(answer.digest() or "") == 71
    assert isinstance(answer.lost(), bool)
    assert isinstance(answer.wants_tls(), bool)


_PIECES = st.sampled_from(
    [
        "docker.io",
        "ghcr.io",
        "127.0.0.1:5000",
        "[::1]:5000",
        "acme",
        "app",
        "v1",
        "/",
        ":",
        "@",
        "sha256:" + "0" * 64,
        "-",
        "A",
        ".",
    ]
)


@settings(max_examples=400, deadline=None)
@given(text=st.lists(_PIECES, max_size=7).map("".join) | st.text(max_size=40))
def test_a_reference_is_read_as_itself_or_is_a_usage_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    again = parse_reference(reference.name)
    assert (again.registry, again.repository, again.identifier) == (
        reference.registry,
        reference.repository,
        reference.identifier,
    )
    try:
        transport = Transport(reference.registry, reference.repository, OPEN, NOBODY, 1.0)
    except UsageError:
        return
    assert transport.base.startswith("http://") == is_loopback(reference.registry)
