"""An independent reader of images: nothing of wasmimg is in it, only the specifications.

It does what a strict consumer would: follow the manifest to the one layer, gunzip it, and
take the file out of the tar.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MANIFESTS = {
    "oci": "application/vnd.oci.image.manifest.v1+json",
    "docker": "application/vnd.docker.distribution.manifest.v2+json",
}
LAYERS = {
    "oci": "application/vnd.oci.image.layer.v1.tar+gzip",
    "docker": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
CONFIGS = {
    "oci": "application/vnd.oci.image.config.v1+json",
    "docker": "application/vnd.docker.container.image.v1+json",
}


class Found(NamedTuple):
    """An image as it lies somewhere; a docker-archive has no ``manifest``."""

    manifest: dict[str, Any] | None
    digest: str
    config: dict[str, Any]
    layers: list[bytes]


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def from_registry(reference: str) -> Found:
    """The image at HOST:PORT/NAME:TAG, over plain http."""
    host, _, rest = reference.partition("/")
    name, _, tag = rest.rpartition(":")

    def fetch(path: str) -> bytes:
        request = urllib.request.Request(f"http://{host}/v2/{name}/{path}")
        request.add_header("Accept", ", ".join(MANIFESTS.values()))
        with urllib.request.urlopen(request, timeout=30) as response:
            return bytes(response.read())

    return _found(fetch(f"manifests/{tag}"), lambda digest: fetch(f"blobs/{digest}"))


def from_layout(folder: Path, name: str | None = None) -> Found:
    def read(path: str) -> bytes:
        return (folder / path).read_bytes()

    return _from_layout_files(read, name)


def from_oci_archive(file: Path) -> Found:
    with tarfile.open(file) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}  # type: ignore[union-attr]
    return _from_layout_files(files.__getitem__, None)


def from_docker_archive(file: Path) -> Found:
    with tarfile.open(file) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}  # type: ignore[union-attr]
    (image,) = json.loads(files["manifest.json"])
    return Found(None, "", json.loads(files[image["Config"]]), [files[name] for name in image["Layers"]])


def _from_layout_files(read: Callable[[str], bytes], name: str | None) -> Found:
    assert json.loads(read("oci-layout"))["imageLayoutVersion"] == "1.0.0"
    entries = json.loads(read("index.json"))["manifests"]
    key = "org.opencontainers.image.ref.name"
    chosen = [entry for entry in entries if name is None or entry.get("annotations", {}).get(key) == name]
    assert len(chosen) == 1, entries
    raw = read(f"blobs/sha256/{chosen[0]['digest'].removeprefix('sha256:')}")
    assert (sha256(raw), len(raw)) == (chosen[0]["digest"], chosen[0]["size"])
    assert chosen[0]["mediaType"] == json.loads(raw)["mediaType"]
    return _found(raw, lambda digest: read(f"blobs/sha256/{digest.removeprefix('sha256:')}"))


def _found(raw: bytes, blob: Callable[[str], bytes]) -> Found:
    manifest = json.loads(raw)
    parts = []
    for descriptor in (manifest["config"], *manifest["layers"]):
        data = blob(descriptor["digest"])
        assert (sha256(data), len(data)) == (descriptor["digest"], descriptor["size"])
        parts.append(data)
    return Found(manifest, sha256(raw), json.loads(parts[0]), parts[1:])


def assert_shape(found: Found, form: str, module: bytes) -> None:
    """One layer of the right type, gzip, one regular file plugin.wasm that is ``module``."""
    if found.manifest is not None:
        assert found.manifest["mediaType"] == MANIFESTS[form]
        assert found.manifest["config"]["mediaType"] == CONFIGS[form]
        assert [layer["mediaType"] for layer in found.manifest["layers"]] == [LAYERS[form]]
    (layer,) = found.layers
    assert layer[:2] == b"\x1f\x8b"
    tar = gzip.decompress(layer)
    assert found.config["rootfs"]["diff_ids"] == [sha256(tar)]
    assert (found.config["os"], found.config["architecture"]) == ("linux", "amd64")
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.isreg(), member.mode & 0o777) == ("plugin.wasm", True, 0o644)
        assert (member.uid, member.gid) == (0, 0)
        content = archive.extractfile(member)
        assert content is not None
        assert sha256(content.read()) == sha256(module)


def tar_of(layer: bytes) -> bytes:
    """The tar in a gzip-compressed layer."""
    return gzip.decompress(layer)
