"""What every consumer would say of an image, wherever it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from wasmimg.consumers.fetcher import Verdict, judge
from wasmimg.consumers.selection import CONSUMERS, Consumer
from wasmimg.errors import ImageRefused
from wasmimg.events import Tell, silent
from wasmimg.image.manifest import parse_manifest
from wasmimg.image.shape import Shape, prove_shape
from wasmimg.image.unpack import gunzip
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import OpenedImage
from wasmimg.stores.places import open_source

__all__ = ["Report", "verify"]


class Report(NamedTuple):
    """``verdicts`` of all consumers; those of ``decisive`` ones decide.

    ``wire`` is False when the image was judged as a push would make it. ``shape`` is None when
    the image is not of the one strict shape, and ``unlike`` then says in what.
    """

    where: str
    wire: bool
    verdicts: tuple[Verdict, ...]
    decisive: tuple[Consumer, ...]
    shape: Shape | None
    unlike: str

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The refusals that count."""
        return tuple(one for one in self.verdicts if one.consumer in self.decisive and not one.accepted)


def verify(
    source: str,
    consumers: tuple[Consumer, ...],
    access: Access,
    policy: Policy,
    environment: Mapping[str, str],
    tell: Tell = silent,
) -> Report:
    """Judge the image at SOURCE; raises what opening and reading it raises."""
    every = (*consumers, *(Consumer(name) for name in CONSUMERS if name != "envoy" and Consumer(name) not in consumers))
    with open_source(source, access=access, environment=environment, policy=policy, tell=tell) as opened:
        tars: dict[str, bytes] = {}
        shape, unlike = _shape(opened, tars)
        return Report(opened.where, opened.wire, judge(opened, every, tars=tars), consumers, shape, unlike)


def _shape(opened: OpenedImage, tars: dict[str, bytes]) -> tuple[Shape | None, str]:
    try:
        manifest = parse_manifest(opened.top())
        if len(manifest.layers) != 1:
            return None, f"there are {len(manifest.layers)} layers, not exactly one"
        layer = manifest.layers[0]
        blob = opened.blob(layer)
        tars[layer.digest] = gunzip(blob)
        return prove_shape(manifest, opened.blob(manifest.config), blob, tars[layer.digest]), ""
    except ImageRefused as error:
        return None, error.reason or error.message
