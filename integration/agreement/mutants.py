"""Images with random damage: in the bytes of a layer, a tar or a manifest, or by a value of the wrong kind."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from collections.abc import Callable
from random import Random
from typing import Any

from integration.registry import shapes
from integration.registry.shapes import (
    LAYER,
    MODULE,
    OCI,
    PLAIN,
    Parts,
    base64_of,
    index,
    layer_field,
    of,
    on,
    rezipped,
    tar,
    zipped,
)
from integration.registry.zoo import ZOO
from wasmimg.image.manifest import canonical_json, digest_of

_LONG = "d" * 150 + "/plugin.wasm"
_TARS = (
    PLAIN,
    tar(("a", b"x" * 700), ("plugin.wasm", MODULE)),
    tar((_LONG, MODULE), form=tarfile.PAX_FORMAT),
    tar((_LONG, MODULE), form=tarfile.GNU_FORMAT),
    tar(("é" * 60 + "/x", b"1"), ("plugin.wasm", MODULE), form=tarfile.PAX_FORMAT),
    tar(("plugin.wasm/", "/"), ("plugin.wasm/x", MODULE)),
    shapes.global_pax() + PLAIN,
)
_BLOBS = (
    LAYER,
    zipped(LAYER[:50]) + LAYER,
    rezipped(PLAIN, name=b"n", extra=b"ee"),
    gzip.compress(_TARS[1], 0, mtime=0),
)
_VALUES = (b"null", b"{}", b"[]", b'"x"', b"5", b"-1", b"1.5", b"true", b'""', b"1e2")
_VALUE = re.compile(rb'(?:(?<=":)|(?<=": ))(?=("[^"]*"|\d+|\[[^\]]*\]|\{[^{}]*\}))')  # those inside others, too
_SMALL = [animal.parts for animal in ZOO if sum(map(len, animal.parts.blobs.values())) < 1 << 20]


def mutant(random: Random) -> Parts:
    """One image; the same for the same state of ``random``."""
    return random.choice((_hurt_blob, _hurt_tar, _hurt_header, _hurt_manifest, _other_bytes))(random)


def found() -> dict[str, Parts]:
    """What such damage has brought to light, made on purpose."""
    child = on("linux", "amd64")
    return {
        "inline-layer-without-digest": of(LAYER, change=_inline_without_digest),
        "inline-child-without-digest": _without_digest(index((shapes.GOOD, {**child, "data": "e30="}))),
        "child-whose-type-is-no-header": index((shapes.GOOD, {**child, "mediaType": f"{OCI.manifest}\x7f"})),
        "inline-layer-as-numbers": of(LAYER, change=layer_field(data=list(LAYER))),
        "inline-layer-as-large-numbers": of(LAYER, change=layer_field(data=[300, None, -1])),
        "number-with-two-points": of(LAYER, raw=lambda raw: raw.replace(b'"size": ', b'"size": 1.5.')),
        "number-with-two-exponents": of(LAYER, raw=lambda raw: raw.replace(b'"size": ', b'"size": 1e2e')),
        "number-without-a-fraction": of(LAYER, raw=lambda raw: raw.replace(b'"size": ', b'"size": 1.x')),
    }


def _inline_without_digest(body: dict[str, Any]) -> None:
    del body["layers"][-1]["digest"]
    body["layers"][-1]["data"] = base64_of(LAYER)


def _without_digest(parts: Parts) -> Parts:
    """An index, without the digests in it."""
    media_type, raw = parts.manifests[parts.top]
    body = json.loads(raw)
    for child in body["manifests"]:
        del child["digest"]
    raw = canonical_json(body)
    return parts._replace(manifests={**parts.manifests, digest_of(raw): (media_type, raw)}, top=digest_of(raw))


def _hurt_blob(random: Random) -> Parts:
    return of(_hurt(random, random.choice(_BLOBS)))


def _hurt_tar(random: Random) -> Parts:
    return of(zipped(_hurt(random, random.choice(_TARS))))


def _hurt_header(random: Random) -> Parts:
    """With checksums put right, so that readers get beyond them."""
    return of(zipped(_summed(_hurt(random, random.choice(_TARS)))))


def _hurt_manifest(random: Random) -> Parts:
    parts = random.choice(_SMALL)
    media_type, raw = parts.manifests[parts.top]
    values = list(_VALUE.finditer(raw))
    if values and random.random() < 0.5:
        value = random.choice(values)
        raw = raw[: value.start(1)] + random.choice(_VALUES) + raw[value.end(1) :]
    else:
        raw = _hurt(random, raw)
    digest = digest_of(raw)
    return parts._replace(manifests={**parts.manifests, digest: (media_type, raw)}, top=digest)


def _other_bytes(random: Random) -> Parts:
    """The registry serves something else under the digest of the layer."""
    parts = random.choice((shapes.GOOD, shapes.DOCKER_GOOD))
    return shapes.damaged(parts, LAYER, _hurt(random, LAYER))


def _hurt(random: Random, data: bytes) -> bytes:
    hurt = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(hurt) or 1)
        random.choice(_WAYS)(random, hurt, at)
    return bytes(hurt)


def _flip(random: Random, data: bytearray, at: int) -> None:
    if data:
        data[at] ^= 1 << random.randrange(8)


def _drop(random: Random, data: bytearray, at: int) -> None:
    del data[at : at + random.randrange(1, 40)]


def _insert(random: Random, data: bytearray, at: int) -> None:
    data[at:at] = random.randbytes(random.randrange(1, 20))


def _cut(random: Random, data: bytearray, at: int) -> None:
    del data[at:]


_WAYS: tuple[Callable[[Random, bytearray, int], None], ...] = (_flip, _flip, _flip, _drop, _insert, _cut)


def _summed(data: bytes) -> bytes:
    summed = bytearray(data)
    for at in range(0, min(len(summed), 4096) - 511, 512):
        if summed[at + 257 : at + 262] == b"ustar":
            summed[at + 148 : at + 156] = b" " * 8
            summed[at + 148 : at + 156] = b"%06o\0 " % sum(summed[at : at + 512])
    return bytes(summed)
