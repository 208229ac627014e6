"""A push: what is sent, in which order, and what becomes of it when the registry falters."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, Seen, Server, answer, with_header
from tests.stores.samples import ONCE, QUICK, blob_of, connect, home_with, no_pauses, sample
from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, WasmimgError
from wasmimg.image.manifest import Image
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy

_REQUESTS = range(7)  # HEAD, POST, PUT of two blobs, then the manifest


def _push(
    registry: FakeRegistry,
    *names: str,
    image: Image | None = None,
    policy: Policy = QUICK,
) -> None:
    references = [parse_reference(f"{registry.host}/{name}") for name in names or ("acme/app:v1",)]
    with connect(str(references[0]), policy=policy) as client:
        client.push(image or sample(), references)


@pytest.mark.parametrize("form", list(Format))
def test_blobs_go_first_and_the_manifest_last(form: Format) -> None:
    image = sample(form)
    with FakeRegistry() as registry:
        _push(registry, image=image)
        blobs = "/v2/acme/app/blobs"
        upload = [f"POST {blobs}/uploads/", f"PUT {blobs}/uploads/one"]
        layer, config = (
            [f"HEAD {blobs}/{image.layer.digest}", *upload],
            [f"HEAD {blobs}/{image.config_digest}", *upload],
        )
        assert registry.calls() in (
            [*layer, *config, "PUT /v2/acme/app/manifests/v1"],
            [*config, *layer, "PUT /v2/acme/app/manifests/v1"],
        )


@pytest.mark.parametrize("form", list(Format))
def test_what_is_stored_is_what_was_made_byte_for_byte(form: Format) -> None:
    image = sample(form)
    with FakeRegistry() as registry:
        _push(registry, image=image)
        assert registry.manifests["acme/app", "v1"] == (MEDIA_TYPES[form].manifest, image.manifest)
        assert registry.blobs["acme/app", image.layer.digest] == blob_of(image)
        assert registry.blobs["acme/app", image.config_digest] == image.config


def test_every_body_says_its_length() -> None:
    with FakeRegistry() as registry:
        _push(registry)
        for seen in registry.seen:
            if seen.method in ("PUT", "POST"):
                assert seen.headers["content-length"] == str(len(seen.body))
                assert "transfer-encoding" not in seen.headers


def test_blobs_that_are_there_are_not_sent_again() -> None:
    with FakeRegistry() as registry:
        _push(registry)
        registry.seen.clear()
        _push(registry)
        assert [seen.method for seen in registry.seen] == ["HEAD", "HEAD", "PUT"]


def test_further_tags_send_the_manifest_alone() -> None:
    with FakeRegistry() as registry:
        _push(registry, "acme/app:v1", "acme/app:latest")
        tags = [f"PUT /v2/acme/app/manifests/{tag}" for tag in ("v1", "latest")]
        assert registry.calls("PUT", "/manifests/") == tags
        assert len(registry.calls("PUT", "/blobs/")) == 2


@pytest.mark.parametrize("location", ["relative", "absolute", "query"])
def test_an_upload_goes_where_the_registry_says(location: str) -> None:
    with FakeRegistry() as registry:
        registry.location = location
        _push(registry)
        assert ("acme/app", "v1") in registry.manifests


class _Storage(Server):
    def reply(self, seen: Seen) -> Reply:
        return Reply(201)


def test_an_upload_to_another_host_arrives_there() -> None:
    with FakeRegistry() as registry, _Storage() as storage:
        registry.location, registry.uploads_at = "absolute", f"http://{storage.host}"
        registry.fault(answer(201), "PUT", "/manifests/")
        _push(registry)
        arrived = {f"sha256:{hashlib.sha256(seen.body).hexdigest()}" for seen in storage.seen}
        assert arrived == {sample().layer.digest, sample().config_digest}


def test_credentials_do_not_follow_an_upload_to_another_host(tmp_path: Path) -> None:
    with FakeRegistry(basic=("me", "hunter2")) as registry, _Storage() as storage:
        registry.location, registry.uploads_at = "absolute", f"http://{storage.host}"
        storage.fault(answer(401, ("WWW-Authenticate", "Basic")), "PUT")
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        reference = parse_reference(f"{registry.host}/acme/app:v1")
        with connect(str(reference), environment=environment) as client, pytest.raises(NotAllowed) as caught:
            client.push(sample(), [reference])
        assert [sorted(seen.headers) for seen in storage.seen if "authorization" in seen.headers] == []
        assert "config.json" not in (caught.value.reason or "")


@pytest.mark.parametrize(
    "location", ["http://[?key=hunter2", "http://127.0.0.1:port/", "ftp://127.0.0.1/x", "http://me:hunter2@:1/"]
)
def test_an_upload_to_nowhere_is_class_7_and_not_repeated(monkeypatch: pytest.MonkeyPatch, location: str) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(202, ("Location", location)), "POST")
        with pytest.raises(NetworkFailed, match="no address") as caught:
            _push(registry)
        assert "hunter2" not in f"{caught.value.message} {caught.value.reason} {caught.value.hint}"
        assert pauses == []


@pytest.mark.parametrize("number", _REQUESTS)
def test_the_pause_asked_for_is_the_pause_taken(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(429, ("Retry-After", "7")), skip=number)
        _push(registry)
        assert pauses == [7.0]
        assert registry.manifests["acme/app", "v1"][1] == sample().manifest


@pytest.mark.parametrize("number", [0, 2, 6])
@pytest.mark.parametrize(
    "status, error",
    [
        (400, NetworkFailed),
        (403, NotAllowed),
        (405, NetworkFailed),
        (413, NetworkFailed),
        (415, NetworkFailed),
        (501, NetworkFailed),
    ],
)
def test_a_refusal_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[WasmimgError], number: int
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(status, body=b'{"errors":[{"code":"DENIED","message":"not here"}]}'), skip=number)
        with pytest.raises(error) as caught:
            _push(registry)
        assert (len(registry.seen), pauses) == (number + 1, [])
        assert registry.host in caught.value.message
        assert str(status) in (caught.value.reason or "")
        if number:  # a HEAD has no body to say it in
            assert "DENIED: not here" in (caught.value.reason or "")
        assert ("acme/app", "v1") not in registry.manifests


@pytest.mark.parametrize(
    "part, method", [("/blobs/sha256:", "HEAD"), ("/uploads/", "POST"), ("/uploads/one", "PUT"), ("/manifests/", "PUT")]
)
@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_no_request_is_made_more_often_than_attempts(
    monkeypatch: pytest.MonkeyPatch, part: str, method: str, attempts: int
) -> None:
    no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(503), method, part, times=1000)
        with pytest.raises(NetworkFailed, match=registry.host):
            _push(registry, policy=QUICK._replace(attempts=attempts))
        assert len(registry.calls(method, part)) == attempts


def test_no_attempt_is_made_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(429, ("Retry-After", "20")), "POST", times=1000)
        with pytest.raises(NetworkFailed):
            _push(registry, policy=QUICK._replace(attempts=100, deadline=10.0))
        assert (len(registry.calls("POST")), pauses) == (1, [])


@pytest.mark.parametrize("status", [301, 307])
@pytest.mark.parametrize("part", ["/uploads/one", "/manifests/"])
def test_a_redirect_in_place_of_storing_is_no_success(status: int, part: str) -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(status, ("Location", "/elsewhere")), "PUT", part, times=100)
        with pytest.raises((NetworkFailed, ImageRefused)):
            _push(registry)
        assert len(registry.calls("PUT", part)) == 1
        if part == "/uploads/one":
            assert registry.calls("PUT", "/manifests/") == []


@pytest.mark.parametrize(
    "act",
    [answer(202), answer(200, ("Location", "/v2/x")), answer(204), answer(302, ("Location", "/v2/"))],
    ids=["without Location", "200", "204", "302"],
)
def test_an_upload_that_does_not_begin_is_refused(act: Act) -> None:
    with FakeRegistry() as registry:
        registry.fault(act, "POST")
        with pytest.raises(NetworkFailed, match=registry.host):
            _push(registry)
        assert registry.calls("PUT") == []


def test_another_digest_than_the_one_sent_is_refused() -> None:
    with FakeRegistry() as registry:
        registry.fault(with_header("Docker-Content-Digest", "sha256:" + "0" * 64), "PUT", "/manifests/")
        with pytest.raises(ImageRefused, match="another manifest") as caught:
            _push(registry)
        assert sample().digest in (caught.value.reason or "")


def test_a_registry_that_stops_reading_is_given_up() -> None:
    image = sample()
    big = image._replace(layer=image.layer._replace(chunks=(bytes(1 << 20),) * 16, size=16 << 20))
    with FakeRegistry() as registry:
        registry.deaf = True
        with pytest.raises(NetworkFailed) as caught:
            _push(registry, image=big, policy=ONCE._replace(idle_timeout=0.1))
        assert registry.host in caught.value.message
        assert caught.value.transient


def test_nothing_is_left_by_asking_for_leave_to_push() -> None:
    with FakeRegistry() as registry, connect(f"{registry.host}/acme/app:v1") as client:
        client.check_push()
        assert [seen.method for seen in registry.seen] == ["POST", "DELETE"]
        assert (registry.blobs, registry.manifests) == ({}, {})


def test_a_registry_that_cannot_cancel_uploads_may_be_pushed_to() -> None:
    with FakeRegistry() as registry, connect(f"{registry.host}/acme/app:v1") as client:
        registry.fault(answer(405), "DELETE")
        client.check_push()


def test_leave_to_push_may_be_refused() -> None:
    with FakeRegistry() as registry, connect(f"{registry.host}/acme/app:v1") as client:
        registry.fault(answer(403), "POST")
        with pytest.raises(NotAllowed, match=registry.host):
            client.check_push()
