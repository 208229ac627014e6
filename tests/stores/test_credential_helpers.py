"""Credential helpers: which one is asked, and what becomes of its answers."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest

from wasmimg.errors import NotAllowed, WasmimgError
from wasmimg.stores.credentials import Credentials, find_credentials

_HOST = "registry.test:5000"
_AUTH = base64.b64encode(b"file:hunter2").decode()
_FOUND = """echo '{"ServerURL":"x","Username":"me","Secret":"hunter2"}'"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return folder


def _helper(folder: Path, name: str, body: str) -> None:
    program = folder / f"docker-credential-{name}"
    program.write_text(f'#!/bin/sh\necho "$1 $(cat)" >>"{folder}/asked-{name}"\n{body}\n')
    program.chmod(0o755)


def _find(folder: Path, registry: str = _HOST, repository: str = "acme/app", **content: object) -> Credentials | None:
    file = folder / "config.json"
    file.write_text(json.dumps(content))
    return find_credentials(registry, repository, {"HOME": "/nonexistent", "DOCKER_CONFIG": str(folder)})


def _said(error: WasmimgError) -> str:
    return f"{error.message} {error.reason} {error.hint}"


def test_the_store_is_asked_for_the_registry(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", _FOUND)
    found = _find(tmp_path, credsStore="x")
    assert found is not None
    assert (found.username, found.password) == ("me", "hunter2")
    assert "docker-credential-x" in found.source
    assert str(tmp_path / "config.json") in found.source
    assert (programs / "asked-x").read_text() == f"get {_HOST}\n"


def test_the_helper_of_the_registry_stands_above_the_store(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "own", _FOUND)
    _helper(programs, "store", "exit 1")
    found = _find(tmp_path, credsStore="store", credHelpers={_HOST: "own", "other.test": "store"})
    assert found is not None
    assert "docker-credential-own" in found.source
    assert not (programs / "asked-store").exists()


def test_the_helper_of_another_registry_is_not_asked(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", _FOUND)
    assert _find(tmp_path, credHelpers={"other.test": "x"}) is None
    assert not (programs / "asked-x").exists()


def test_an_empty_helper_means_the_file_and_not_the_store(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "store", _FOUND)
    found = _find(tmp_path, credsStore="store", credHelpers={_HOST: ""}, auths={_HOST: {"auth": _AUTH}})
    assert found is not None
    assert found.username == "file"


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io"])
def test_docker_hub_is_asked_for_by_its_old_address(tmp_path: Path, programs: Path, key: str) -> None:
    _helper(programs, "x", _FOUND)
    assert _find(tmp_path, "index.docker.io", "library/app", credHelpers={key: "x"}) is not None
    assert (programs / "asked-x").read_text() == "get https://index.docker.io/v1/\n"


def test_a_token_is_told_from_a_password(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", """echo '{"Username":"<token>","Secret":"refresh-me"}'""")
    found = _find(tmp_path, credsStore="x")
    assert found is not None
    assert (found.identity_token, found.password) == ("refresh-me", "")


@pytest.mark.parametrize("stream", ["", ">&2"])
def test_what_a_helper_does_not_know_is_looked_up_in_the_file(tmp_path: Path, programs: Path, stream: str) -> None:
    _helper(programs, "x", f"echo 'credentials not found in native keychain' {stream}; exit 1")
    found = _find(tmp_path, credsStore="x", auths={_HOST: {"auth": _AUTH}})
    assert found is not None
    assert found.username == "file"
    assert _find(tmp_path, credsStore="x") is None


def test_what_no_helper_knows_is_looked_up_in_the_next_file(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", "echo 'credentials not found in native keychain'; exit 1")
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "x"}))
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"auths": {_HOST: {"auth": _AUTH}}}))
    found = find_credentials(_HOST, "acme/app", {"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)})
    assert found is not None
    assert found.username == "file"


def test_a_missing_helper_is_class_6_and_named_with_its_file(tmp_path: Path, programs: Path) -> None:
    with pytest.raises(NotAllowed) as caught:
        _find(tmp_path, credsStore="gone")
    assert caught.value.exit_code == 6
    for words in ("docker-credential-gone", "not on PATH", str(tmp_path / "config.json"), _HOST):
        assert words in _said(caught.value)


def test_a_helper_that_fails_is_quoted(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", "echo 'the keychain is locked' >&2; exit 3")
    with pytest.raises(NotAllowed) as caught:
        _find(tmp_path, credsStore="x")
    assert "docker-credential-x" in _said(caught.value)
    assert "the keychain is locked" in _said(caught.value)


@pytest.mark.parametrize(
    "answer",
    ["", "no JSON", "[]", "null", '"text"', "{}", '{"Username":"me"}', '{"Secret":"hunter2"}', "{" * 3000],
)
def test_a_helper_that_answers_nonsense_is_class_6_and_its_answer_is_not_shown(
    tmp_path: Path, programs: Path, answer: str
) -> None:
    _helper(programs, "x", f"printf '%s' '{answer}'")
    with pytest.raises(NotAllowed) as caught:
        _find(tmp_path, credsStore="x")
    assert "docker-credential-x" in _said(caught.value)
    assert "hunter2" not in _said(caught.value)


@pytest.mark.parametrize("name", ["x\0y", "\ud800"])
def test_a_helper_that_no_file_can_be_named_is_class_6(tmp_path: Path, programs: Path, name: str) -> None:
    with pytest.raises(NotAllowed, match="cannot be read"):
        _find(tmp_path, credsStore=name)


def test_a_helper_that_may_not_run_is_class_6(tmp_path: Path, programs: Path) -> None:
    _helper(programs, "x", _FOUND)
    (programs / "docker-credential-x").chmod(0o644)
    with pytest.raises(NotAllowed, match="cannot be read"):
        _find(tmp_path, credsStore="x")


def test_a_helper_that_does_not_read_its_input_is_heard(tmp_path: Path, programs: Path) -> None:
    program = programs / "docker-credential-x"
    program.write_text(f"#!/bin/sh\nexec <&-\n{_FOUND}\n")
    program.chmod(0o755)
    found = _find(tmp_path, credsStore="x")
    assert found is not None
    assert found.username == "me"


def test_a_helper_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, programs: Path) -> None:
    monkeypatch.setattr("wasmimg.stores.credentials._HELPER_SECONDS", 0.1)
    _helper(programs, "x", "exec sleep 60")
    with pytest.raises(NotAllowed, match="cannot be read"):
        _find(tmp_path, credsStore="x")
