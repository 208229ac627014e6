"""The platform that an image claims to be for."""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmimg.errors import UsageError

__all__ = ["DEFAULT_PLATFORM", "Platform", "parse_platform"]


class Platform(NamedTuple):
    """``os``/``architecture``[/``variant``] of the OCI image configuration."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


# Every fetcher resolves an index as linux/amd64, on arm64 nodes too
# (go-containerregistry pkg/v1/remote/options.go, defaultPlatform).
DEFAULT_PLATFORM = Platform("linux", "amd64")


def parse_platform(text: str) -> Platform:
    """Read ``linux/ARCH[/VARIANT]``; raises UsageError for anything else."""
    match = re.fullmatch(r"([a-z0-9]+)/([a-z0-9_]+)(?:/([a-z0-9.]+))?", text)
    if match is None:
        raise UsageError(f"the platform {text!r} is not of the form OS/ARCH", hint="leave it out for linux/amd64")
    platform = Platform(match[1], match[2], match[3] or "")
    if platform.os != "linux":
        raise UsageError(
            f"the platform {text!r} is not linux/*, and proxies load only images for linux",
            hint="leave --platform out: a Wasm module runs on every architecture, and linux/amd64 is what every fetcher looks for",
        )
    return platform
