"""An Envoy of our own: started, watched, and always ended."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from wasmimg.errors import NoEngine
from wasmimg.interrupts import held_back, uninterrupted
from wasmimg.stores.files import file_system
from wasmimg.trial.client import NoAnswer, TookTooLong, send
from wasmimg.trial.envoy import Envoy
from wasmimg.trial.log import FORMAT, Log
from wasmimg.trial.messages import Request
from wasmimg.trial.setup import PLAIN, PLUGIN, READY_HOST, Ports

__all__ = ["Ended", "Proxy", "Stuck", "signal_name"]

_MOMENT = 0.005  # seconds between two looks
_GRACE = 2.0  # seconds between asking Envoy to end and ending it
_DYING = 5.0  # seconds: it writes a backtrace first
_ADMIN = "admin"
# Ends Envoy's group when wasmimg is gone, which closes this one's standard input, and be it by kill -9.
_GUARD = "read nothing; kill -9 -$0"


class Ended(Exception):
    """Envoy ended; ``status`` is negative for the number of a signal."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


class Stuck(Exception):
    """Envoy runs and does not get on."""


class Updates(NamedTuple):
    """How many plugins Envoy took and refused."""

    taken: int
    refused: int


def signal_name(status: int) -> str:
    """The name of the signal that ended a process, if one did."""
    try:
        return signal.Signals(-status).name if status < 0 else ""
    except ValueError:
        return f"signal {-status}"


class Proxy:
    """Use it in a ``with`` block: at its end, whatever the reason, Envoy and all its children are gone."""

    def __init__(self, envoy: Envoy, folder: Path, environment: Mapping[str, str]) -> None:
        self._envoy = envoy
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._log: Log | None = None
        self._began = 0.0
        self.ports = Ports()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, configuration: Mapping[str, Any], *, validate: bool = False, verbose: bool = False) -> None:
        """Start it with ``configuration``; raises NoEngine when the program cannot be run."""
        with file_system("Envoy's configuration cannot be written"):
            (self._folder / "envoy.json").write_text(json.dumps(configuration))
            (self._folder / _ADMIN).unlink(missing_ok=True)
        level = "trace" if verbose else "debug"
        words = ["-c", "envoy.json", "--concurrency", "1", "--disable-hot-restart", "--log-format", FORMAT]
        if validate:  # in which levels of components are not heeded
            words += ["--mode", "validate", "-l", level]
        else:
            words += ["--admin-address-path", _ADMIN, "-l", "warning", "--component-log-level", f"wasm:{level}"]
        with held_back():
            self._began = time.monotonic()
            self._process = self._spawn([self._envoy.path, *words])
            assert self._process.stdout is not None
            self._log = Log(os.dup(self._process.stdout.fileno()))
            self._guard = self._spawn_guard(self._process.pid)

    @property
    def log(self) -> Log:
        """What it says; there once it was started."""
        assert self._log is not None
        return self._log

    @property
    def status(self) -> int | None:
        """How it ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def wait_until_ready(self, timeout: float) -> float:
        """The seconds from its start until it answers; raises Ended, and Stuck after ``timeout``."""
        end = self._began + timeout
        admin = self._admin_port(end)
        found = json.loads(self._ask_admin(admin, "/listeners?format=json", end))
        ports = {
            one["name"]: one["local_address"]["socket_address"]["port_value"] for one in found["listener_statuses"]
        }
        self.ports = Ports(ports[PLUGIN], ports[PLAIN])
        while not self.answers(end - time.monotonic()):
            self._wait_a_moment(end)
        return time.monotonic() - self._began

    def wait_until_ended(self, timeout: float) -> tuple[int, float]:
        """Its status, and the seconds that it ran; raises Stuck after ``timeout``."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Stuck from None
        return status, time.monotonic() - self._began

    def answers(self, timeout: float) -> bool:
        """Whether its worker gets on, at the listener without the plugin.

        Afterwards all is in the log that came before: there is one worker, and it does one thing
        at a time.
        """
        try:
            return (
                send(Request("GET", "/", (("Host", READY_HOST),)), self.ports.plain, max(timeout, 0.01)).status == 200
            )
        except (NoAnswer, TookTooLong):
            return False

    def check_alive(self, *, dying: bool = False) -> None:
        """Raises Ended if it ended, or is ``dying`` and does so soon."""
        end = time.monotonic() + (_DYING if dying else 0.0)
        while (status := self.status) is None and time.monotonic() < end:
            time.sleep(_MOMENT)
        if status is not None:
            raise Ended(status)

    def updates(self, timeout: float) -> Updates:
        """The numbers of plugins that it took and refused so far; raises Ended and Stuck."""
        end = time.monotonic() + timeout
        text = self._ask_admin(self._admin_port(end), "/stats?filter=extension_config_discovery", end)
        # Envoy's documentation, "Extension configuration", section "Statistics"
        counts = dict(re.findall(r"\.update_(success|rejected): (\d+)", text))
        return Updates(int(counts.get("success", 0)), int(counts.get("rejected", 0)))

    def memory(self) -> int | None:
        """The bytes of memory that it has in use (RSS); None where that cannot be seen."""
        if self._process is None or self.status is not None:
            return None
        with suppress(OSError):
            text = Path(f"/proc/{self._process.pid}/status").read_text()
            match = re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)
            return int(match[1]) * 1024 if match else None
        with suppress(OSError, ValueError):
            words = ["ps", "-o", "rss=", "-p", str(self._process.pid)]
            return int(subprocess.run(words, capture_output=True, check=False).stdout) * 1024
        return None

    def stop(self, *, at_once: bool = False) -> None:
        """End it: by asking unless ``at_once``, then by force."""
        with uninterrupted():
            process, self._process = self._process, None
            if process is None:
                return
            if process.poll() is None and not at_once:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE)
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if self._guard is not None:  # before the number of the group is free for another
                self._guard.kill()
                self._guard.wait()
                assert self._guard.stdin is not None
                self._guard.stdin.close()
            process.wait()
            if self._log is not None:
                self._log.close()
            assert process.stdout is not None
            process.stdout.close()

    def _spawn(self, words: list[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                words,
                cwd=self._folder,
                env=dict(self._environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise NoEngine(f"{words[0]} cannot be run", reason=error.strerror) from None

    def _spawn_guard(self, group: int) -> subprocess.Popen[bytes] | None:
        with suppress(OSError):
            return subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, str(group)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        return None

    def _admin_port(self, end: float) -> int:
        while True:
            with suppress(OSError):
                match = re.fullmatch(r"127\.0\.0\.1:(\d+)", (self._folder / _ADMIN).read_text().strip())
                if match is not None:
                    return int(match[1])
            self._wait_a_moment(end)

    def _ask_admin(self, port: int, path: str, end: float) -> str:
        """What the admin interface answers: it does so only between two pieces of other work."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=max(end - time.monotonic(), 0.01))
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                if answer.status == 200:
                    return answer.read().decode()
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            self._wait_a_moment(end)

    def _wait_a_moment(self, end: float) -> None:
        self.check_alive()
        if time.monotonic() >= end:
            raise Stuck
        time.sleep(_MOMENT)
