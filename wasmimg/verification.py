"""What every consumer would say of an image, wherever it is, and what its proxy would say of the module."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from wasmimg.checking import check_data
from wasmimg.consumers.advice import mending_command
from wasmimg.consumers.fetcher import Fetched, Shelf, Verdict, fetch, has_fetcher, rules_of
from wasmimg.consumers.selection import CONSUMERS, Consumer
from wasmimg.consumers.warnings import Warned, warn_of
from wasmimg.errors import ImageRefused, ModuleRefused
from wasmimg.events import Tell, silent
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import ARTIFACT_LAYER, format_of_manifest
from wasmimg.module.findings import Finding
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access
from wasmimg.stores.opened import OpenedImage
from wasmimg.stores.places import open_source

__all__ = ["Facts", "Report", "verify"]


class Facts(NamedTuple):
    """What a fetcher found, the three digests by name; sizes are in bytes.

    ``index_digest`` is there if the reference stands for an index. ``variant`` is ``compat`` for a
    tar with plugin.wasm in it, and ``artifact`` for a layer that is the module itself.
    """

    format: str
    variant: str
    index_digest: str | None
    manifest_digest: str
    layer_digest: str
    layer_size: int
    module_digest: str
    module_size: int


class Report(NamedTuple):
    """``verdicts`` are of all consumers; those of the ``decisive`` ones decide.

    ``wire`` is False when the image was judged as a push would make it. ``facts`` are None, and
    ``findings`` (of the module) and ``warnings`` are few or none, when no fetcher takes the image.
    """

    source: str
    where: str
    wire: bool
    verdicts: tuple[Verdict, ...]
    decisive: tuple[Consumer, ...]
    facts: Facts | None
    findings: tuple[Finding, ...]
    warnings: tuple[Warned, ...]

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """The refusals that count."""
        return tuple(one for one in self.verdicts if one.consumer in self.decisive and not one.accepted)

    @property
    def loads(self) -> bool | None:
        """Whether the proxy would load what is inside; None if nothing was found there."""
        return None if self.facts is None else not any(finding.level == "error" for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """8 if a chosen fetcher refuses or none takes it, 3 if only the module inside is wrong, 0 if all is well."""
        if self.refused or self.facts is None:
            return ImageRefused.exit_code
        return 0 if self.loads else ModuleRefused.exit_code


def verify(
    source: str,
    consumers: tuple[Consumer, ...],
    access: Access,
    policy: Policy,
    environment: Mapping[str, str],
    tell: Tell = silent,
) -> Report:
    """Judge the image at SOURCE; raises what opening and reading it raises.

    Bytes that do not match their digest or size are read as a fetcher reads them, and warned of.
    """
    with open_source(source, access=access, environment=environment, policy=policy, tell=tell) as opened:
        return report_on(opened, source, consumers)


def report_on(opened: OpenedImage, source: str, consumers: tuple[Consumer, ...]) -> Report:
    """Judge an image that was opened; ``source`` is how the user calls it."""
    shelf = Shelf(opened, source=source)
    chosen = dict.fromkeys(one for one in consumers if has_fetcher(one))
    others = dict.fromkeys(Consumer(name) for name in CONSUMERS if has_fetcher(Consumer(name)))
    every = {consumer: fetch(shelf, consumer) for consumer in {**chosen, **others}}
    verdicts = tuple(one.verdict for one in every.values())
    # What is inside is what the first one that takes it gets, a chosen one if there is any.
    taken = next((one for one in every.values() if one.verdict.accepted), None)
    seen = taken or next(iter(every.values()))
    warnings = warn_of(shelf, seen, rules_of(seen.verdict.consumer), mending_command(source))
    facts = None if taken is None else _facts(shelf, taken)
    findings = () if taken is None or taken.module is None else check_data(taken.module, consumers)
    return Report(source, opened.where, opened.wire, verdicts, consumers, facts, findings, warnings)


def _facts(shelf: Shelf, taken: Fetched) -> Facts:
    top = shelf.manifest()
    assert top is not None
    assert taken.manifest is not None
    assert taken.layer is not None
    assert taken.module is not None
    index = digest_of(top.data)
    return Facts(
        str(format_of_manifest(taken.manifest.media_type)),
        "artifact" if taken.layer.media_type == ARTIFACT_LAYER else "compat",
        None if index == taken.manifest_digest else index,
        taken.manifest_digest,
        taken.layer.digest,
        taken.layer.size,
        f"sha256:{hashlib.sha256(taken.module).hexdigest()}",
        len(taken.module),
    )
