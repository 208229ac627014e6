"""extract gives the module that the proxy would run, and only a sound one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.stores.samples import NOBODY, OPEN, QUICK, blob_of, sample
from tests.stores.tars import tar_of
from tests.test_conversion import DOCKER, MODULE, OCI, image, index
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import FileSystemFailed, ImageRefused
from wasmimg.extraction import extract, extract_to
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import Format
from wasmimg.stores.archive import write_docker_archive
from wasmimg.stores.layout import write_layout
from wasmimg.transfer import Means

MEANS = Means(OPEN, QUICK, NOBODY)
ISTIO = Consumer("istio")
OTHER = MODULE + b"\0\2\1z"


def test_it_is_the_module_of_linux_amd64_in_the_last_layer(tmp_path: Path) -> None:
    amd64 = image(
        (OCI.layer, gzip.compress(tar_of(("plugin.wasm", OTHER)))),
        (OCI.layer, gzip.compress(tar_of(("README", b"x"), ("a/plugin.wasm", MODULE), ("plugin.wasm", OTHER)))),
    )
    arm64 = image((OCI.layer, gzip.compress(tar_of(("plugin.wasm", OTHER)))))
    write_layout(tmp_path / "in", index(("linux/arm64", arm64), ("linux/amd64", amd64)), None)
    found = extract(f"oci:{tmp_path}/in", ISTIO, MEANS)
    assert (found.data, found.manifest_digest) == (MODULE, amd64.top.digest)
    assert found.module_digest == digest_of(MODULE)


def test_an_old_istio_wants_one_layer(tmp_path: Path) -> None:
    layer = gzip.compress(tar_of(("plugin.wasm", MODULE)))
    write_layout(tmp_path / "in", image((DOCKER.layer, layer), (DOCKER.layer, layer), manifest=DOCKER.manifest), None)
    assert extract(f"oci:{tmp_path}/in", ISTIO, MEANS).data == MODULE
    with pytest.raises(ImageRefused, match=r"Istio 1\.12 would refuse") as caught:
        extract(f"oci:{tmp_path}/in", Consumer("istio", "1.12"), MEANS)
    assert "number of layers must be 1 but got 2" in (caught.value.reason or "")


def test_a_docker_archive_is_read_too(tmp_path: Path) -> None:
    write_docker_archive(tmp_path / "in.tar", sample(Format.DOCKER, MODULE), ["a/bb:1"])
    assert extract(f"docker-archive:{tmp_path}/in.tar", ISTIO, MEANS).data == MODULE


def test_damage_that_the_fetchers_do_not_notice_is_refused(tmp_path: Path) -> None:
    good = blob_of(sample(module=MODULE))
    damaged = good[:-5] + bytes([good[-5] ^ 1]) + good[-4:]
    write_layout(tmp_path / "in", image((OCI.layer, damaged)), None)
    with pytest.raises(ImageRefused):
        extract(f"oci:{tmp_path}/in", ISTIO, MEANS)


def test_a_file_appears_whole_and_replaces_only_what_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_layout(tmp_path / "in", sample(module=MODULE), None)
    monkeypatch.chdir(tmp_path)
    target, _ = extract_to("oci:in", None, ISTIO, MEANS)
    assert (target, target.read_bytes()) == (Path("plugin.wasm"), MODULE)
    target.write_bytes(b"mine")
    with pytest.raises(FileSystemFailed, match="in the way"):
        extract_to("oci:in", None, ISTIO, MEANS)
    assert target.read_bytes() == b"mine"
    extract_to("oci:in", target, ISTIO, MEANS)
    assert target.read_bytes() == MODULE
    with pytest.raises(FileSystemFailed, match="a folder"):
        extract_to("oci:in", Path("in"), ISTIO, MEANS)


def test_what_a_proxy_refuses_is_not_extracted(tmp_path: Path) -> None:
    write_layout(tmp_path / "in", image((OCI.layer, tar_of(("plugin.wasm", MODULE)))), None)
    with pytest.raises(ImageRefused, match="Istio would refuse"):
        extract_to(f"oci:{tmp_path}/in", tmp_path / "out.wasm", ISTIO, MEANS)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
