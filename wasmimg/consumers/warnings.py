"""What a fetcher takes and its user will regret: each with a stable code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from wasmimg.consumers.fetcher import Fetched, Shelf
from wasmimg.consumers.gogzip import Stream
from wasmimg.consumers.gojson import GoDescriptor, GoError, GoManifest
from wasmimg.consumers.gotar import GoEntry, base_name, read_entries
from wasmimg.consumers.rules import Rules
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import ARTIFACT_LAYER

__all__ = ["Warned", "warn_of"]

_SMALL = 4 * 1024 * 1024  # bytes of a config
_SLOW = 1_000_000  # bytes a second: what a pull of many proxies at once may come down to

# Registries whose passwords are tokens that end soon; a WasmPlugin has only a fixed secret (istio issues
# 43080, 57196): the hosts, and for how long a token lasts.
_EXPIRING = (
    (r"\d+\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?", "12 hours"),
    (r"(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io)", "an hour"),
    (r"[a-z0-9]+\.azurecr\.(?:io|cn|us)", "3 hours"),
)


class Warned(NamedTuple):
    """``code`` is stable, ``message`` is what will hurt, ``fix`` what to do."""

    code: str
    message: str
    fix: str


def warn_of(shelf: Shelf, fetched: Fetched, rules: Rules, convert: str) -> tuple[Warned, ...]:
    """The warnings for an image that was ``fetched`` by ``rules``; ``convert`` is a command that mends most."""
    found = [*_of_the_name(shelf.reference, rules), *_of_the_index(shelf, fetched)]
    manifest, layer = fetched.manifest, fetched.layer
    if manifest is not None and layer is not None:
        found += _of_the_config(shelf, manifest)
        found += _of_the_layers(manifest, layer, rules, convert)
        found += _of_the_bytes(shelf, layer, convert)
    return tuple(found)


def _of_the_name(reference: str, rules: Rules) -> Iterator[Warned]:
    if not reference:
        return
    host, _, rest = reference.partition("/")
    for pattern, duration in _EXPIRING:
        if re.fullmatch(pattern, host, re.IGNORECASE):
            yield Warned(
                "WV105",
                f"a password of {host} is a token that ends after {duration}, and a proxy has only the fixed one in imagePullSecret",
                "let something renew the secret, mirror the image to a registry with lasting credentials, or allow anonymous pulls",
            )
    if "@" in reference:
        return
    tag = rest.rpartition("/")[2].partition(":")[2] or "latest"
    if tag == "latest":
        again = "pulls it again at every change of its resource, and at no other time"
        untagged = again if rules.untagged_is_always else "never pulls it again"
        yield Warned(
            "WV103",
            f"the tag is latest: with it in the URL a proxy {again}; with no tag in the URL it {untagged}",
            "give every version a tag of its own, and pin the manifest digest",
        )


def _of_the_index(shelf: Shelf, fetched: Fetched) -> Iterator[Warned]:
    top = shelf.manifest()
    if top is None or not fetched.manifest_digest or digest_of(top.data) == fetched.manifest_digest:
        return
    yield Warned(
        "WV101",
        f"it is an index, {digest_of(top.data)}: a proxy takes its image for linux/amd64 and compares the digest of that one",
        f"pin {fetched.manifest_digest}, not the index; or build without attestations: --provenance=false --sbom=false",
    )


def _of_the_config(shelf: Shelf, manifest: GoManifest) -> Iterator[Warned]:
    config = manifest.config
    data = shelf.blob(config.digest) if config.digest and config.size <= _SMALL else None
    if data is None or digest_of(data) != config.digest:
        yield Warned(
            "WV113",
            "the config is " + ("missing" if data is None else "not the one that the manifest names"),
            "push the image again: no proxy reads the config, and tools that copy images do",
        )
        return
    try:
        body = json.loads(data)
        platform = body.get("os"), body.get("architecture")
    except (ValueError, AttributeError, RecursionError):
        return
    if platform not in ((None, None), ("linux", "amd64")):
        yield Warned(
            "WV108",
            f"the config says {platform[0]}/{platform[1]}: proxies take it, and an index made of it would be for that platform only",
            "build for linux/amd64: a module runs on every architecture",
        )


def _of_the_layers(manifest: GoManifest, layer: GoDescriptor, rules: Rules, convert: str) -> Iterator[Warned]:
    count = len(manifest.layers)
    if count > 1 and layer.media_type != ARTIFACT_LAYER:
        yield Warned(
            "WV106",
            f"there are {count} layers: proxies look into the last one only, and Istio before 1.16 refuses it",
            f"one COPY and no base image, or {convert}",
        )
    if layer.size > _SLOW * rules.budget:
        yield Warned(
            "WV104",
            f"the layer has {layer.size:,} bytes, and a proxy gives the whole pull {rules.budget:.0f} seconds",
            "strip the module (wasm-opt --strip-debug -Os), and keep the registry near",
        )
    if layer.media_type == ARTIFACT_LAYER and rules.artifact_limit and layer.size > rules.artifact_limit:
        yield Warned(
            "WV115",
            f"the module has {layer.size:,} bytes, and a proxy cuts it off after {rules.artifact_limit:,} without a word",
            "make the module smaller (wasm-opt --strip-debug -Os)",
        )


def _of_the_bytes(shelf: Shelf, layer: GoDescriptor, convert: str) -> Iterator[Warned]:
    known = shelf.tars.get(layer.digest)
    data = layer.data if layer.data is not None else None if known is not None else shelf.blob(layer.digest)
    again = "push the image again; proxies may stop taking it at any release"
    if data is not None and len(data) != layer.size:
        yield Warned("WV112", f"the layer has {len(data)} bytes, and the manifest says {layer.size}", again)
    elif data is not None and digest_of(data) != layer.digest:
        yield Warned("WV111", f"the layer is damaged: its bytes are {digest_of(data)}, not {layer.digest}", again)
    if layer.media_type == ARTIFACT_LAYER:
        return
    try:
        unpacked = Stream(known) if known is not None else shelf.inflated(Stream(data or b""), layer.digest)
    except GoError:  # no fetcher has taken it then
        return
    if unpacked.end:
        yield Warned(
            "WV109",
            f"the layer is damaged behind the module, where a proxy no longer looks: {unpacked.end}",
            "build the image again",
        )
    entries: list[GoEntry] = []
    try:
        for entry in read_entries(unpacked._replace(end="")):
            entries.append(entry)
    except GoError as error:
        if not unpacked.end and not unpacked.cut:
            yield Warned(
                "WV110",
                f"the tar in the layer is damaged behind the module, where a proxy no longer looks: {error}",
                "build the image again",
            )
    yield from _of_the_files(entries, convert)


def _of_the_files(entries: list[GoEntry], convert: str) -> Iterator[Warned]:
    files = [entry for entry in entries if entry.kind != ord("g")]
    hit = next((entry for entry in files if base_name(entry.name) == ENTRY_NAME.encode()), None)
    others = [entry.name.decode("utf-8", "replace") for entry in files if entry is not hit]
    if others:
        names = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        yield Warned(
            "WV107",
            f"{len(others)} more in the layer than the module ({names}): every proxy pulls that too",
            f"COPY {ENTRY_NAME} alone, or {convert}",
        )
