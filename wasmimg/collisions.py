"""What would overwrite each other, found before anything runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from wasmimg.errors import FileSystemFailed, UsageError
from wasmimg.request import Job
from wasmimg.stores.files import check_parent

__all__ = ["check_digest_file", "check_places", "check_plugins"]


def check_digest_file(path: Path) -> None:
    """Whether a digest may be written to ``path``: a file, or none yet; raises FileSystemFailed."""
    if os.path.lexists(path) and not os.path.isfile(path):
        kind = "a folder" if os.path.isdir(path) else "no regular file"
        raise FileSystemFailed(f"{path} is in the way: it is {kind}", hint="name a file for the digest")
    check_parent(path, "the digest file")
    target = path if os.path.exists(path) else path.parent
    if not os.access(target, os.W_OK):
        raise FileSystemFailed(f"the digest file {path} cannot be written: Permission denied", hint="name another file")


def check_places(job: Job) -> None:
    """Whether the module, the outputs and the digest file of ``job`` are apart.

    Raises UsageError, and FileSystemFailed for a digest file that is the module.
    """
    places = [(str(output), output.path) for output in job.outputs]
    if job.digest_file is not None:
        places.append((f"--digest-file {job.digest_file}", job.digest_file))
        if os.path.realpath(job.digest_file) == os.path.realpath(job.module):
            raise FileSystemFailed(
                f"{job.digest_file} is in the way: it is the module", hint="name another file for the digest"
            )
    for number, (name, path) in enumerate(places):
        here = os.path.realpath(path)
        for other_name, other in places[:number]:
            if _overlap(here, os.path.realpath(other)):
                raise UsageError(f"{name} and {other_name} would overwrite each other", hint="name two places")


def check_plugins(jobs: Iterable[Job]) -> None:
    """Whether every plugin has names of its own; raises UsageError that tells which two have not."""
    seen: dict[str, str] = {}
    for job in jobs:
        names = {f"the image {reference.name}" for reference in job.references}
        for output in job.outputs:
            called = f"the name {job.references[0].name}" if job.references else "no name"
            names.add(f"{called} in {output}")
        for name in sorted(names):
            if name in seen:
                raise UsageError(
                    f"plugins.{seen[name]} and plugins.{job.plugin} would overwrite each other: both have {name}",
                    hint=f"give plugins.{job.plugin} an image of its own in wasmimg.toml",
                )
            seen[name] = job.plugin


def _overlap(one: str, other: str) -> bool:
    """Whether the two are the same path, or one lies in the other."""
    return one == other or one.startswith(other + os.sep) or other.startswith(one + os.sep)
