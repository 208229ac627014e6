"""The module in an image, exactly as a proxy's fetcher would take it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wasmimg.consumers.fetcher import Shelf, fetch
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import FileSystemFailed
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import Descriptor, digest_of
from wasmimg.image.unpack import GZIP_MAGIC, gunzip
from wasmimg.readback import refusal
from wasmimg.stores.files import check_parent, file_system, write_whole
from wasmimg.stores.places import open_source
from wasmimg.transfer import Means

__all__ = ["Extracted", "extract", "extract_to"]


class Extracted(NamedTuple):
    """The module and the digests by which it was found."""

    data: bytes
    manifest_digest: str
    layer_digest: str
    module_digest: str


def extract(source: str, consumer: Consumer, means: Means) -> Extracted:
    """The module that ``consumer`` takes from the image at SOURCE.

    Stricter than the fetchers in one thing: what is damaged, also behind the module, where they
    do not look, is refused. Raises ImageRefused, and what reading raises.
    """
    # The proxy alone fetches nothing; its images come by Istio.
    fetcher = consumer if consumer.name != "envoy" else Consumer("istio")
    opening = open_source(
        source, access=means.access, environment=means.environment, policy=means.policy, tell=means.tell
    )
    with opening as opened:
        fetched = fetch(Shelf(opened), fetcher)
        if not fetched.verdict.accepted:
            raise refusal(opened.where, fetched.verdict)
        assert fetched.layer is not None
        assert fetched.module is not None
        layer = fetched.layer
        if digest_of(opened.top()) != fetched.manifest_digest:
            opened.manifest(fetched.manifest_digest)
        blob = opened.blob(Descriptor(layer.media_type, layer.digest, layer.size))
        if blob.startswith(GZIP_MAGIC):
            gunzip(blob)
        data = bytes(fetched.module)
    return Extracted(data, fetched.manifest_digest, layer.digest, digest_of(data))


def extract_to(source: str, file: Path | None, consumer: Consumer, means: Means) -> tuple[Path, Extracted]:
    """Write the module to ``file``, or to a new ``plugin.wasm``; raises FileSystemFailed, too."""
    target = file or Path(ENTRY_NAME)
    check_parent(target, "the module")
    if target.is_dir() or (file is None and target.exists()):
        kind = "a folder" if target.is_dir() else "a file of that name"
        raise FileSystemFailed(f"{target} is in the way: there is {kind}", hint="name another file with -o FILE")
    found = extract(source, consumer, means)
    with file_system(f"{target} cannot be written"):
        write_whole(target, (found.data,))
    return target, found
