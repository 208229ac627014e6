"""Images by hand: layers, manifests and indexes of any shape, right or wrong."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.image.layer import tar_header
from wasmimg.image.manifest import canonical_json, digest_of
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX, Format

OCI, DOCKER = MEDIA_TYPES[Format.OCI], MEDIA_TYPES[Format.DOCKER]
SOLO = "application/vnd.module.wasm.content.layer.v1+wasm"
SOLO_CONFIG = "application/vnd.module.wasm.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
MODULE = (Path(__file__).parent.parent.parent / "examples" / "add-header" / "plugin.wasm").read_bytes()
COMPONENT = b"\0asm\x0d\0\1\0" + bytes(100)


class Parts(NamedTuple):
    """What is in the repository: blobs by digest, manifests by digest as (media type, bytes), and the tag's."""

    blobs: dict[str, bytes]
    manifests: dict[str, tuple[str, bytes]]
    top: str


def tar(*members: tuple[str, bytes | str], form: int = tarfile.USTAR_FORMAT) -> bytes:
    """A tar; ``/`` is a folder, ``-> X`` a symbolic and ``=> X`` a hard link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
                continue
            kinds = {"/": tarfile.DIRTYPE, "->": tarfile.SYMTYPE, "=>": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE}
            entry.type, entry.linkname = kinds[content.split(" ")[0]], content[3:] if " " in content else ""
            archive.addfile(entry)
    return buffer.getvalue()


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


PLAIN = tar(("plugin.wasm", MODULE))
LAYER = zipped(PLAIN)


def descriptor(media_type: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def config_of(architecture: str = "amd64", os: str = "linux") -> bytes:
    return canonical_json({"architecture": architecture, "os": os, "rootfs": {"type": "layers", "diff_ids": []}})


CONFIG = config_of()


def image(
    *layers: tuple[str, bytes] | dict[str, Any],
    form: Format = Format.OCI,
    config: bytes = CONFIG,
    config_type: str | None = None,
    served: str | None = None,
    blobs: tuple[bytes, ...] = (),
    change: Callable[[dict[str, Any]], Any] | None = None,
    raw: Callable[[bytes], bytes] | None = None,
    **more: Any,
) -> Parts:
    """An image of ``layers``, each a media type and its bytes or a descriptor; then ``change`` and ``raw`` change it."""
    types = MEDIA_TYPES[form]
    known = [config, *blobs, *(one[1] for one in layers if isinstance(one, tuple))]
    body: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": types.manifest,
        "config": descriptor(config_type or types.config, config),
        "layers": [descriptor(*one) if isinstance(one, tuple) else one for one in layers],
        **more,
    }
    if change is not None:
        change(body)
    data = json.dumps(body).encode()
    data = data if raw is None else raw(data)
    digest = digest_of(data)
    media_type = served if served is not None else str(body.get("mediaType") or OCI.manifest)
    return Parts({digest_of(one): one for one in known}, {digest: (media_type, data)}, digest)


def one(tar_bytes: bytes, **more: Any) -> Parts:
    """An OCI image of one gzip layer."""
    return image((OCI.layer, zipped(tar_bytes)), **more)


def of(blob: bytes, **more: Any) -> Parts:
    """An OCI image whose layer is called gzip, and is ``blob``."""
    return image((OCI.layer, blob), **more)


def index(*children: tuple[Parts, dict[str, Any]], media_type: str = OCI_INDEX, served: str | None = None) -> Parts:
    """An index over ``children``, each with what its descriptor has beside digest and size."""
    blobs: dict[str, bytes] = {}
    manifests: dict[str, tuple[str, bytes]] = {}
    listed = []
    for parts, more in children:
        blobs |= parts.blobs
        manifests |= parts.manifests
        child_type, data = parts.manifests[parts.top]
        listed.append({**descriptor(child_type, data), **more})
    raw = canonical_json({"schemaVersion": 2, "mediaType": media_type, "manifests": listed})
    return Parts(blobs, {**manifests, digest_of(raw): (served or media_type, raw)}, digest_of(raw))


def on(os: str, architecture: str, **more: Any) -> dict[str, Any]:
    return {"platform": {"os": os, "architecture": architecture, **more}}


GOOD = of(LAYER)
DOCKER_GOOD = image((DOCKER.layer, LAYER), form=Format.DOCKER)
OTHER = one(tar(("plugin.wasm", COMPONENT)))
ATTESTATION = (
    image(("application/vnd.in-toto+json", b"{}"), config=config_of("unknown", "unknown")),
    {**on("unknown", "unknown"), "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
)


def damaged(parts: Parts, blob: bytes, other: bytes) -> Parts:
    """The repository holds ``other`` where ``blob`` belongs."""
    return parts._replace(blobs={**parts.blobs, digest_of(blob): other})


def without(parts: Parts, blob: bytes) -> Parts:
    return parts._replace(blobs={digest: data for digest, data in parts.blobs.items() if digest != digest_of(blob)})


def with_header(data: bytes, changes: dict[int, bytes]) -> bytes:
    """The tar ``data`` with bytes of its first header changed, and its checksum right."""
    head = bytearray(data[:512])
    for at, value in changes.items():
        head[at : at + len(value)] = value
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data[512:]


def layer_field(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda body: body["layers"][-1].update(fields)


def rezipped(data: bytes, **header: bytes) -> bytes:
    """A gzip stream with optional parts in its header: extra, name, comment."""
    flags = (4 if "extra" in header else 0) | (8 if "name" in header else 0) | (16 if "comment" in header else 0)
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    if "extra" in header:
        head += len(header["extra"]).to_bytes(2, "little") + header["extra"]
    for part in ("name", "comment"):
        if part in header:
            head += header[part] + b"\0"
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = deflater.compress(data) + deflater.flush()
    return head + body + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")


def global_pax() -> bytes:
    record = b"31 comment=a global PAX header\n"
    return with_header(tar(("pax_global_header", record))[:1024], {156: b"g"})


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def inline_child(*, wrong: bool = False) -> Parts:
    data = GOOD.manifests[GOOD.top][1]
    parts = index((GOOD, {**on("linux", "amd64"), "data": base64_of(data + b" " if wrong else data)}))
    return parts._replace(manifests={parts.top: parts.manifests[parts.top]})


def childless() -> Parts:
    parts = index((GOOD, on("linux", "amd64")))
    return parts._replace(manifests={parts.top: parts.manifests[parts.top]})


def other_child() -> Parts:
    parts = index((GOOD, on("linux", "amd64")))
    return parts._replace(manifests={**parts.manifests, GOOD.top: OTHER.manifests[OTHER.top]})


def hurt_in_entry() -> bytes:
    """A layer in whose compressed data, inside plugin.wasm, a block has a type that does not exist."""
    head, middle = PLAIN[:600], PLAIN[600:]
    deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
    start = deflater.compress(head) + deflater.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + start + b"\x07" + middle


def large(size: int, first: bytes = b"") -> bytes:
    """A gzip layer: ``first``, then plugin.wasm, the example with a section of zeros: ``size`` bytes."""
    length = size - len(MODULE) - 6
    number = bytes([*(length >> shift & 0x7F | 0x80 for shift in (0, 7, 14, 21)), length >> 28])
    deflater = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [deflater.compress(first + tar_header("plugin.wasm", size, 0) + MODULE + b"\0" + number)]
    left = length + -size % 512 + 1024
    while left:
        step = min(left, 1 << 20)
        parts.append(deflater.compress(bytes(step)))
        left -= step
    return b"".join([*parts, deflater.flush()])
