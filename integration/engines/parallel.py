"""Builds at the same time."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from integration.calling import WASMIMG

__all__ = ["at_once"]


def at_once(builds: list[tuple[object, ...]], environment: Mapping[str, str]) -> None:
    """Run ``wasmimg build`` with each of these arguments, side by side; none may fail."""
    running = [
        subprocess.Popen(
            [*WASMIMG, "build", *map(str, words)],
            env=dict(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in builds
    ]
    said = [process.communicate(timeout=300)[1] for process in running]
    failed = [text for process, text in zip(running, said, strict=True) if process.returncode != 0]
    assert not failed, "\n".join(failed)
