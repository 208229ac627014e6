"""The proof of what was made: an image of another shape, format or module than asked for is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.stores.samples import MODULE, blob_of, bytes_of, parts_of, sample
from tests.stores.tars import tar_of
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused
from wasmimg.image.layer import Layer, build_layer, compress_tar
from wasmimg.image.manifest import (
    Image,
    ImageSpec,
    assemble,
    build_image,
    canonical_json,
    digest_of,
    parse_manifest,
)
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format
from wasmimg.readback import prove, take_image
from wasmimg.stores.archive import pushed_form
from wasmimg.stores.opened import LocalImage

_ISTIO = (Consumer("istio"),)
_LARGE = MODULE + bytes(3_000_000)


def _opened(image: Image, *, wire: bool = True) -> LocalImage:
    """``image`` as it lies somewhere."""
    parts = {image.layer.digest: blob_of(image), image.config_digest: image.config, image.digest: image.manifest}
    return LocalImage("oci:somewhere", wire, image.manifest, parts)


def _prove(opened: LocalImage, **more: Any) -> Any:
    return prove(opened, **{"wanted": None, "module_digest": None, "consumers": _ISTIO, **more})


def _with_manifest(change: Callable[[dict[str, Any]], None], form: Format = Format.OCI) -> LocalImage:
    image = sample(form)
    body = json.loads(image.manifest)
    change(body)
    return _opened(image)._replace(raw=canonical_json(body))


def _with_layer(blob: bytes, tar: bytes, form: Format = Format.OCI) -> LocalImage:
    """An image of the layer ``blob``, which is ``tar`` compressed somehow."""
    layer = Layer((blob,), digest_of(blob), len(blob), digest_of(tar), "", 0)
    return _opened(build_image(layer, ImageSpec(form)))


def _with_tar(*members: tuple[str, bytes | str]) -> LocalImage:
    tar = tar_of(*members)
    return _with_layer(b"".join(compress_tar(memoryview(tar), memoryview(b"")).chunks), tar)


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("module", [MODULE, _LARGE], ids=["small", "large"])
@pytest.mark.parametrize("written", [True, False])
def test_the_proof_names_every_digest(form: Format, module: bytes, written: bool) -> None:
    image = sample(form, module)
    shape = _prove(
        _opened(image),
        wanted=form,
        module_digest=digest_of(module),
        written=image.layer if written else None,
    )
    assert shape._asdict() == {
        "format": form,
        "manifest_digest": digest_of(image.manifest),
        "layer_digest": digest_of(blob_of(image)),
        "layer_size": len(blob_of(image)),
        "diff_id": image.layer.diff_id,
        "module_digest": digest_of(module),
        "module_size": len(module),
    }


@pytest.mark.parametrize("form, other", [(Format.OCI, Format.DOCKER), (Format.DOCKER, Format.OCI)])
def test_another_format_than_asked_for_is_refused(form: Format, other: Format) -> None:
    with pytest.raises(ImageRefused) as caught:
        _prove(_opened(sample(form)), wanted=other)
    assert caught.value.exit_code == 8
    assert f"not in the {other} format that was asked for" in (caught.value.reason or "")
    assert MEDIA_TYPES[form].manifest in (caught.value.reason or "")


def test_an_image_that_has_no_format_yet_is_not_asked_for_one() -> None:
    image = sample(Format.DOCKER)
    opened = pushed_form("docker-archive:x", image.config, [blob_of(image)])
    assert _prove(opened, wanted=Format.OCI).format is Format.DOCKER


def test_an_oci_manifest_may_leave_out_its_media_type() -> None:
    opened = _with_manifest(lambda body: body.pop("mediaType"))
    assert _prove(opened, wanted=Format.OCI).format is Format.OCI
    with pytest.raises(ImageRefused) as caught:
        _prove(opened, wanted=Format.DOCKER)
    assert "without a media type" in (caught.value.reason or "")


@pytest.mark.parametrize("written", [True, False])
def test_another_module_than_the_given_one_is_refused(written: bool) -> None:
    image, digest = sample(), digest_of(b"another module")
    with pytest.raises(ImageRefused) as caught:
        _prove(_opened(image), module_digest=digest, written=image.layer if written else None)
    assert digest in (caught.value.reason or "")
    assert digest_of(MODULE) in (caught.value.reason or "")


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda body: body["layers"].append(body["layers"][0]), "there are 2 layers, not exactly one"),
        (lambda body: body.update(layers=[]), "there are 0 layers, not exactly one"),
        (lambda body: body["layers"][0].update(mediaType=MEDIA_TYPES[Format.DOCKER].layer), "a layer is"),
        (lambda body: body["layers"][0].update(mediaType="application/vnd.oci.image.layer.v1.tar+zstd"), "tar+zstd"),
        (lambda body: body["config"].update(mediaType="application/vnd.oci.empty.v1+json"), "the config is"),
        (lambda body: body.update(mediaType=OCI_INDEX, manifests=[], layers=None), "not the manifest of one image"),
        (lambda body: body.pop("config"), "not the manifest of one image"),
        (lambda body: body["layers"][0].update(size=1), "its descriptor says 1"),
        (lambda body: body["layers"][0].update(digest="sha256:" + "0" * 64), "lacks the blob"),
    ],
)
def test_a_manifest_of_another_shape_is_refused(change: Callable[[dict[str, Any]], None], words: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        _prove(_with_manifest(change))
    assert words in f"{caught.value.message} {caught.value.reason}"


def test_every_fault_of_a_manifest_is_told() -> None:
    def change(body: dict[str, Any]) -> None:
        body["config"]["mediaType"] = "application/x"
        body["layers"] = [{**body["layers"][0], "mediaType": "application/y"}] * 2

    with pytest.raises(ImageRefused) as caught:
        _prove(_with_manifest(change), wanted=Format.DOCKER)
    assert len((caught.value.reason or "").splitlines()) == 5


_PLAIN = tar_of(("plugin.wasm", MODULE))


@pytest.mark.parametrize(
    "blob, words",
    [
        (_PLAIN, "no sound gzip"),
        (b"", "no sound tar"),
        (b"\x28\xb5\x2f\xfd" + bytes(50), "no sound gzip"),
        (blob_of(sample())[:-4], "cut short"),
        (blob_of(sample()) + b"junk", "no sound gzip"),
        (blob_of(sample())[:-8] + bytes(8), "no sound gzip"),
    ],
    ids=["a plain tar", "nothing", "zstd", "cut", "junk behind", "wrong checksum"],
)
def test_a_layer_that_is_no_sound_gzip_is_refused(blob: bytes, words: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        _prove(_with_layer(blob, _PLAIN))
    assert words in f"{caught.value.message} {caught.value.reason}"


@pytest.mark.parametrize(
    "members, words",
    [
        ((), "0 entries (nothing)"),
        ((("filter.wasm", MODULE),), "'filter.wasm'"),
        ((("dir/plugin.wasm", MODULE),), "'dir/plugin.wasm'"),
        ((("plugin.wasm", MODULE), ("plugin.wasm", MODULE)), "2 entries"),
        ((("plugin.wasm", MODULE), ("other", b"")), "2 entries"),
        ((("./", "/"), ("./plugin.wasm", MODULE)), "2 entries"),
        ((("plugin.wasm", "-> real.wasm"),), "no regular file"),
        ((("plugin.wasm", "/"),), "no regular file"),
        ((("PLUGIN.WASM", MODULE),), "'PLUGIN.WASM'"),
    ],
)
def test_a_layer_of_another_content_is_refused(members: tuple[tuple[str, bytes | str], ...], words: str) -> None:
    with pytest.raises(ImageRefused) as caught:
        _prove(_with_tar(*members))
    assert words in (caught.value.reason or "")


@pytest.mark.parametrize("name", ["plugin.wasm", "./plugin.wasm"])
def test_a_layer_that_another_tool_packed_is_proven(name: str) -> None:
    assert _prove(_with_tar((name, MODULE))).module_digest == digest_of(MODULE)


@pytest.mark.parametrize(
    "config",
    [
        b"{}",
        b"null",
        b"[]",
        b"text",
        b'{"rootfs":7}',
        b'{"rootfs":{"diff_ids":[]}}',
        b'{"rootfs":{"diff_ids":["sha256:0"]}}',
    ],
)
def test_a_config_that_does_not_name_the_layer_is_refused(config: bytes) -> None:
    image = assemble(sample().layer, config, Format.OCI, {})
    with pytest.raises(ImageRefused, match="one shape") as caught:
        _prove(_opened(image))
    assert "diff_ids" in (caught.value.reason or "")


@pytest.mark.parametrize("part", ["layer", "config"])
@pytest.mark.parametrize("written", [True, False])
def test_a_part_that_was_changed_where_it_lies_is_refused(part: str, written: bool) -> None:
    image = sample(module=_LARGE)
    digest = image.layer.digest if part == "layer" else image.config_digest
    opened = _opened(image)
    data = opened.blobs[digest]
    opened.blobs[digest] = data[:100] + bytes([data[100] ^ 1]) + data[101:]
    with pytest.raises(ImageRefused, match="is damaged"):
        _prove(opened, written=image.layer if written else None)


def test_another_layer_than_the_one_written_is_looked_into_itself() -> None:
    other = sample(module=_LARGE)
    shape = _prove(_opened(sample()), written=other.layer)
    assert (shape.module_digest, shape.layer_digest) == (digest_of(MODULE), sample().layer.digest)
    with pytest.raises(ImageRefused):
        _prove(_opened(sample()), written=other.layer, module_digest=digest_of(_LARGE))


def test_a_consumer_that_would_refuse_it_speaks_in_its_own_words() -> None:
    with pytest.raises(ImageRefused, match=r"Istio would refuse oci:somewhere") as caught:
        _prove(_opened(sample(module=b"no module at all")))
    assert caught.value.reason == "fetched Wasm binary from URL is invalid"
    assert caught.value.hint


@pytest.mark.parametrize("consumers", [(), (Consumer("envoy"),)])
def test_without_a_fetcher_the_shape_alone_decides(consumers: tuple[Consumer, ...]) -> None:
    assert _prove(_opened(sample(module=b"no module at all")), consumers=consumers).module_size == 16


def test_all_consumers_must_agree() -> None:
    consumers = tuple(map(Consumer, ("istio", "envoy-gateway", "higress")))
    assert _prove(_opened(sample()), consumers=consumers).module_digest == digest_of(MODULE)
    with pytest.raises(ImageRefused, match="would refuse"):
        _prove(_opened(sample(module=b"\0asm")), consumers=consumers)


@pytest.mark.parametrize("form", list(Format))
def test_an_image_in_the_format_asked_for_stays_byte_for_byte(form: Format) -> None:
    image = sample(form)
    spaced = json.dumps(json.loads(image.manifest), indent=3).encode()
    taken = take_image(_opened(image)._replace(raw=spaced), form, {"added": "no"})
    assert parts_of(taken) == (spaced, image.config, blob_of(image))


@pytest.mark.parametrize("form, other", [(Format.OCI, Format.DOCKER), (Format.DOCKER, Format.OCI)])
def test_an_image_in_another_format_keeps_layer_and_config(form: Format, other: Format) -> None:
    image = sample(form)
    taken = take_image(_opened(image), other, {})
    assert (taken.config, blob_of(taken), taken.layer.module_digest) == (
        image.config,
        blob_of(image),
        digest_of(MODULE),
    )
    known = {taken.layer.digest: blob_of(taken), taken.config_digest: taken.config}
    assert _prove(LocalImage("x", True, taken.manifest, known), wanted=other).format is other


def test_annotations_are_given_to_a_new_manifest() -> None:
    taken = take_image(_opened(sample(Format.DOCKER)), Format.OCI, {"a": "b"})
    assert parse_manifest(taken.manifest).annotations == {"a": "b"}


def test_an_image_without_a_wire_format_gets_a_new_manifest() -> None:
    image = sample(Format.DOCKER)
    spaced = json.dumps(json.loads(image.manifest), indent=3).encode()
    taken = take_image(_opened(image, wire=False)._replace(raw=spaced), Format.DOCKER, {})
    assert parts_of(taken) == parts_of(image)


@pytest.mark.parametrize("members", [(("a", MODULE),), (("plugin.wasm", MODULE), ("x", b""))])
def test_an_engine_that_left_something_else_is_found_out(members: tuple[tuple[str, bytes | str], ...]) -> None:
    with pytest.raises(ImageRefused, match="one shape"):
        take_image(_with_tar(*members), Format.OCI, {})


def test_what_was_taken_can_be_read_again() -> None:
    taken = take_image(_opened(sample(module=_LARGE)), Format.DOCKER, {})
    known = {taken.layer.digest: blob_of(taken), taken.config_digest: taken.config}
    assert bytes_of(LocalImage("x", True, taken.manifest, known)) == parts_of(taken)
    assert build_layer(memoryview(_LARGE)).diff_id == taken.layer.diff_id
