"""The newest dockerd, with its own containerd and folders, in either image store."""

from __future__ import annotations

import json
from pathlib import Path

from integration.calling import clean_environment
from integration.services import Service

__all__ = ["NewestDockerd"]


class NewestDockerd(Service):
    """It runs as root, from the programs in ``programs``; the containerd store is its own default."""

    def __init__(self, programs: Path, folder: Path, *, containerd: bool) -> None:
        folder.mkdir(parents=True)
        self.address = f"unix://{folder}/docker.sock"
        settings = {} if containerd else {"features": {"containerd-snapshotter": False}}
        (folder / "daemon.json").write_text(json.dumps(settings))
        argv = [str(programs / "dockerd"), "--config-file", f"{folder}/daemon.json"]
        argv += ["--host", self.address, "--pidfile", f"{folder}/pid"]
        argv += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        argv += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        environment = clean_environment()
        environment["PATH"] = f"{programs}:{environment['PATH']}"
        super().__init__(argv, folder / "log", environment)
        self.said("API listen on")
