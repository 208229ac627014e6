"""Stand-ins for docker, buildah and wasmimg that write down what they are called with."""

from __future__ import annotations

import os
from pathlib import Path

# One printf is one write, so that calls at the same time do not mix.
_HEAD = """#!/bin/sh
record='{record}'
end=$(printf '\\001')
printf '%s\\0' "${{0##*/}}" "$@" "$end" >>"$record/calls"
"""
# What an engine says of itself, for those tests that are about something else; it is no call that they count.
_VERSIONS = {
    "docker": "Docker version 28.5.2, build ecc6942",
    "buildah": "buildah version 1.28.2 (image-spec 1.1.0-rc2)",
    "podman": "podman version 4.3.1",
}
_ITSELF = """#!/bin/sh
case "$*" in --version) echo '{version}'; exit ;; *--help) exit ;; esac
"""


class Fakes:
    """A folder of programs for PATH, and the record of their calls."""

    def __init__(self, folder: Path) -> None:
        self.programs = folder / "programs"
        self.record = folder / "record"
        self.programs.mkdir(parents=True)
        self.record.mkdir()

    def add(self, name: str, body: str = "", *, mute: bool = False) -> None:
        """A program ``name`` that records its call, then runs ``body`` in sh.

        Unless it is to be ``mute``, an engine says its version by itself.
        """
        path = self.programs / name
        itself = _ITSELF.format(version=_VERSIONS[name]) if name in _VERSIONS and not mute else ""
        path.write_text(itself + _HEAD.format(record=self.record) + body)
        path.chmod(0o755)

    @property
    def path(self) -> str:
        """PATH with these programs before the system's."""
        return os.pathsep.join([str(self.programs), "/usr/bin", "/bin"])

    def calls(self) -> list[list[str]]:
        """The arguments of every call so far, with the program's name first."""
        log = self.record / "calls"
        if not log.exists():
            return []
        return [call.split("\0")[:-1] for call in os.fsdecode(log.read_bytes()).split("\1\0")[:-1]]


def is_running(pid: int) -> bool:
    """Whether it has not ended; one that nobody has waited for has ended, too."""
    if Path("/proc/self/stat").exists():
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
