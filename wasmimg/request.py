"""What the user typed, and the one image that comes of it, as data."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wasmimg.consumers.selection import Consumer
from wasmimg.engines.base import Dockerfile
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.reference import Reference
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.places import Output

__all__ = ["ConvertRequest", "Job", "Request"]


class Request(NamedTuple):
    """``wasmimg build`` as it was typed; None and () where nothing was said."""

    module: Path | None = None
    references: tuple[str, ...] = ()
    format: str | None = None
    engine: str | None = None
    push: bool = False
    load: bool = False
    outputs: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    check: bool = True
    dockerfile: Path | None = None
    annotations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    platform: str | None = None
    variant: str | None = None
    plugins: tuple[str, ...] = ()
    digest_file: Path | None = None
    config: Path | None = None
    insecure: bool = False
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = None


class Job(NamedTuple):
    """One image to be built, with every choice made but the engine's ``auto``.

    ``format_asked`` tells a format that was asked for from the default one; ``config`` is the
    file that was named, if not just the nearest one was read.
    """

    module: Path
    spec: ImageSpec
    plugin: str = ""
    format_asked: bool = False
    engine: str = "auto"
    references: tuple[Reference, ...] = ()
    push: bool = False
    load: bool = False
    outputs: tuple[Output, ...] = ()
    consumers: tuple[Consumer, ...] = (Consumer("istio"),)
    check: bool = True
    silence: tuple[str, ...] = ()
    dockerfile: Dockerfile | None = None
    access: Access = Access()
    policy: Policy = Policy()
    digest_file: Path | None = None
    artifact: bool = False
    config: Path | None = None


class ConvertRequest(NamedTuple):
    """``wasmimg convert`` as it was typed: ``pushed`` are pushed to, ``references`` only name."""

    variant: str | None = None

    pushed: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    format: str | None = None
    outputs: tuple[str, ...] = ()
    consumers: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    config: Path | None = None
    insecure: bool = False
    ca_file: Path | None = None
    username: str | None = None
    password: str | None = None
