"""A dockerd whose image store is said, of Debian's or any other programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from integration.calling import clean_environment, succeed
from integration.services import Service, program

__all__ = ["StoreDockerd", "daemon_stores"]


def daemon_stores() -> tuple[str, ...]:
    """The image stores of the dockerd on PATH: docker has the containerd store from 24 on."""
    said = succeed(program("dockerd"), "--version", environment=clean_environment())
    match = re.search(r"version (\d+)\.", said)
    assert match is not None, said
    return ("classic", "containerd") if int(match[1]) >= 24 else ("classic",)


class StoreDockerd(Service):
    """It runs as root, with its own folders, from the programs in ``programs`` or else those on PATH.

    ``store`` is ``classic`` or ``containerd``; what the daemon's default is differs by version.
    """

    def __init__(self, folder: Path, store: str, *, programs: Path | None = None) -> None:
        folder.mkdir(parents=True)
        self.address = f"unix://{folder}/docker.sock"
        settings: dict[str, object] = {"features": {"containerd-snapshotter": store == "containerd"}}
        (folder / "daemon.json").write_text(json.dumps(settings))
        argv = [str(programs / "dockerd") if programs else program("dockerd"), "--config-file", f"{folder}/daemon.json"]
        argv += ["--host", self.address, "--pidfile", f"{folder}/pid"]
        argv += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        argv += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        environment = clean_environment()
        if programs:
            environment["PATH"] = f"{programs}:{environment['PATH']}"
        super().__init__(argv, folder / "log", environment)
        self.said("API listen on")
