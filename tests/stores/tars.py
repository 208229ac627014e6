"""Tars as docker, podman and others write them, and broken ones."""

from __future__ import annotations

import hashlib
import io
import json
import signal
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.stores.samples import blob_of
from wasmimg.image.layer import tar_header
from wasmimg.image.manifest import Image, canonical_json
from wasmimg.image.unpack import gunzip


def tar_of(*members: tuple[str, bytes | str], compression: str = "", form: int = tarfile.GNU_FORMAT) -> bytes:
    """A tar. A member's content is bytes, or ``-> TARGET`` (symlink), ``=> TARGET`` (hard link), ``/`` (folder)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}", format=form) as archive:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
            elif content == "/":
                member.type = tarfile.DIRTYPE
            else:
                member.type = tarfile.SYMTYPE if content.startswith("->") else tarfile.LNKTYPE
                member.linkname = content[3:]
            archive.addfile(member, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def hex_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def layer_tar(image: Image) -> bytes:
    """The layer of ``image``, not compressed."""
    return gunzip(blob_of(image))


def listing(config: str, *layers: str, tags: tuple[str, ...] | None = ("acme/app:v1",)) -> bytes:
    """A manifest.json of one image."""
    return json.dumps([{"Config": config, "RepoTags": tags, "Layers": layers}]).encode()


def saved_by_docker_20(image: Image) -> tuple[tuple[str, bytes | str], ...]:
    """docker save of the classic store, before 25.0: a folder with VERSION and json for each layer."""
    layer, config = layer_tar(image), f"{hex_of(image.config)}.json"
    folder = "5" * 64
    return (
        (f"{folder}/", "/"),
        (f"{folder}/VERSION", b"1.0"),
        (f"{folder}/json", b'{"id":"5"}'),
        (f"{folder}/layer.tar", layer),
        (config, image.config),
        ("manifest.json", listing(config, f"{folder}/layer.tar")),
        ("repositories", b'{"acme/app":{"v1":"5"}}'),
    )


def saved_by_docker_28(image: Image, *, compressed: bool = False) -> tuple[tuple[str, bytes | str], ...]:
    """docker save since 25.0: an OCI layout and a manifest.json; the containerd store keeps the gzip."""
    layer = blob_of(image) if compressed else layer_tar(image)
    blobs = [f"blobs/sha256/{hex_of(data)}" for data in (image.config, layer, image.manifest)]
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest,
        "size": len(image.manifest),
    }
    return (
        ("blobs/", "/"),
        ("blobs/sha256/", "/"),
        (blobs[0], image.config),
        (blobs[1], layer),
        (blobs[2], image.manifest),
        ("index.json", canonical_json({"schemaVersion": 2, "manifests": [entry]})),
        ("manifest.json", listing(blobs[0], blobs[1])),
        ("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
    )


def saved_by_podman(image: Image) -> tuple[tuple[str, bytes | str], ...]:
    """podman save and skopeo: layers by their diff id, and links for docker of long ago."""
    layer, config = layer_tar(image), f"{hex_of(image.config)}.json"
    folder, plain = "5" * 64, f"{hex_of(layer)}.tar"
    return (
        (plain, layer),
        (f"{folder}/VERSION", b"1.0"),
        (f"{folder}/layer.tar", f"-> ../{plain}"),
        (f"{folder}/json", b'{"id":"5"}'),
        (config, image.config),
        ("repositories", b"{}"),
        ("manifest.json", listing(config, plain)),
    )


def oci_members(image: Image, name: str | None = None) -> dict[str, bytes]:
    """The files of an OCI archive."""
    entry: dict[str, object] = {"mediaType": "x", "digest": image.digest, "size": len(image.manifest)}
    if name is not None:
        entry["annotations"] = {"org.opencontainers.image.ref.name": name}
    parts = (image.config, blob_of(image), image.manifest)
    return {
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "index.json": canonical_json({"schemaVersion": 2, "manifests": [entry]}),
        **{f"blobs/sha256/{hex_of(data)}": data for data in parts},
    }


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A header, of a regular file or another kind, that may say more than follows."""
    plain = tar_header(name, 0, 0)
    field = (size % 256**12 | 1 << 95).to_bytes(12, "big")
    changed = plain[:124] + field + plain[136:148] + b" " * 8 + kind + plain[157:]
    return changed[:148] + b"%06o\0 " % sum(changed) + changed[156:]


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail what takes longer, an endless loop too."""

    def stop(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
