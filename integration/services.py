"""Registries and a docker daemon, started on loopback with folders of their own.

What is missing is an error and not a skip: the tests here exist to run the real parts.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from integration.calling import call, clean_environment

_PATIENCE = 60.0  # seconds for a service to come up


def program(name: str) -> str:
    """The path of a program that these tests need."""
    found = shutil.which(name, path=clean_environment()["PATH"])
    if found is None:
        raise AssertionError(f"{name} is missing: .ci/run installs it")
    return found


class Service:
    """A process that is started for the tests, and ended by its pid."""

    def __init__(self, argv: list[str], log: Path, environment: Mapping[str, str]) -> None:
        self.log = log
        with open(log, "wb") as file:
            self._process = subprocess.Popen(
                argv, stdout=file, stderr=file, stdin=subprocess.DEVNULL, env=dict(environment)
            )

    def __enter__(self) -> Service:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def said(self, pattern: str) -> re.Match[str]:
        """Wait until the log holds ``pattern``."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            match = re.search(pattern, self.log.read_text(errors="replace"))
            if match is not None:
                return match
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"{self._process.args!r} did not come up:\n{self.log.read_text(errors='replace')[-3000:]}")

    def stop(self) -> None:
        """End it: by asking, then by force."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(20)
        self._process.kill()
        self._process.wait()


class Registry(Service):
    """Debian's docker-registry; ``users`` (name: password) locks it with htpasswd.

    ``tls`` is what its configuration has under http.tls, ``auth`` what it has there.
    """

    def __init__(
        self,
        folder: Path,
        users: Mapping[str, str] | None = None,
        *,
        tls: Mapping[str, object] | None = None,
        auth: Mapping[str, object] | None = None,
    ) -> None:
        folder.mkdir(parents=True)
        settings: dict[str, object] = {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
            "http": {"addr": "127.0.0.1:0", **({"tls": tls} if tls else {})},
            **({"auth": auth} if auth else {}),
        }
        if users:
            lines = []
            for name, password in users.items():
                line = call(program("htpasswd"), "-nbB", "-C", "4", name, password, environment=clean_environment())
                assert line.code == 0, line.err
                lines.append(line.out.strip())
            (folder / "htpasswd").write_text("\n".join(lines) + "\n")
            settings["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
        argv = [program("docker-registry"), "serve", str(folder / "config.yml")]
        super().__init__(argv, folder / "log", clean_environment())
        self.host = self.said(r"listening on (127\.0\.0\.1:\d+)")[1]


class Dockerd(Service):
    """A docker daemon with its own root, socket and pid file; as root only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.address = f"unix://{folder}/docker.sock"
        argv = [program("dockerd"), "--host", self.address, "--pidfile", f"{folder}/pid"]
        argv += ["--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
        argv += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        super().__init__(argv, folder / "log", clean_environment())
        self.said("API listen on")
