"""The proof that an image has the one shape every proxy takes, in the format asked for.

Stricter than the proxies: one layer of exactly the right type, gzip by its first bytes and
not by its label, one regular file ``plugin.wasm`` in it, and that file is the module.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import NamedTuple

from wasmimg.errors import ImageRefused
from wasmimg.image.layer import ENTRY_NAME, Layer
from wasmimg.image.manifest import Manifest, digest_of
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.unpack import GZIP_MAGIC, list_entries
from wasmimg.parallel import run_all

__all__ = ["Shape", "prove_manifest", "prove_shape", "tar_module"]


class Shape(NamedTuple):
    """What was proven: the three digests by name, the sizes (bytes), the format."""

    format: Format
    manifest_digest: str
    layer_digest: str
    layer_size: int
    diff_id: str
    module_digest: str
    module_size: int


def prove_manifest(manifest: Manifest, wanted: Format | None) -> None:
    """Format, layer count and media types; raises ImageRefused with every fault."""
    types = MEDIA_TYPES[manifest.format]
    faults = []
    if wanted is not None and manifest.format is not wanted:
        faults.append(
            f"the manifest is {manifest.media_type or 'without a media type'}, not in the {wanted} format that was asked for"
        )
    if manifest.config.media_type != types.config:
        faults.append(f"the config is {manifest.config.media_type}, not {types.config}")
    if len(manifest.layers) != 1:
        faults.append(f"there are {len(manifest.layers)} layers, not exactly one")
    faults += [
        f"a layer is {one.media_type}, not {types.layer}" for one in manifest.layers if one.media_type != types.layer
    ]
    _raise(faults)


def prove_shape(
    manifest: Manifest,
    config: bytes,
    blob: bytes,
    tar: bytes | memoryview,
    *,
    module_digest: str | None = None,
    written: Layer | None = None,
) -> Shape:
    """The whole proof, from the bytes that were read back; ``tar`` is ``blob`` unpacked.

    ``written`` is the layer whose very bytes ``blob`` is known to be: what a gzip member holds
    was compared by its checksum then, and is not hashed again. Raises ImageRefused.
    """
    prove_manifest(manifest, None)
    layer = manifest.layers[0]
    module = tar_module(tar)
    if written is not None:
        diff_id, found, blob_digest = written.diff_id, written.module_digest, written.digest
    else:
        diff_id, found, blob_digest = _digests(tar, module, blob)
    faults = []
    if digest_of(config) != manifest.config.digest or len(config) != manifest.config.size:
        faults.append("the config is not the one that the manifest names")
    if blob_digest != layer.digest or len(blob) != layer.size:
        faults.append("the layer is not the one that the manifest names")
    if not blob.startswith(GZIP_MAGIC):
        faults.append(f"the layer starts with {blob[:4].hex(' ')} and not with 1f 8b: it is not gzip-compressed")
    _raise(faults + _config_faults(config, diff_id))
    if module_digest is not None and found != module_digest:
        _raise([f"{ENTRY_NAME} in it is {found} and the module is {module_digest}"])
    return Shape(manifest.format, manifest.digest, layer.digest, layer.size, diff_id, found, len(module))


def _digests(*parts: bytes | memoryview) -> list[str]:
    """The digest of each, made side by side: a module has megabytes."""
    digests = [""] * len(parts)

    def one(index: int) -> Callable[[], None]:
        def work() -> None:
            digests[index] = f"sha256:{hashlib.sha256(parts[index]).hexdigest()}"

        return work

    run_all([one(index) for index in range(len(parts))])
    return digests


def tar_module(tar: bytes | memoryview) -> memoryview:
    """The module in a tar that holds one regular file ``plugin.wasm`` and nothing else."""
    entries = list_entries(tar)
    if len(entries) != 1:
        names = ", ".join(repr(entry.name) for entry in entries[:5]) or "nothing"
        _raise([f"the layer holds {len(entries)} entries ({names}), not exactly one"])
    entry = entries[0]
    if entry.name.removeprefix("./") != ENTRY_NAME or not entry.regular:
        kind = "a regular file" if entry.regular else "no regular file"
        _raise([f"the layer holds {entry.name!r}, {kind}, and not the regular file {ENTRY_NAME}"])
    return memoryview(tar)[entry.start : entry.start + entry.size]


def _config_faults(config: bytes, diff_id: str) -> list[str]:
    try:
        diff_ids = json.loads(config)["rootfs"]["diff_ids"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ["the config has no rootfs.diff_ids"]
    return [] if diff_ids == [diff_id] else ["the config's diff_ids do not name the layer"]


def _raise(faults: list[str]) -> None:
    if faults:
        raise ImageRefused("the image does not have the one shape that every proxy takes", reason="\n".join(faults))
