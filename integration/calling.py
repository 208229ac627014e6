"""Calling wasmimg and the tools beside it, as a user does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

# Whatever the machine's user has set must not reach a test.
_PRIVATE = re.compile(
    r"(?:WASMIMG|DOCKER|BUILDAH|BUILDX|BUILDKIT|CONTAINERS|REGISTRY|STORAGE)_|SOURCE_DATE_EPOCH|M(?:AKE)?FLAGS|MAKELEVEL|.*_PROXY",
    re.I,
)
WASMIMG = (sys.executable, "-m", "wasmimg")
HIGRESS = ("--for", "higress")  # who loads the plugins of PyPI's gpustack-higress-plugins


def clean_environment(**more: str) -> dict[str, str]:
    """The environment of this process without what steers an engine, and with Debian's sbin."""
    kept = {name: value for name, value in os.environ.items() if not _PRIVATE.match(name)}
    # PyPI's node trusts its own certificates alone, unless it is told to trust the machine's.
    return {"NODE_USE_SYSTEM_CA": "1", **kept, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **more}


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


def call(*words: object, environment: Mapping[str, str], stdin: str = "", **options: Any) -> Said:
    """Run a command to its end, whatever that is."""
    done = subprocess.run(
        [str(word) for word in words],
        env=dict(environment),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=options.pop("timeout", 300),
        **options,
    )
    return Said(done.returncode, done.stdout, done.stderr)


def wasmimg(*words: object, environment: Mapping[str, str], **options: Any) -> Said:
    """Run wasmimg to its end, whatever that is."""
    return call(*WASMIMG, *words, environment=environment, **options)


def succeed(*words: object, environment: Mapping[str, str], **options: Any) -> str:
    """What a command prints that must not fail."""
    said = call(*words, environment=environment, **options)
    assert said.code == 0, f"{' '.join(map(str, words))} ended with {said.code}:\n{said.err}{said.out}"
    return said.out


def build(*words: object, environment: Mapping[str, str], **options: Any) -> str:
    """What ``wasmimg build`` prints when it must not fail."""
    return succeed(*WASMIMG, "build", *words, environment=environment, **options)


def containers(environment: Mapping[str, str]) -> set[str]:
    """The names of buildah's working containers."""
    listing = succeed("buildah", "containers", "--noheading", "--format", "{{.ContainerName}}", environment=environment)
    return set(listing.split())


def left_over(folder: Path) -> list[str]:
    """What lies in a folder that was empty before."""
    return sorted(path.name for path in folder.iterdir())
