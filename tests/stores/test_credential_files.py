"""Credentials in files: where they are looked for, which win, and how an entry may be written."""

from __future__ import annotations

import base64
import json
from itertools import combinations
from pathlib import Path

import pytest

from wasmimg.errors import UsageError
from wasmimg.stores.credentials import Access, Credentials, auth_files, find_credentials

_HOST = "registry.test:5000"

# In the order of design.md; each name is found under the folder given to _places().
_PLACES = ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "home containers", "home docker")


def _auth(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _places(folder: Path) -> tuple[dict[str, str], dict[str, Path]]:
    environment = {
        "HOME": str(folder / "home"),
        "REGISTRY_AUTH_FILE": str(folder / "own.json"),
        "DOCKER_CONFIG": str(folder / "docker"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
    }
    files = (
        folder / "own.json",
        folder / "docker" / "config.json",
        folder / "run" / "containers" / "auth.json",
        folder / "home" / ".config" / "containers" / "auth.json",
        folder / "home" / ".docker" / "config.json",
    )
    return environment, dict(zip(_PLACES, files, strict=True))


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))


def _find(folder: Path, content: object, registry: str = _HOST, repository: str = "acme/app") -> Credentials | None:
    _write(folder / ".docker" / "config.json", content)
    return find_credentials(registry, repository, {"HOME": str(folder)})


def _names(found: Credentials | None) -> tuple[str, str] | None:
    return (found.username, found.password) if found is not None else None


@pytest.mark.parametrize("place", _PLACES)
def test_every_place_is_looked_into_and_named(tmp_path: Path, place: str) -> None:
    environment, files = _places(tmp_path)
    _write(files[place], {"auths": {_HOST: {"auth": _auth("me", "hunter2")}}})
    found = find_credentials(_HOST, "acme/app", environment)
    assert _names(found) == ("me", "hunter2")
    assert found is not None
    assert str(files[place]) in found.source
    assert place.startswith("home") or place in found.source


@pytest.mark.parametrize("first, second", list(combinations(_PLACES, 2)))
def test_the_first_place_that_has_them_wins(tmp_path: Path, first: str, second: str) -> None:
    environment, files = _places(tmp_path)
    _write(files[first], {"auths": {_HOST: {"auth": _auth("first", "x")}}})
    _write(files[second], {"auths": {_HOST: {"auth": _auth("second", "x")}}})
    assert _names(find_credentials(_HOST, "acme/app", environment)) == ("first", "x")


@pytest.mark.parametrize(
    "content", [{}, {"auths": {}}, {"auths": {"other.test": {"auth": "eDp5"}}}, {"auths": {_HOST: {}}}, {"auths": None}]
)
def test_a_place_that_has_none_lets_the_next_one_answer(tmp_path: Path, content: object) -> None:
    environment, files = _places(tmp_path)
    _write(files["REGISTRY_AUTH_FILE"], content)
    _write(files["home docker"], {"auths": {_HOST: {"auth": _auth("me", "x")}}})
    assert _names(find_credentials(_HOST, "acme/app", environment)) == ("me", "x")


def test_nowhere_is_nobody(tmp_path: Path) -> None:
    environment, _ = _places(tmp_path)
    assert find_credentials(_HOST, "acme/app", environment) is None


def test_an_empty_variable_names_no_place(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("damaged")
    empty = dict.fromkeys(("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"), "")
    assert [path for path, _ in auth_files({"HOME": str(tmp_path), **empty})] == [
        tmp_path / ".config" / "containers" / "auth.json",
        tmp_path / ".docker" / "config.json",
    ]


@pytest.mark.parametrize("place", _PLACES)
def test_what_docker_does_not_read_does_not_count_where_docker_pushes(tmp_path: Path, place: str) -> None:
    environment, files = _places(tmp_path)
    _write(files[place], {"auths": {_HOST: {"auth": _auth("me", "x")}}})
    found = find_credentials(_HOST, "acme/app", environment, docker_only=True)
    assert (found is not None) == (place == "DOCKER_CONFIG")
    del environment["DOCKER_CONFIG"]
    found = find_credentials(_HOST, "acme/app", environment, docker_only=True)
    assert (found is not None) == (place == "home docker")


@pytest.mark.parametrize(
    "entry, expected",
    [
        ({"auth": _auth("me", "hunter2")}, ("me", "hunter2")),
        ({"auth": _auth("me", "a:b:c")}, ("me", "a:b:c")),
        ({"auth": _auth("me", "p\u00e4ss")}, ("me", "p\u00e4ss")),
        ({"auth": _auth("me", "")}, ("me", "")),
        ({"auth": _auth("me", "hunter2\0\0")}, ("me", "hunter2")),
        ({"username": "me", "password": "hunter2"}, ("me", "hunter2")),
        ({"auth": "", "username": "me", "password": "hunter2"}, ("me", "hunter2")),
        ({"auth": _auth("me", "hunter2"), "email": "me@acme.test"}, ("me", "hunter2")),
        ({"auth": _auth("me", "hunter2"), "username": "other", "password": "other"}, ("me", "hunter2")),
        ({}, None),
        ({"auth": ""}, None),
        ({"username": "me"}, None),
        ({"identitytoken": ""}, None),
        ({"auth": 7, "username": None}, None),
    ],
)
def test_an_entry_is_read_as_docker_writes_it(tmp_path: Path, entry: object, expected: tuple[str, str] | None) -> None:
    assert _names(_find(tmp_path, {"auths": {_HOST: entry}})) == expected


def test_an_identity_token_stands_above_the_password(tmp_path: Path) -> None:
    found = _find(tmp_path, {"auths": {_HOST: {"auth": _auth("<token>", "x"), "identitytoken": "refresh-me"}}})
    assert found is not None
    assert (found.identity_token, found.password) == ("refresh-me", "")


@pytest.mark.parametrize(
    "auth", ["me:hunter2", "****", _auth("me", "x")[:-1] + "!", base64.b64encode(b"nobody").decode(), "/////w=="]
)
def test_an_auth_that_cannot_be_read_names_file_and_entry(tmp_path: Path, auth: str) -> None:
    with pytest.raises(UsageError) as caught:
        _find(tmp_path, {"auths": {_HOST: {"auth": auth}}})
    assert caught.value.exit_code == 2
    assert str(tmp_path / ".docker" / "config.json") in caught.value.message
    assert _HOST in caught.value.message
    assert auth not in f"{caught.value.message} {caught.value.reason}"


@pytest.mark.parametrize("place", _PLACES)
def test_a_damaged_file_is_named(tmp_path: Path, place: str) -> None:
    environment, files = _places(tmp_path)
    files[place].parent.mkdir(parents=True, exist_ok=True)
    files[place].write_bytes(b"{")
    with pytest.raises(UsageError) as caught:
        find_credentials(_HOST, "acme/app", environment)
    assert str(files[place]) in caught.value.message


@pytest.mark.parametrize(
    "content",
    [b"[]", b"null", b"\xff\xfe\xfd", b"<xml/>", b'"text"', b"[" * 100_000, b'{"auths": {"x": '],
    ids=["list", "null", "no text", "xml", "string", "deep", "cut"],
)
def test_damage_of_any_kind_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"own\.json"):
        find_credentials(_HOST, "acme/app", {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(tmp_path / "own.json")})


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    environment, files = _places(tmp_path)
    files["REGISTRY_AUTH_FILE"].mkdir()
    with pytest.raises(UsageError, match=r"own\.json"):
        find_credentials(_HOST, "acme/app", environment)


def test_an_empty_file_holds_nobody(tmp_path: Path) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_bytes(b"")
    assert find_credentials(_HOST, "acme/app", {"HOME": str(tmp_path)}) is None


@pytest.mark.parametrize("auths", [[], "x", 7, {_HOST: "x"}, {_HOST: None}, {_HOST: ["x"]}])
def test_a_file_of_another_shape_holds_nobody(tmp_path: Path, auths: object) -> None:
    assert _find(tmp_path, {"auths": auths, "credHelpers": [], "credsStore": 7}) is None


@pytest.mark.parametrize("keys, expected", [
    ((f"{_HOST}/acme/app", f"{_HOST}/acme", _HOST), f"{_HOST}/acme/app"),
    ((f"{_HOST}/acme", _HOST), f"{_HOST}/acme"),
    ((f"{_HOST}/acme/ap", _HOST), _HOST),
    ((f"{_HOST}/acme/app/more", f"{_HOST}/other"), None),
    ((_HOST, f"https://{_HOST}"), _HOST),
    (("registry.test",), None),
    (("registry.test:5001",), None),
])  # fmt: skip
def test_the_most_specific_key_wins(tmp_path: Path, keys: tuple[str, ...], expected: str | None) -> None:
    found = _find(tmp_path, {"auths": {key: {"auth": _auth(key, "x")} for key in keys}})
    assert (found.username if found else None) == (expected.partition(":")[0] if expected else None)
    assert expected is None or (found is not None and found.source.endswith(f"entry {expected}"))


@pytest.mark.parametrize(
    "key",
    [
        _HOST,
        f"https://{_HOST}",
        f"https://{_HOST}/",
        f"http://{_HOST}",
        f"http://{_HOST}/",
        f"https://{_HOST}/v1/",
        f"https://{_HOST}/v2/",
    ],
)
def test_a_registry_may_be_written_as_an_address(tmp_path: Path, key: str) -> None:
    assert _names(_find(tmp_path, {"auths": {key: {"auth": _auth("me", "x")}}})) == ("me", "x")


@pytest.mark.parametrize(
    "key",
    [
        "https://index.docker.io/v1/",
        "https://index.docker.io/v1",
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "docker.io/library",
        "docker.io/library/app",
    ],
)
def test_docker_hub_goes_by_many_names(tmp_path: Path, key: str) -> None:
    found = _find(tmp_path, {"auths": {key: {"auth": _auth("me", "x")}}}, "index.docker.io", "library/app")
    assert _names(found) == ("me", "x")


def test_docker_hub_is_no_other_registry(tmp_path: Path) -> None:
    content = {"auths": {"https://index.docker.io/v1/": {"auth": _auth("me", "x")}}}
    assert _find(tmp_path, content) is None


def test_an_auth_that_is_no_ascii_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=_HOST):
        _find(tmp_path, {"auths": {_HOST: {"auth": "\u00e4\u00f6\u00fc="}}})


def test_a_password_that_is_no_text_can_still_be_sent() -> None:
    assert Credentials("me", "\ud800\udcff", "the source").basic().startswith("Basic ")


def test_credentials_do_not_show_themselves() -> None:
    credentials = Credentials("me", "hunter2", "the source", "refresh-me")
    for text in (repr(credentials), f"{credentials}", str(Access(given=credentials)), f"{[credentials]}"):
        assert "the source" in text
        assert "hunter2" not in text
        assert "refresh-me" not in text
