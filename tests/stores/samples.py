"""Small images, and clients of a fake registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stores.fake_registry import FakeRegistry
from wasmimg import retry
from wasmimg.events import Tell, silent
from wasmimg.image.layer import build_layer
from wasmimg.image.manifest import Image, ImageSpec, build_image, digest_of, parse_manifest
from wasmimg.image.media_types import MEDIA_TYPES, Format
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import OpenedImage
from wasmimg.stores.registry import Registry

MODULE = b"\0asm\1\0\0\0"
NOBODY = {"HOME": "/nonexistent"}  # an environment without credentials and proxies
OPEN = Access()
QUICK = Policy(attempts=3, deadline=60.0, idle_timeout=2.0)
ONCE = QUICK._replace(attempts=1)


def sample(form: Format = Format.OCI, module: bytes = MODULE, **spec: Any) -> Image:
    """An image of ``module``; ``spec`` are fields of ImageSpec."""
    return build_image(build_layer(memoryview(module)), ImageSpec(form, **spec))


def blob_of(image: Image) -> bytes:
    """The compressed layer."""
    return b"".join(image.layer.chunks)


def bytes_of(opened: OpenedImage) -> tuple[bytes, bytes, bytes]:
    """Manifest, config and layer of an image with one layer, as they are read."""
    manifest = parse_manifest(opened.top())
    return manifest.raw, opened.blob(manifest.config), opened.blob(manifest.layers[0])


def parts_of(image: Image) -> tuple[bytes, bytes, bytes]:
    """Manifest, config and layer, as they were made."""
    return image.manifest, image.config, blob_of(image)


def connect(
    text: str,
    *,
    access: Access = OPEN,
    environment: Mapping[str, str] = NOBODY,
    policy: Policy = QUICK,
    tell: Tell = silent,
) -> Registry:
    """The client for the repository of a reference."""
    return Registry(parse_reference(text), access=access, environment=environment, policy=policy, tell=tell)


def stored(registry: FakeRegistry, image: Image, repository: str = "acme/app", tag: str = "v1") -> str:
    """Put ``image`` into ``registry`` behind the client's back; its reference."""
    for data in (image.config, blob_of(image)):
        registry.blobs[repository, digest_of(data)] = data
    registry.put_manifest(repository, tag, image.manifest, MEDIA_TYPES[image.format].manifest)
    return f"{registry.host}/{repository}:{tag}"


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let retries follow at once; the pauses that were asked for, in order."""
    pauses: list[float] = []
    defaults = retry.run.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "sleep", pauses.append)
    return pauses


def home_with(folder: Path, registry: str, **entry: str) -> dict[str, str]:
    """An environment whose ~/.docker/config.json has ``entry`` for ``registry``."""
    (folder / ".docker").mkdir(exist_ok=True)
    (folder / ".docker" / "config.json").write_text(json.dumps({"auths": {registry: entry}}))
    return {"HOME": str(folder)}
