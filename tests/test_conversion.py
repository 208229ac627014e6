"""convert makes a right image of whatever holds one module, and says what it mended."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import EXAMPLE
from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Reply, Seen, Server
from tests.stores.samples import NOBODY, OPEN, QUICK, sample
from tests.stores.tars import saved_by_docker_20, saved_by_docker_28, tar_of
from wasmimg.consumers.selection import Consumer
from wasmimg.conversion import Converted, convert
from wasmimg.delivery import Delivery
from wasmimg.errors import ImageRefused, ModuleRefused, UsageError, WasmimgError
from wasmimg.image.bundle import Bundle, content_of
from wasmimg.image.manifest import Descriptor, canonical_json, digest_of, parse_manifest
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format
from wasmimg.image.reference import parse_reference
from wasmimg.stores.layout import open_layout, write_layout
from wasmimg.stores.places import Output

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MODULE = EXAMPLE.read_bytes()
OCI, DOCKER = MEDIA_TYPES[Format.OCI], MEDIA_TYPES[Format.DOCKER]
PLUGIN = tar_of(("plugin.wasm", MODULE))


def image(*layers: tuple[str, bytes], manifest: str = OCI.manifest, config: Any = None, **more: Any) -> Bundle:
    """An image of ``layers``, each a media type and its blob, right or not."""
    blobs = {}

    def put(media_type: str, data: bytes) -> dict[str, Any]:
        blobs[digest_of(data)] = content_of(data)
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    body = {
        "schemaVersion": 2,
        "mediaType": manifest,
        "config": put(OCI.config, canonical_json(config or {})),
        "layers": [put(media_type, data) for media_type, data in layers],
        **more,
    }
    raw = canonical_json(body)
    return Bundle(((Descriptor(manifest, digest_of(raw), len(raw)), raw),), tuple(blobs.items()))


def index(*images: tuple[str, Bundle]) -> Bundle:
    """An index of images, each with its ``os/architecture``."""
    entries = []
    for platform, one in images:
        system, _, architecture = platform.partition("/")
        descriptor = {"mediaType": one.top.media_type, "digest": one.top.digest, "size": one.top.size}
        entries.append({**descriptor, "platform": {"os": system, "architecture": architecture}})
    raw = canonical_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})
    manifests = [part for _, one in images for part in one.manifests]
    top = (Descriptor(OCI_INDEX, digest_of(raw), len(raw)), raw)
    return Bundle((*manifests, top), tuple(part for _, one in images for part in one.blobs))


ATTESTATION = image(("application/vnd.in-toto+json", b"{}"))
BAD: dict[str, Bundle] = {
    "plain tar": image(("application/vnd.oci.image.layer.v1.tar", PLUGIN)),
    "plain tar called gzip": image((OCI.layer, PLUGIN)),
    "zstd": image(("application/vnd.oci.image.layer.v1.tar+zstd", zstd.compress(PLUGIN))),
    "docker's layer in an OCI manifest": image((DOCKER.layer, gzip.compress(PLUGIN))),
    "two layers, the plugin below": image(
        (OCI.layer, gzip.compress(PLUGIN)), (OCI.layer, gzip.compress(tar_of(("config.json", b"{}"))))
    ),
    "another name": image((OCI.layer, gzip.compress(tar_of(("filter.wasm", MODULE))))),
    "a folder called plugin.wasm": image(
        (OCI.layer, gzip.compress(tar_of(("./plugin.wasm/", "/"), ("./plugin.wasm/basic_auth.wasm", MODULE))))
    ),
    "wasm-to-oci": image(("application/vnd.wasm.content.layer.v1+wasm", MODULE)),
    "one layer by oras": image(("application/vnd.module.wasm.content.layer.v1+wasm", MODULE)),
    "the CNCF artifact": image(("application/wasm", MODULE)),
    "the artifact of two layers": image(
        ("application/vnd.module.wasm.config.v1+json", b'{"type":"envoy_proxy"}'),
        ("application/vnd.module.wasm.content.layer.v1+wasm", MODULE),
    ),
    "Higress's with its documents": image(
        ("application/vnd.module.wasm.spec.v1+yaml", b"apiVersion: 1.0.0\n"), (OCI.layer, gzip.compress(PLUGIN))
    ),
    "an index for arm64 alone": index(
        ("linux/arm64", image((OCI.layer, gzip.compress(PLUGIN)))), ("unknown/unknown", ATTESTATION)
    ),
    "an index of equal modules": index(
        ("linux/amd64", image((OCI.layer, gzip.compress(PLUGIN)))),
        ("linux/arm64", image((DOCKER.layer, PLUGIN), manifest=DOCKER.manifest)),
    ),
    "no media type": image((OCI.layer, gzip.compress(PLUGIN)), mediaType=""),
}


def delivery(folder: Path, form: Format = Format.OCI) -> Delivery:
    """Into the layout ``out``."""
    output = Output("oci", folder / "out")
    return Delivery(form, (), False, (output,), (Consumer("istio"), Consumer("istio", "1.12")), OPEN, QUICK)


def converted(folder: Path, source: str, form: Format = Format.OCI) -> Converted:
    return convert(source, delivery(folder, form), {}, NOBODY)


@pytest.mark.parametrize("form", list(Format))
@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_becomes_a_right_one_with_the_module_unchanged(name: str, form: Format, tmp_path: Path) -> None:
    write_layout(tmp_path / "in", BAD[name], None)
    result = converted(tmp_path, f"oci:{tmp_path}/in", form)
    assert (result.shape.module_digest, result.shape.format) == (digest_of(MODULE), form)
    assert result.mended


def test_a_right_image_keeps_its_layer_and_its_digest(tmp_path: Path) -> None:
    right = sample(module=MODULE)
    write_layout(tmp_path / "in", right, None)
    result = converted(tmp_path, f"oci:{tmp_path}/in")
    assert (result.shape.manifest_digest, result.mended) == (right.digest, ())
    other = converted(tmp_path, f"oci:{tmp_path}/in", Format.DOCKER)
    assert (other.shape.format, other.shape.layer_digest) == (Format.DOCKER, right.layer.digest)


def test_labels_and_annotations_come_along(tmp_path: Path) -> None:
    said = {"org.opencontainers.image.licenses": "MIT", "org.opencontainers.image.base.name": "scratch"}
    bad = image((OCI.layer, PLUGIN), config={"config": {"Labels": {"team": "edge"}}}, annotations=said)
    write_layout(tmp_path / "in", bad, None)
    convert(f"oci:{tmp_path}/in", delivery(tmp_path), {"mine": "1"}, NOBODY)
    opened = open_layout(tmp_path / "out", "")
    manifest = parse_manifest(opened.top())
    assert dict(manifest.annotations) == {
        "module.wasm.image/variant": "compat",
        "mine": "1",
        "org.opencontainers.image.licenses": "MIT",
    }
    assert b'"team":"edge"' in opened.blob(manifest.config)


def _files() -> Iterator[tuple[str, bytes]]:
    right = sample(Format.DOCKER, MODULE)
    yield "module", MODULE
    yield "gzip", gzip.compress(MODULE)
    yield "zstd", zstd.compress(MODULE)
    yield "tar", tar_of(("dir/filter.wasm", MODULE), ("README", b"x"))
    yield "tar.gz", gzip.compress(PLUGIN)
    yield "docker save", tar_of(*saved_by_docker_20(right))
    yield "docker save 28", tar_of(*saved_by_docker_28(right))
    yield "docker save, gzip", tar_of(*saved_by_docker_28(right), compression="gz")


@pytest.mark.parametrize(("name", "data"), list(_files()), ids=[name for name, _ in _files()])
def test_a_file_of_any_make_will_do(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(data)
    assert converted(tmp_path, f"{tmp_path}/in").shape.module_digest == digest_of(MODULE)


class _Web(Server):
    def reply(self, seen: Seen) -> Reply:
        if seen.path == "/moved":
            return Reply(302, (("Location", "/plugin.wasm"),))
        return Reply(200, body=MODULE) if seen.path == "/plugin.wasm" else Reply(404, body=b"gone")


def test_a_url_will_do(tmp_path: Path) -> None:
    with _Web() as web:
        for path in ("plugin.wasm", "moved"):
            result = converted(tmp_path, f"http://{web.host}/{path}")
            assert result.shape.module_digest == digest_of(MODULE)
        with pytest.raises(ImageRefused, match="there is nothing behind"):
            converted(tmp_path, f"http://{web.host}/gone")
        assert not any("authorization" in seen.headers for seen in web.seen)


def test_it_is_pushed_where_it_shall_go(tmp_path: Path) -> None:
    (tmp_path / "in.wasm").write_bytes(MODULE)
    with FakeRegistry() as registry:
        target = parse_reference(f"{registry.host}/a/bb:1")
        to = Delivery(Format.DOCKER, (target,), True, (), (Consumer("istio"),), OPEN, QUICK)
        result = convert(f"{tmp_path}/in.wasm", to, {}, NOBODY)
        stored = registry.manifests["a/bb", "1"]
    assert (stored[0], digest_of(stored[1])) == (DOCKER.manifest, result.shape.manifest_digest)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (image((OCI.layer, gzip.compress(tar_of(("a.txt", b"x"))))), ImageRefused),
        (image((OCI.layer, gzip.compress(tar_of(("a.wasm", MODULE), ("b.wasm", MODULE + b"\0\2\1y"))))), ImageRefused),
        (
            index(("linux/amd64", image((OCI.layer, PLUGIN))), ("linux/arm64", image(("x", MODULE + b"\0\2\1y")))),
            ImageRefused,
        ),
        (image(("application/wasm", b"\0asm\x0d\0\1\0")), ModuleRefused),
        (image((OCI.layer, gzip.compress(PLUGIN)[:-8])), ImageRefused),
    ],
    ids=["no module", "two modules", "two modules in an index", "a component", "cut short"],
)
def test_what_cannot_be_mended_is_refused_and_nothing_is_written(
    bad: Bundle, error: type[WasmimgError], tmp_path: Path
) -> None:
    write_layout(tmp_path / "in", bad, None)
    with pytest.raises(error):
        converted(tmp_path, f"oci:{tmp_path}/in")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_conversion_to_nowhere_is_refused() -> None:
    nowhere = Delivery(Format.OCI, (), False, (), (Consumer("istio"),), OPEN, QUICK)
    with pytest.raises(UsageError, match="nowhere"):
        convert("oci:in", nowhere, {}, NOBODY)
