"""How a blob gets into a repository: found, mounted, in one piece or in chunks; and the manifest's bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Reply, answer, with_header
from tests.stores.samples import NOBODY, QUICK, connect, no_pauses, sample, stored
from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, UsageError
from wasmimg.events import silent
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.reference import parse_reference
from wasmimg.stores.credentials import Access
from wasmimg.stores.registry import Registry

_MIB = 1024 * 1024
_NOISE = hashlib.shake_128(b"noise").digest(64 * 1024) * 40  # 2.5 MiB
_TYPE = MEDIA_TYPES[Format.OCI].manifest


def _put(registry: FakeRegistry, data: bytes = _NOISE, mount_from: str | None = None) -> str:
    digest = digest_of(data)
    cut = len(data) // 3
    chunks = (data[:cut], data[cut : 2 * cut], b"", data[2 * cut :])
    with connect(f"{registry.host}/acme/app:v1") as client:
        client.put_blob(digest, len(data), lambda: chunks, mount_from=mount_from)
    assert registry.blobs["acme/app", digest] == data
    return digest


def _sent(registry: FakeRegistry) -> list[tuple[str, int]]:
    return [(seen.method, len(seen.body)) for seen in registry.seen]


def test_a_blob_that_is_there_takes_one_request() -> None:
    with FakeRegistry() as registry:
        registry.blobs["acme/app", digest_of(_NOISE)] = _NOISE
        _put(registry)
        assert _sent(registry) == [("HEAD", 0)]


def test_a_blob_goes_in_one_piece() -> None:
    with FakeRegistry() as registry:
        _put(registry)
        assert _sent(registry) == [("HEAD", 0), ("POST", 0), ("PUT", len(_NOISE))]


def test_an_empty_blob_is_one_too() -> None:
    with FakeRegistry() as registry:
        _put(registry, b"")


def test_a_blob_of_another_repository_is_mounted_without_a_byte() -> None:
    with FakeRegistry() as registry:
        registry.blobs["acme/base", digest_of(_NOISE)] = _NOISE
        _put(registry, mount_from="acme/base")
        assert _sent(registry) == [("HEAD", 0), ("POST", 0)]


def test_a_blob_is_not_mounted_from_where_it_shall_be() -> None:
    with FakeRegistry() as registry:
        _put(registry, mount_from="acme/app")
        assert [seen.query for seen in registry.seen if seen.method == "POST"] == [""]


@pytest.mark.parametrize("location", ["relative", "absolute", "query"])
def test_a_mount_that_becomes_an_upload_is_gone_on_with(location: str) -> None:
    with FakeRegistry() as registry:
        registry.location = location
        _put(registry, mount_from="acme/base")
        assert _sent(registry) == [("HEAD", 0), ("POST", 0), ("PUT", len(_NOISE))]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 202, 200, 501])
def test_a_mount_that_is_refused_is_an_upload(status: int) -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(status), "POST")
        _put(registry, mount_from="acme/base")
        assert _sent(registry) == [("HEAD", 0), ("POST", 0), ("POST", 0), ("PUT", len(_NOISE))]


def test_a_mount_that_fails_again_and_again_is_an_upload(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(503), "POST", times=QUICK.attempts)
        _put(registry, mount_from="acme/base")


def test_an_upload_that_came_of_a_mount_is_begun_anew_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.fault(answer(503), "PUT")
        _put(registry, mount_from="acme/base")
        assert [seen.query.partition("=")[0] for seen in registry.seen if seen.method == "POST"] == ["mount", ""]


@pytest.mark.parametrize("location", ["relative", "absolute", "query"])
def test_a_blob_too_large_for_one_request_goes_in_chunks(location: str) -> None:
    with FakeRegistry() as registry:
        registry.most, registry.location = _MIB, location
        _put(registry)
        assert _sent(registry)[2:] == [
            ("PUT", len(_NOISE)),
            ("POST", 0),
            ("PATCH", _MIB),
            ("PATCH", _MIB),
            ("PATCH", _MIB // 2),
            ("PUT", 0),
        ]


def test_what_is_too_large_is_found_out_once() -> None:
    other = _NOISE[::-1]
    with FakeRegistry() as registry, connect(f"{registry.host}/acme/app:v1") as client:
        registry.most = _MIB
        client.put_blob(digest_of(_NOISE), len(_NOISE), lambda: (_NOISE,))
        registry.seen.clear()
        client.put_blob(digest_of(other), len(other), lambda: (other,))
        assert [method for method, size in _sent(registry) if size] == ["PATCH"] * 3
        assert registry.blobs["acme/app", digest_of(other)] == other


@pytest.mark.parametrize("least", [_MIB + _MIB // 2, 2 * _MIB])
def test_chunks_are_as_large_as_the_registry_wants_them(least: int) -> None:
    with FakeRegistry() as registry:
        registry.least = least
        _put(registry)
        assert _sent(registry)[2:] == [("PATCH", least), ("PATCH", len(_NOISE) - least), ("PUT", 0)]


@pytest.mark.parametrize("least", ["1099511627776", "9" * 400, "-5", "x", "0"])
def test_a_size_of_chunks_that_makes_no_sense_does_no_harm(least: str) -> None:
    with FakeRegistry() as registry:
        registry.fault(with_header("OCI-Chunk-Min-Length", least), "POST")
        _put(registry)
        assert len(registry.seen) == 3


@pytest.mark.parametrize("size", [100, _MIB])
def test_a_small_blob_that_is_too_large_is_refused_at_once(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.most = 10
        with pytest.raises(NetworkFailed, match="refused"):
            _put(registry, _NOISE[:size])
        assert (pauses, len(registry.calls("PUT"))) == ([], 1)


def test_a_chunk_that_is_too_large_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.most = 10
        with pytest.raises(NetworkFailed, match="refused"):
            _put(registry)
        assert (pauses, [seen.method for seen in registry.seen]) == ([], ["HEAD", "POST", "PUT", "POST", "PATCH"])


@pytest.mark.parametrize(
    "act",
    [
        answer(416),
        with_header("Range", "0-7"),
        answer(404, body=b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}'),
        answer(400, body=b'{"errors":[{"code":"BLOB_UPLOAD_INVALID"}]}'),
    ],
    ids=["416", "another range", "unknown", "invalid"],
)
@pytest.mark.parametrize("number", [0, 1])
def test_an_upload_that_the_registry_lost_is_begun_anew(monkeypatch: pytest.MonkeyPatch, act: Act, number: int) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry() as registry:
        registry.least = _MIB
        registry.fault(act, "PATCH", skip=number)
        _put(registry)
        assert len(pauses) == 1
        assert len(registry.calls("POST")) == 2


def test_every_chunk_goes_where_the_one_before_it_said() -> None:
    with FakeRegistry() as registry:
        registry.least = _MIB

        def elsewhere(true: Callable[[], Reply]) -> Reply:
            where = f"/v2/acme/app/blobs/uploads/one?part={len(registry.calls('PATCH'))}"
            return with_header("Location", where)(true)

        registry.fault(elsewhere, "PATCH", times=3)
        _put(registry)
        queries = [seen.query.partition("&")[0] for seen in registry.seen if seen.method in ("PATCH", "PUT")]
        assert queries == ["", "part=1", "part=2", "part=3"]


def test_progress_is_told_for_each_blob() -> None:
    heard: list[tuple[str, int, int]] = []
    with FakeRegistry() as registry:
        text = f"{registry.host}/acme/app:v1"
        with Registry(
            parse_reference(text), access=Access(), environment=NOBODY, policy=QUICK, tell=silent,
            progress=lambda digest, sent, size: heard.append((digest, sent, size)),
        ) as client:  # fmt: skip
            client.put_blob(digest_of(_NOISE), len(_NOISE), lambda: (_NOISE[:_MIB], _NOISE[_MIB:]))
    sizes = [sent for _, sent, _ in heard]
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(_NOISE)
    assert {(digest, size) for digest, _, size in heard} == {(digest_of(_NOISE), len(_NOISE))}


def test_a_manifest_is_put_byte_for_byte_and_its_digest_is_known() -> None:
    raw = sample().manifest.replace(b"{", b"{  ", 1)  # as no tool of ours would write it
    with FakeRegistry() as registry, connect(text := stored(registry, sample())) as client:
        assert client.put_manifest(raw, _TYPE, parse_reference(text)) == digest_of(raw)
        assert registry.manifests["acme/app", "v1"] == (_TYPE, raw)


def test_a_manifest_is_put_by_its_digest() -> None:
    image = sample()
    with FakeRegistry() as registry:
        stored(registry, image)
        registry.manifests.clear()
        reference = parse_reference(f"{registry.host}/acme/app@{image.digest}")
        with connect(str(reference)) as client:
            assert client.put_manifest(image.manifest, _TYPE, reference) == image.digest
        assert registry.calls("PUT") == [f"PUT /v2/acme/app/manifests/{image.digest}"]


def test_a_manifest_is_not_put_under_the_digest_of_another() -> None:
    with FakeRegistry() as registry:
        reference = parse_reference(f"{registry.host}/acme/app@sha256:{'0' * 64}")
        with connect(str(reference)) as client, pytest.raises(UsageError, match="another manifest"):
            client.put_manifest(sample().manifest, _TYPE, reference)
        assert registry.seen == []


def test_what_cannot_be_asked_for_may_not_be_pushed() -> None:
    with FakeRegistry() as registry:
        registry.fault(answer(403), "HEAD", times=2)
        with pytest.raises(NotAllowed):
            _put(registry, mount_from="acme/base")
        assert registry.calls("POST") == []


def test_a_registry_that_stored_something_else_is_found_out() -> None:
    def other(true: object) -> Reply:
        return Reply(201, (("Docker-Content-Digest", "sha256:" + "1" * 64),))

    with FakeRegistry() as registry, connect(text := stored(registry, sample())) as client:
        registry.fault(other, "PUT")
        with pytest.raises(ImageRefused, match="another manifest"):
            client.put_manifest(sample().manifest, _TYPE, parse_reference(text))
