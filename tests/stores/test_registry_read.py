"""A pull: what is read is what the digests promise, or it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, Seen, Server, answer, with_body, with_header
from tests.stores.samples import (
    NOBODY,
    ONCE,
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
from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, WasmimgError
from wasmimg.image.manifest import MANIFEST_LIMIT, Descriptor, digest_of
from wasmimg.image.media_types import DOCKER_INDEX, MEDIA_TYPES, OCI_INDEX, Format
from wasmimg.retry import Policy


def _read(text: str, policy: Policy = ONCE, environment: dict[str, str] = NOBODY) -> tuple[bytes, bytes, bytes]:
    with connect(text, policy=policy, environment=environment) as client:
        return bytes_of(client.open())


@pytest.mark.parametrize("form", list(Format))
def test_what_was_pushed_is_read_byte_for_byte(form: Format) -> None:
    with FakeRegistry() as registry:
        assert _read(stored(registry, sample(form))) == parts_of(sample(form))


def test_an_image_is_read_by_its_digest() -> None:
    with FakeRegistry() as registry:
        stored(registry, sample())
        assert _read(f"{registry.host}/acme/app@{sample().digest}") == parts_of(sample())


def test_a_tag_beside_a_digest_does_not_decide() -> None:
    with FakeRegistry() as registry:
        stored(registry, sample())
        stored(registry, sample(module=b"\0asm\1\0\0\0\0\1\0"), tag="v2")
        assert _read(f"{registry.host}/acme/app:v2@{sample().digest}") == parts_of(sample())


def test_every_kind_of_manifest_is_asked_for() -> None:
    with FakeRegistry() as registry:
        _read(stored(registry, sample()))
        accepted = registry.seen[0].headers["accept"]
        for media_type in (*(types.manifest for types in MEDIA_TYPES.values()), OCI_INDEX, DOCKER_INDEX):
            assert media_type in accepted


def test_an_image_that_is_not_there_is_class_8() -> None:
    with FakeRegistry() as registry:
        with pytest.raises(ImageRefused) as caught:
            _read(f"{registry.host}/acme/nothing:v1")
        assert caught.value.exit_code == 8
        assert "acme/nothing" in caught.value.message
        assert "MANIFEST_UNKNOWN" in (caught.value.reason or "")


def test_a_blob_that_is_not_there_is_named() -> None:
    image = sample()
    with FakeRegistry() as registry:
        text = stored(registry, image)
        del registry.blobs["acme/app", image.layer.digest]
        with pytest.raises(ImageRefused, match=f"lacks the blob {image.layer.digest}"):
            _read(text)


@pytest.mark.parametrize(
    "act, words",
    [
        (with_body(lambda body: bytes(len(body))), "is damaged"),
        (with_body(lambda body: body[:-1]), "bytes, and its descriptor says"),
        (with_body(lambda body: b""), "has 0 bytes"),
        (with_body(lambda body: body + b"x"), "more than"),
        (with_body(lambda body: body + bytes(1 << 20)), "more than"),
    ],
    ids=["changed", "shorter", "empty", "longer", "much longer"],
)
def test_a_blob_that_is_not_what_was_promised_is_refused(act: Act, words: str) -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(act, "GET", sample().layer.digest, times=10)
        with pytest.raises(ImageRefused, match=words):
            _read(text, QUICK)
        assert len(registry.calls("GET", sample().layer.digest)) == 1


def test_a_descriptor_of_a_terabyte_is_refused_unread() -> None:
    with FakeRegistry() as registry, connect(f"{registry.host}/acme/app:v1") as client:
        with pytest.raises(ImageRefused, match="more than any proxy reads"):
            client.read_blob(Descriptor("application/x", "sha256:" + "0" * 64, 1 << 40))
        assert registry.seen == []


@pytest.mark.parametrize("by_digest", [False, True])
def test_another_manifest_than_the_digest_says_is_refused(by_digest: bool) -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        if by_digest:
            text = f"{registry.host}/acme/app@{sample().digest}"
            registry.fault(with_body(lambda body: body + b" "), "GET", "/manifests/")
        else:
            registry.fault(with_header("Docker-Content-Digest", "sha256:" + "0" * 64), "GET", "/manifests/")
        with pytest.raises(ImageRefused, match="is not sha256:"):
            _read(text)


def test_a_digest_header_does_not_replace_the_digest_asked_for() -> None:
    other = sample(module=b"\0asm\1\0\0\0\0\1\0")
    with FakeRegistry() as registry:
        stored(registry, other)
        swap = answer(200, ("Docker-Content-Digest", other.digest), body=other.manifest)
        registry.fault(swap, "GET", sample().digest)
        with pytest.raises(ImageRefused, match=f"is not {sample().digest}"):
            _read(f"{registry.host}/acme/app@{sample().digest}")


def test_a_registry_that_names_no_digest_is_believed() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(200, body=sample().manifest), "GET", "/manifests/")
        assert _read(text) == parts_of(sample())


def test_a_manifest_larger_than_registries_take_is_refused() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(200, body=b" " * (MANIFEST_LIMIT + 1)), "GET", "/manifests/")
        with pytest.raises(ImageRefused, match=f"{MANIFEST_LIMIT}"):
            _read(text)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"null", b"[]", b'{"manifests":[]}', b"[" * 100_000, b"\xff\xfe", b'{"config":{},"layers":[]}'],
    ids=["empty", "html", "null", "list", "index", "deep", "no text", "empty parts"],
)
def test_a_manifest_that_is_none_is_class_8(body: bytes) -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        registry.fault(answer(200, body=body), "GET", "/manifests/")
        with pytest.raises(ImageRefused):
            _read(text)


@pytest.mark.parametrize(
    "status, error",
    [
        (401, NotAllowed),
        (403, NotAllowed),
        (404, ImageRefused),
        (400, NetworkFailed),
        (410, NetworkFailed),
        (500, NetworkFailed),
        (599, NetworkFailed),
    ],
)
def test_a_refusal_has_its_class(status: int, error: type[WasmimgError]) -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(status), times=10)
        with pytest.raises(error) as caught:
            _read(f"{registry.host}/acme/app:v1")
        assert str(status) in (caught.value.reason or "")


@pytest.mark.parametrize(
    "body", [b"<html>no</html>", b'{"errors":null}', b'{"errors":[1]}', b'{"errors":{}}', b"\xff\xfe", b"x" * 100_000]
)
def test_a_refusal_may_be_in_whatever_words(body: bytes) -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(400, body=body), times=10)
        with pytest.raises(NetworkFailed) as caught:
            _read(f"{registry.host}/acme/app:v1")
        assert "400 Bad Request" in (caught.value.reason or "")
        assert len(caught.value.reason or "") < 1000


class Elsewhere(Server):
    """Another host, which has every blob of one image, or wants to know who asks."""

    def __init__(self, *blobs: bytes, challenge: str = "") -> None:
        super().__init__()
        self._blobs = {digest_of(data): data for data in blobs}
        self._challenge = challenge

    def reply(self, seen: Seen) -> Reply:
        if self._challenge:
            return Reply(401, (("WWW-Authenticate", self._challenge.format(host=self.host)),))
        return Reply(200, (), self._blobs[seen.path.rpartition("/")[2]])

    def authorizations(self) -> list[str]:
        return [seen.headers["authorization"] for seen in self.seen if "authorization" in seen.headers]


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_credentials_do_not_follow_a_redirect_to_another_host(kind: str, tmp_path: Path) -> None:
    image, user = sample(), ("me", "hunter2")
    registry = FakeRegistry(basic=user) if kind == "basic" else FakeRegistry(bearer=user)
    with registry, Elsewhere(image.config, blob_of(image)) as elsewhere:
        text = stored(registry, image)
        registry.blobs_at = f"http://{elsewhere.host}"
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        assert _read(text, environment=environment) == parts_of(image)
        assert len(elsewhere.seen) == 2
        assert elsewhere.authorizations() == []


@pytest.mark.parametrize(
    "challenge",
    ['Basic realm="x"', 'Bearer realm="http://{host}/token",service="x",scope="x"'],
    ids=["basic", "bearer"],
)
def test_another_host_that_asks_for_credentials_gets_none(challenge: str, tmp_path: Path) -> None:
    with FakeRegistry(basic=("me", "hunter2")) as registry, Elsewhere(challenge=challenge) as elsewhere:
        text = stored(registry, sample())
        registry.blobs_at = f"http://{elsewhere.host}"
        with pytest.raises(NotAllowed):
            _read(text, environment=home_with(tmp_path, registry.host, username="me", password="hunter2"))
        assert elsewhere.authorizations() == []


def test_a_redirect_may_say_more_than_the_blob_has_bytes() -> None:
    image = sample()
    with FakeRegistry() as registry, Elsewhere(image.config, blob_of(image)) as elsewhere:
        text = stored(registry, image)
        there = answer(307, ("Location", f"http://{elsewhere.host}/{image.config_digest}"), body=b" " * 10_000)
        registry.fault(there, "GET", image.config_digest)
        assert _read(text) == parts_of(image)


def test_a_redirect_within_the_registry_keeps_the_credentials(tmp_path: Path) -> None:
    with FakeRegistry(basic=("me", "hunter2")) as registry:
        text = stored(registry, sample())
        target = f"/v2/acme/app/manifests/{sample().digest}"
        registry.fault(answer(307, ("Location", target)), "GET", "/manifests/v1", skip=1)
        assert _read(
            text, environment=home_with(tmp_path, registry.host, username="me", password="hunter2")
        ) == parts_of(sample())


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/v2/acme/app/manifests/v1",
        "http://[",
        "http://127.0.0.1:port/",
        "ftp://127.0.0.1/x",
        "//",
    ],
    ids=["none", "to itself", "bad brackets", "bad port", "other scheme", "empty"],
)
def test_a_redirect_that_leads_nowhere_is_class_7_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        headers = [("Location", location)] if location else []
        registry.fault(answer(302, *headers), "GET", "/manifests/v1", times=100)
        with pytest.raises(NetworkFailed):
            _read(text, QUICK)
        assert pauses == []
