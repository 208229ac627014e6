"""The registry client against Debian's docker-registry: with htpasswd, with tokens, behind TLS, and when it fails."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from integration.faults import FaultyRegistry
from integration.registry.token_service import IDENTITY, KEY, USER, TokenService
from integration.services import Registry as Service
from wasmimg.errors import NetworkFailed, NotAllowed, WasmimgError
from wasmimg.events import Event
from wasmimg.image.layer import build_layer
from wasmimg.image.manifest import Image, ImageSpec, build_image, digest_of, parse_manifest
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.registry import Registry

_CLIENT = KEY.with_name("client.pem")
_NOISE = hashlib.shake_128(b"noise").digest(3_500_000)
_OPEN = Access()
_POLICY = Policy(attempts=3, deadline=60.0, idle_timeout=10.0)
_KINDS = ("429", "500", "502", "503", "504", "reset", "eof", "stall")


@pytest.fixture
def image(example: Path) -> Image:
    return build_image(build_layer(memoryview(example.read_bytes())), ImageSpec(Format.OCI))


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment without anything."""
    return {"HOME": str(tmp_path)}


def _client(
    text: str,
    home: dict[str, str],
    policy: Policy = _POLICY,
    access: Access = _OPEN,
    heard: list[Event] | None = None,
) -> Registry:
    tell = [] if heard is None else heard
    return Registry(parse_reference(text), access=access, environment=home, policy=policy, tell=tell.append)


def _log_in(home: dict[str, str], host: str, **entry: str) -> None:
    folder = Path(home["HOME"], ".docker")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {host: entry}}))


def _auth(password: str) -> str:
    return base64.b64encode(f"anna:{password}".encode()).decode()


def _there_and_back(text: str, image: Image, home: dict[str, str], access: Access = _OPEN) -> None:
    with _client(text, home, access=access) as client:
        client.push(image, [client.reference])
    with _client(text, home, access=access) as client:
        opened = client.open()
        manifest = parse_manifest(opened.top())
        assert manifest.raw == image.manifest
        assert opened.blob(manifest.config) == image.config
        assert opened.blob(manifest.layers[0]) == b"".join(image.layer.chunks)


@pytest.mark.parametrize("fault", _KINDS)
def test_one_fault_of_each_request_is_survived(registry: str, image: Image, home: dict[str, str], fault: str) -> None:
    policy = _POLICY._replace(idle_timeout=1.0)
    heard: list[Event] = []
    with FaultyRegistry(registry, fault) as faulty:
        text = f"{faulty.host}/client/{fault}:1"
        with _client(text, home, policy, heard=heard) as client:
            client.push(image, [client.reference])
        failed = {(one.method, one.path) for one in faulty.failures()}
        assert failed == {(one.method, one.path) for one in faulty.seen}
        with _client(text, home, policy, heard=heard) as client:
            opened = client.open()
            manifest = parse_manifest(opened.top())
            assert opened.blob(manifest.layers[0]) == b"".join(image.layer.chunks)
        assert {event.kind for event in heard} == {"retry"}
        assert len(heard) == len(faulty.failures())


@pytest.mark.parametrize("fault", ["400", "404", "405", "413", "415"])
def test_a_refusal_is_final_within_two_seconds(registry: str, image: Image, home: dict[str, str], fault: str) -> None:
    with FaultyRegistry(registry, fault, always=True) as faulty:
        began = time.monotonic()
        with _client(f"{faulty.host}/client/{fault}:1", home) as client, pytest.raises(WasmimgError):
            client.push(image, [client.reference])
        assert time.monotonic() - began < 2


def test_a_push_of_what_is_there_takes_three_requests_and_no_byte(
    registry: str, image: Image, home: dict[str, str]
) -> None:
    with FaultyRegistry(registry, "none") as counted:
        text = f"{counted.host}/client/again:1"
        _there_and_back(text, image, home)
        counted.seen.clear()
        with _client(text, home) as client:
            client.push(image, [client.reference])
        assert [one.method for one in counted.seen] == ["HEAD", "HEAD", "PUT"]
        assert counted.seen[-1].path.endswith("/manifests/1")


def test_a_blob_is_mounted_from_another_repository(registry: str, home: dict[str, str]) -> None:
    with FaultyRegistry(registry, "none") as counted:
        for name, source, methods in (("one", None, ["HEAD", "POST", "PUT"]), ("two", "client/one", ["HEAD", "POST"])):
            counted.seen.clear()
            with _client(f"{counted.host}/client/{name}:1", home) as client:
                client.put_blob(digest_of(_NOISE), len(_NOISE), lambda: (_NOISE,), mount_from=source)
            assert [one.method for one in counted.seen] == methods


class _Narrow(FaultyRegistry):
    """Lets no request of more than a mebibyte through, as nginx does."""

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        if int(handler.headers.get("Content-Length") or 0) <= 1 << 20:
            super().serve(handler)
            return
        handler.send_response(413)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        handler.close_connection = True


def test_a_blob_goes_in_chunks_where_a_proxy_wants_that(registry: str, home: dict[str, str]) -> None:
    with _Narrow(registry, "none") as narrow, _client(f"{narrow.host}/client/narrow:1", home) as client:
        client.put_blob(digest_of(_NOISE), len(_NOISE), lambda: (_NOISE,))
        assert [one.method for one in narrow.seen].count("PATCH") == 4
    with _client(f"{registry}/client/narrow:1", home) as client:
        client.put_blob(digest_of(_NOISE), len(_NOISE), lambda: pytest.fail("it is there"))


@pytest.mark.parametrize("form", list(Format))
def test_a_manifest_is_put_by_digest_and_by_tag(
    registry: str, example: Path, home: dict[str, str], form: Format
) -> None:
    image = build_image(build_layer(memoryview(example.read_bytes())), ImageSpec(form))
    name = f"{registry}/client/manifests-{form.value}"
    with _client(f"{name}@{image.digest}", home) as client:
        client.push(image, [client.reference, parse_reference(f"{name}:v1")])
        assert client.put_manifest(image.manifest, MEDIA_TYPES[form].manifest, client.reference) == image.digest
    for text in (f"{name}@{image.digest}", f"{name}:v1"):
        with _client(text, home) as client:
            assert client.open().top() == image.manifest


def test_a_password_lets_in(locked_registry: str, image: Image, home: dict[str, str]) -> None:
    _log_in(home, locked_registry, auth=_auth("right"))
    _there_and_back(f"{locked_registry}/client/password:1", image, home)


@pytest.mark.parametrize("entry", [{}, {"auth": _auth("wrong-secret")}, {"identitytoken": "wrong-secret"}])
def test_another_password_does_not_and_is_not_shown(
    locked_registry: str, image: Image, home: dict[str, str], entry: dict[str, str]
) -> None:
    _log_in(home, locked_registry, **entry)
    began = time.monotonic()
    with _client(f"{locked_registry}/client/wrong:1", home) as client, pytest.raises(NotAllowed) as caught:
        client.push(image, [client.reference])
    assert time.monotonic() - began < 2
    said = f"{caught.value} {caught.value.reason} {caught.value.hint}"
    assert ("config.json" if entry else "no credentials") in said
    assert "wrong-secret" not in said
    assert _auth("wrong-secret") not in said


@pytest.mark.parametrize("entry", [{"auth": _auth(USER[1])}, {"identitytoken": IDENTITY}], ids=["password", "identity"])
def test_tokens_let_in(tmp_path: Path, image: Image, home: dict[str, str], entry: dict[str, str]) -> None:
    with TokenService() as tokens, Service(tmp_path / "registry", auth=tokens.auth) as service:
        assert isinstance(service, Service)
        _log_in(home, service.host, **entry)
        _there_and_back(f"{service.host}/client/one:1", image, home)
        assert tokens.asked == [["repository:client/one:pull,push"], ["repository:client/one:pull"]]
        tokens.asked.clear()
        layer = image.layer
        with _client(f"{service.host}/client/two:1", home) as client:
            client.put_blob(layer.digest, layer.size, lambda: pytest.fail("it is mounted"), mount_from="client/one")
        assert tokens.asked == [["repository:client/one:pull", "repository:client/two:pull,push"]]
        with _client(f"{service.host}/client/two:1", home) as client:
            client.check_push()


@pytest.fixture(scope="module")
def tls_registry(short_folder: Path) -> Iterator[str]:
    """HOST:PORT of a registry on loopback that speaks TLS."""
    with Service(short_folder / "tls", tls={"certificate": str(KEY), "key": str(KEY)}) as service:
        assert isinstance(service, Service)
        yield service.host


@pytest.mark.parametrize("access", [Access(ca_file=KEY), Access(all_insecure=True)], ids=["ca file", "insecure"])
def test_a_registry_behind_tls_on_this_machine_is_spoken_to(
    tls_registry: str, image: Image, home: dict[str, str], access: Access
) -> None:
    _there_and_back(f"{tls_registry}/client/tls:1", image, home, access)


@pytest.mark.parametrize("folder", ["containers", "docker"])
def test_its_authority_may_be_in_a_folder(tls_registry: str, image: Image, home: dict[str, str], folder: str) -> None:
    _certificates(home, tls_registry, folder)
    _there_and_back(f"{tls_registry}/client/folder:1", image, home)


@pytest.mark.parametrize("access", [Access(), Access(ca_file=_CLIENT)], ids=["nothing", "another"])
def test_who_does_not_trust_it_is_told_so_within_two_seconds(
    tls_registry: str, image: Image, home: dict[str, str], access: Access
) -> None:
    began = time.monotonic()
    with _client(f"{tls_registry}/client/x:1", home, access=access) as client, pytest.raises(NetworkFailed) as caught:
        client.push(image, [client.reference])
    assert time.monotonic() - began < 2
    assert "cannot be trusted" in caught.value.message
    assert "--ca-file" in (caught.value.hint or "")


def test_a_certificate_of_ours_lets_in(tmp_path: Path, image: Image, home: dict[str, str]) -> None:
    tls = {"certificate": str(KEY), "key": str(KEY), "clientcas": [str(_CLIENT)]}
    with Service(tmp_path / "registry", tls=tls) as service:
        assert isinstance(service, Service)
        text = f"{service.host}/client/mutual:1"
        with _client(text, home, access=Access(ca_file=KEY)) as client, pytest.raises(NetworkFailed):
            client.check_push()
        folder = _certificates(home, service.host, "containers")
        shutil.copy(_CLIENT, folder / "me.cert")
        shutil.copy(_CLIENT, folder / "me.key")
        _there_and_back(text, image, home)


def _certificates(home: dict[str, str], host: str, tool: str) -> Path:
    folder = Path(home["HOME"], ".config", tool, "certs.d", host)
    folder.mkdir(parents=True)
    shutil.copy(KEY, folder / "ca.crt")
    return folder
