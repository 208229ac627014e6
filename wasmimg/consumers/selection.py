"""Reading ``--for CONSUMER[@RELEASE]``."""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmimg.errors import UsageError
from wasmimg.module.hosts import TITLES, Host, load_host

__all__ = ["CONSUMERS", "Consumer", "parse_consumer"]

CONSUMERS = TITLES
# A number such as 1.24 or 1.24.3, or a date.
_RELEASE = r"v?[0-9]{1,3}(?:\.[0-9]{1,4}){0,2}|[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?)?"


class Consumer(NamedTuple):
    """A consumer of images; without ``release`` the newest is meant."""

    name: str
    release: str | None = None

    @property
    def title(self) -> str:
        """Its name as its own project writes it."""
        return CONSUMERS[self.name] + (f" {self.release}" if self.release else "")

    def release_number(self) -> tuple[int, int] | None:
        """``1.12`` as (1, 12); None for the newest or for a date."""
        match = re.match(r"v?(\d+)\.(\d+)", self.release or "")
        return (int(match[1]), int(match[2])) if match else None

    def host(self) -> Host:
        """The proxy in it that loads what was fetched."""
        return load_host(self.name, self.release)

    def __str__(self) -> str:
        return self.name + (f"@{self.release}" if self.release else "")


def parse_consumer(text: str) -> Consumer:
    """Read ``istio``, ``istio@1.12``, ``envoy@2024-12``...; raises UsageError, also for a release of which nothing is known."""
    name, at, release = text.partition("@")
    if name not in CONSUMERS:
        from difflib import get_close_matches

        near = get_close_matches(name, CONSUMERS, 1)
        raise UsageError(
            f"unknown consumer {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint=f"known are {', '.join(CONSUMERS)}, each with @RELEASE if wanted",
        )
    if at and not re.fullmatch(_RELEASE, release):
        raise UsageError(f"{release!r} is no release of {CONSUMERS[name]}", hint=f"write it as in {name}@1.24")
    if at:
        load_host(name, release)
    return Consumer(name, release or None)
