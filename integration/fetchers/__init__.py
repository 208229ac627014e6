"""The real fetchers of Istio and Envoy Gateway as programs that answer what would become of an image."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from integration.calling import clean_environment

__all__ = ["Answer", "Ask", "Died", "Fetcher"]

_PATIENCE = 120.0  # seconds for an answer


class Ask(NamedTuple):
    """What a WasmPlugin or an EnvoyExtensionPolicy says of a plugin.

    ``checksum`` has no ``sha256:``; ``pull_secret`` is a dockerconfigjson; ``pull_policy`` is Always,
    IfNotPresent or the default. All that name a ``cache`` share it, and without one it is fresh.
    """

    url: str
    checksum: str = ""
    pull_secret: bytes = b""
    pull_policy: str = ""
    resource_version: str = "1"
    cache: str = ""


class Answer(NamedTuple):
    """What the fetcher did: the module file at ``path`` with its SHA-256 as hexadecimal digits, or an error."""

    url: str
    accepted: bool
    error: str
    module: str
    path: str
    milliseconds: float


class Died(Exception):
    """The program ended instead of answering; the words are its last on standard error."""


class Fetcher:
    """One of the programs, until the ``with`` block ends; what it writes is in ``folder``."""

    def __init__(self, program: Path, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.log = folder / "log"
        (files := folder / "files").mkdir()
        # No credentials and no proxies of the machine: istio-agent reads the docker config of its user.
        environment = clean_environment(HOME=str(folder))
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                [str(program), str(files)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment
            )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, what: Ask) -> Answer:
        """The answer; raises Died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = json.dumps({**what._asdict(), "pull_secret": base64.b64encode(what.pull_secret).decode()})
        watch = threading.Timer(_PATIENCE, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
            said = self._process.stdout.readline()
        except BrokenPipeError:
            said = b""
        finally:
            watch.cancel()
        if not said:
            raise Died(f"{what.url}: {self.log.read_text(errors='replace')[-2000:]}")
        return Answer(**json.loads(said))
