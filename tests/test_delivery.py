"""Delivery: the image arrives in every place that was asked for, and is proven in each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import answer, with_body
from tests.stores.samples import (
    MODULE,
    NOBODY,
    QUICK,
    blob_of,
    bytes_of,
    home_with,
    no_pauses,
    parts_of,
    sample,
    stored,
)
from wasmimg.consumers.selection import Consumer
from wasmimg.delivery import Delivery, check_access, deliver, read_pushed
from wasmimg.errors import FileSystemFailed, ImageRefused, NetworkFailed, NotAllowed
from wasmimg.events import Event, silent
from wasmimg.image.manifest import Image, digest_of
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.reference import parse_reference
from wasmimg.image.shape import Shape
from wasmimg.stores.archive import open_docker_archive, open_oci_archive
from wasmimg.stores.layout import open_layout
from wasmimg.stores.places import parse_output

_OTHER = sample(module=MODULE + b"\0\1\0")


def _delivery(*names: str, form: Format = Format.OCI, **more: Any) -> Delivery:
    references = tuple(map(parse_reference, names))
    return Delivery(form, references, consumers=(Consumer("istio"),), policy=QUICK)._replace(**more)


def _deliver(image: Image, delivery: Delivery, heard: list[Event] | None = None) -> Shape | None:
    return deliver(image, delivery, NOBODY, silent if heard is None else heard.append)


def _read(delivery: Delivery, digest: str | None = None, environment: dict[str, str] = NOBODY) -> Shape:
    return read_pushed(delivery, digest, environment, silent)


@pytest.mark.parametrize("form", list(Format))
def test_an_image_is_pushed_read_back_and_proven(form: Format) -> None:
    image = sample(form)
    with FakeRegistry() as registry:
        shape = _deliver(image, _delivery(f"{registry.host}/acme/app:v1", form=form, push=True))
        assert shape is not None
        assert (shape.format, shape.manifest_digest) == (form, image.digest)
        assert (shape.layer_digest, shape.module_digest) == (digest_of(blob_of(image)), digest_of(MODULE))
        put = registry.calls().index("PUT /v2/acme/app/manifests/v1")
        assert registry.calls("GET", image.layer.digest)
        assert registry.calls()[put + 1 :][0] == "GET /v2/acme/app/manifests/v1"


def test_every_tag_in_every_repository_names_the_image() -> None:
    image = sample()
    with FakeRegistry() as one, FakeRegistry() as two:
        names = [
            f"{one.host}/acme/app:v1",
            f"{one.host}/acme/app:latest",
            f"{one.host}/acme/copy:v1",
            f"{two.host}/acme/app:v1",
        ]
        shape = _deliver(image, _delivery(*names, push=True))
        assert shape is not None
        for registry, key in (
            (one, ("acme/app", "v1")),
            (one, ("acme/app", "latest")),
            (one, ("acme/copy", "v1")),
            (two, ("acme/app", "v1")),
        ):
            assert registry.manifests[key] == (MEDIA_TYPES[Format.OCI].manifest, image.manifest)
        assert len(one.calls("PUT", "/acme/app/blobs/")) == 2
        for registry, tag in (
            (one, "acme/app/manifests/latest"),
            (one, "acme/copy/manifests/v1"),
            (two, "acme/app/manifests/v1"),
        ):
            assert registry.calls("GET", tag)


def test_every_output_is_written_and_proven(tmp_path: Path) -> None:
    image = sample(Format.DOCKER)
    outputs = tuple(parse_output(text, tmp_path) for text in ("oci:a", "oci-archive:b", "docker-archive:c"))
    heard: list[Event] = []
    shape = _deliver(image, _delivery("ghcr.io/acme/app:v1", form=Format.DOCKER, outputs=outputs), heard)
    assert shape is not None
    assert shape.manifest_digest == image.digest
    for opened in (
        open_layout(tmp_path / "a", "v1"),
        open_oci_archive(tmp_path / "b", "v1"),
        open_docker_archive(tmp_path / "c", "ghcr.io/acme/app:v1"),
    ):
        assert bytes_of(opened) == parts_of(image)
    assert [event.text for event in heard if event.kind == "step"] == [f"write {output}" for output in outputs]


def test_files_and_registry_get_the_same_image(tmp_path: Path) -> None:
    image = sample()
    with FakeRegistry() as registry:
        output = parse_output("oci:out", tmp_path)
        shape = _deliver(image, _delivery(f"{registry.host}/acme/app:v1", push=True, outputs=(output,)))
        assert shape is not None
        assert open_layout(tmp_path / "out", None).top() == registry.manifests["acme/app", "v1"][1]


def test_a_reference_without_push_is_only_a_name(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        output = parse_output("oci:out", tmp_path)
        _deliver(sample(), _delivery(f"{registry.host}/acme/app:v1", outputs=(output,)))
        assert registry.seen == []


def test_no_place_is_no_result() -> None:
    assert _deliver(sample(), _delivery()) is None


def test_an_output_that_cannot_be_written_ends_the_delivery_before_the_push(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"precious")
    with FakeRegistry() as registry:
        output = parse_output("oci:out", tmp_path)
        with pytest.raises(FileSystemFailed):
            _deliver(sample(), _delivery(f"{registry.host}/acme/app:v1", push=True, outputs=(output,)))
        assert registry.seen == []


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_another_format_than_asked_for_is_refused_where_it_was_written(tmp_path: Path, kind: str) -> None:
    with pytest.raises(ImageRefused, match="one shape") as caught:
        _deliver(sample(Format.DOCKER), _delivery(outputs=(parse_output(f"{kind}:out", tmp_path),)))
    assert "not in the oci format" in (caught.value.reason or "")


def test_an_image_that_a_consumer_refuses_is_refused(tmp_path: Path) -> None:
    output = parse_output("oci:out", tmp_path)
    with pytest.raises(ImageRefused, match="Istio would refuse"):
        _deliver(sample(module=b"no module"), _delivery(outputs=(output,)))
    assert _deliver(sample(module=b"no module"), _delivery(outputs=(output,), consumers=())) is not None


def test_a_registry_that_converts_what_it_gets_is_found_out() -> None:
    image, converted = sample(), sample(Format.DOCKER)
    with FakeRegistry() as registry:
        stored(registry, converted)
        registry.fault(answer(200, body=converted.manifest), "GET", "/manifests/", times=10)
        with pytest.raises(ImageRefused, match="one shape") as caught:
            _deliver(image, _delivery(f"{registry.host}/acme/app:v1", push=True))
        assert "not in the oci format" in (caught.value.reason or "")


def test_a_registry_that_damages_what_it_gets_is_found_out() -> None:
    with FakeRegistry() as registry:
        registry.fault(with_body(lambda body: bytes(len(body))), "GET", sample().layer.digest)
        with pytest.raises(ImageRefused, match="is damaged"):
            _deliver(sample(), _delivery(f"{registry.host}/acme/app:v1", push=True))


def test_a_push_that_fails_in_one_repository_is_the_result() -> None:
    with FakeRegistry() as one, FakeRegistry() as two:
        two.fault(answer(403), "POST")
        with pytest.raises(NotAllowed, match=two.host):
            _deliver(sample(), _delivery(f"{one.host}/acme/app:v1", f"{two.host}/acme/app:v1", push=True))


def test_what_an_engine_pushed_is_proven() -> None:
    with FakeRegistry() as registry:
        delivery = _delivery(stored(registry, sample()))
        assert _read(delivery, digest_of(MODULE)).manifest_digest == sample().digest
        assert _read(delivery).module_digest == digest_of(MODULE)


@pytest.mark.parametrize("form, other", [(Format.OCI, Format.DOCKER), (Format.DOCKER, Format.OCI)])
def test_another_format_than_asked_for_is_refused_where_it_was_pushed(form: Format, other: Format) -> None:
    with FakeRegistry() as registry:
        with pytest.raises(ImageRefused) as caught:
            _read(_delivery(stored(registry, sample(form)), form=other))
        assert f"not in the {other} format" in (caught.value.reason or "")


def test_another_module_than_the_given_one_is_refused_where_it_was_pushed() -> None:
    with FakeRegistry() as registry:
        with pytest.raises(ImageRefused) as caught:
            _read(_delivery(stored(registry, _OTHER)), digest_of(MODULE))
        assert digest_of(MODULE) in (caught.value.reason or "")


@pytest.mark.parametrize("stale", [("acme/app", "v2"), ("acme/copy", "v1")])
def test_one_tag_that_names_something_else_is_found_out(stale: tuple[str, str]) -> None:
    with FakeRegistry() as registry:
        names = [("acme/app", "v1"), ("acme/app", "v2"), ("acme/copy", "v1")]
        texts = [stored(registry, _OTHER if one == stale else sample(), *one) for one in names]
        with pytest.raises(ImageRefused):
            _read(_delivery(*texts), digest_of(MODULE))


def test_one_tag_that_is_missing_is_found_out() -> None:
    with FakeRegistry() as registry:
        text = stored(registry, sample())
        with pytest.raises(ImageRefused, match="v2") as caught:
            _read(_delivery(text, f"{registry.host}/acme/app:v2"))
        assert caught.value.exit_code == 8


def test_the_layer_is_read_once_for_all_tags_of_a_repository() -> None:
    with FakeRegistry() as registry:
        texts = [stored(registry, sample(), tag=tag) for tag in ("v1", "v2", "v3")]
        _read(_delivery(*texts), digest_of(MODULE))
        assert len(registry.calls("GET", sample().layer.digest)) == 1
        for tag in ("v1", "v2", "v3"):
            assert registry.calls("GET", f"/manifests/{tag}")


def test_leave_to_push_is_asked_once_for_a_repository(tmp_path: Path) -> None:
    with FakeRegistry(basic=("me", "hunter2")) as registry:
        delivery = _delivery(*(f"{registry.host}/{name}" for name in ("acme/app:v1", "acme/app:v2", "acme/copy:v1")))
        environment = home_with(tmp_path, registry.host, username="me", password="hunter2")
        assert check_access(delivery, environment, silent)
        assert len([seen for seen in registry.seen if seen.method == "DELETE"]) == 2
        assert (registry.blobs, registry.manifests) == ({}, {})


def test_no_leave_to_push_is_class_6_before_anything_is_built() -> None:
    with FakeRegistry(basic=("me", "hunter2")) as registry:
        with pytest.raises(NotAllowed) as caught:
            check_access(_delivery(f"{registry.host}/acme/app:v1"), NOBODY, silent)
        assert caught.value.exit_code == 6


@pytest.mark.parametrize("status", [404, 405, 500, 503])
def test_a_registry_that_cannot_be_asked_is_a_note(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    pauses, heard = no_pauses(monkeypatch), list[Event]()
    with FakeRegistry() as registry:
        registry.fault(answer(status), "POST", times=100)
        assert not check_access(_delivery(f"{registry.host}/acme/app:v1"), NOBODY, heard.append)
        (note,) = [event.text for event in heard if event.kind == "note"]
        assert registry.host in note
        assert str(status) in note
        assert len(pauses) <= 1


def test_a_registry_that_is_down_is_class_7_and_the_files_are_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_pauses(monkeypatch)
    output = parse_output("oci:out", tmp_path)
    with FakeRegistry() as registry:
        host = registry.host
    with pytest.raises(NetworkFailed):
        _deliver(sample(), _delivery(f"{host}/acme/app:v1", push=True, outputs=(output,)))
    assert os.listdir(tmp_path) == ["out"]
    assert bytes_of(open_layout(tmp_path / "out", None)) == parts_of(sample())
