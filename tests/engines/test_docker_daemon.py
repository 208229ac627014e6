"""The daemon is asked over its socket; where that does not do, docker is."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.fakes import Fakes
from wasmimg.engines.clients import Client
from wasmimg.engines.docker_daemon import Daemon, ask_daemon
from wasmimg.errors import NoEngine

CLIENT = Client("/usr/bin/docker", "docker", "28.5.2", "1.51", "v0.29.1")
CONTAINERD = [["driver-type", "io.containerd.snapshotter.v1"]]
CLASSIC = [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]]
_BY_DOCKER = '{"ServerVersion":"27.0.1","DriverStatus":null,"ClientInfo":{"Context":"far"}}'


class _Daemon:
    """A Unix socket that answers as dockerd does; ``silent`` takes connections and says nothing."""

    def __init__(self, path: Path) -> None:
        self.address = f"unix://{path}"
        self.asked: list[str] = []
        self.ping = {"Builder-Version": "2"}
        self.info: Any = {"ServerVersion": "28.5.2", "DriverStatus": CONTAINERD}
        self.newest = "1.60"
        self.status = 200
        self.silent = False
        self._closing = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                request = connection.recv(1 << 16).decode()
                method, target, _ = request.split(" ", 2)
                self.asked.append(f"{method} {target}")
                if self.silent:
                    self._closing.wait(20)
                    continue
                connection.sendall(self._answer(method, target))

    def _answer(self, method: str, target: str) -> bytes:
        if target == "/_ping":
            headers = "".join(f"{name}: {value}\r\n" for name, value in self.ping.items())
            return f"HTTP/1.0 200 OK\r\n{headers}\r\n".encode()
        status, body = self.status, self.info
        version = target.partition("/v")[2].partition("/")[0]
        if version and float(version) > float(self.newest):
            message = f"client version {version} is too new. Maximum supported API version is {self.newest}"
            status, body = 400, {"message": message}
        text = body if isinstance(body, str) else json.dumps(body)
        return f"HTTP/1.0 {status} X\r\nContent-Type: application/json\r\n\r\n{text}".encode()


@pytest.fixture
def daemon() -> Iterator[_Daemon]:
    folder = Path(tempfile.mkdtemp(prefix="wd-"))  # the path of a Unix socket is short
    made = _Daemon(folder / "docker.sock")
    yield made
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    found = Fakes(tmp_path)
    found.add("docker", f"[ \"$1\" != info ] || echo '{_BY_DOCKER}'")
    return found


def _ask(fakes: Fakes, client: Client = CLIENT, *, patience: float = 5.0, **more: str) -> Daemon:
    environment = {"PATH": str(fakes.programs), "HOME": str(fakes.record), **more}
    return ask_daemon(client, environment, patience)


@pytest.mark.parametrize("status, containerd", [(CONTAINERD, True), (CLASSIC, False), (None, False), ([], False)])
def test_which_store_holds_the_images(status: object, containerd: bool, daemon: _Daemon, fakes: Fakes) -> None:
    daemon.info = {"ServerVersion": "28.5.2", "DriverStatus": status}
    found = _ask(fakes, DOCKER_HOST=daemon.address)
    assert (found.version, found.containerd, found.context) == ("28.5.2", containerd, "default")
    assert fakes.calls() == []


@pytest.mark.parametrize(
    "ping, buildkit", [({"Builder-Version": "2"}, True), ({"builder-version": "1"}, False), ({}, False)]
)
def test_which_builder_the_daemon_names(ping: dict[str, str], buildkit: bool, daemon: _Daemon, fakes: Fakes) -> None:
    daemon.ping = ping
    assert _ask(fakes, DOCKER_HOST=daemon.address).buildkit is buildkit


def test_it_is_asked_at_every_run(daemon: _Daemon, fakes: Fakes) -> None:
    assert _ask(fakes, DOCKER_HOST=daemon.address).containerd
    daemon.info = {"ServerVersion": "20.10.24", "DriverStatus": CLASSIC}
    found = _ask(fakes, DOCKER_HOST=daemon.address)
    assert (found.version, found.containerd) == ("20.10.24", False)


def test_an_older_daemon_than_the_client_is_asked_in_its_own_version(daemon: _Daemon, fakes: Fakes) -> None:
    daemon.newest = "1.41"
    assert _ask(fakes, DOCKER_HOST=daemon.address).version == "28.5.2"
    assert daemon.asked == ["HEAD /_ping", "GET /v1.51/info", "GET /info"]


@pytest.mark.parametrize(
    "status, info",
    [
        (400, {"message": "client version 1.41 is too old. Minimum supported API version is 1.44"}),
        (500, {"message": "broken"}),
        (200, "no JSON"),
        (200, []),
        (200, {}),
        (200, {"ServerVersion": ""}),
    ],
)
def test_what_the_socket_does_not_tell_docker_is_asked_for(
    status: int, info: object, daemon: _Daemon, fakes: Fakes
) -> None:
    daemon.status, daemon.info = status, info
    assert _ask(fakes, DOCKER_HOST=daemon.address) == Daemon("27.0.1", False, True, "far")
    assert fakes.calls() == [["docker", "info", "-f", "{{json .}}"]]


def test_a_socket_that_is_no_daemons_leaves_it_to_docker(fakes: Fakes, daemon: _Daemon) -> None:
    daemon.ping = {"X": "y"}
    daemon._answer = lambda method, target: b"SSH-2.0-OpenSSH\r\n"  # type: ignore[method-assign]
    assert _ask(fakes, DOCKER_HOST=daemon.address).version == "27.0.1"


def test_a_daemon_that_hangs_is_given_up_in_time(daemon: _Daemon, fakes: Fakes) -> None:
    daemon.silent = True
    began = time.monotonic()
    with pytest.raises(NoEngine, match="docker does not answer") as caught:
        _ask(fakes, patience=0.3, DOCKER_HOST=daemon.address)
    assert time.monotonic() - began < 2
    assert daemon.address in (caught.value.reason or "")
    assert "0.3 seconds" in (caught.value.reason or "")
    assert fakes.calls() == []


@pytest.mark.parametrize(
    "host", ["tcp://127.0.0.1:2375", "ssh://user@host", "unix:///nonexistent/d.sock", "npipe:////./pipe"]
)
def test_any_other_address_is_dockers_business(host: str, fakes: Fakes) -> None:
    assert _ask(fakes, DOCKER_HOST=host).version == "27.0.1"


def test_a_context_is_dockers_business(fakes: Fakes, daemon: _Daemon) -> None:
    assert _ask(fakes, DOCKER_CONTEXT="far").context == "far"
    (fakes.record / ".docker").mkdir()
    (fakes.record / ".docker" / "config.json").write_text('{"currentContext":"far"}')
    assert _ask(fakes).context == "far"
    assert len(fakes.calls()) == 2
    # DOCKER_HOST outranks both, and then the context is the default one.
    assert _ask(fakes, DOCKER_CONTEXT="far", DOCKER_HOST=daemon.address).context == "default"
    assert len(fakes.calls()) == 2


@pytest.mark.parametrize(
    "version, buildkit", [("20.10.24", False), ("22.06", False), ("23.0.0", True), ("library-import", True)]
)
def test_docker_does_not_name_the_builder_so_the_version_tells(version: str, buildkit: bool, fakes: Fakes) -> None:
    fakes.add("docker", f"echo '{_BY_DOCKER.replace('27.0.1', version)}'")
    assert _ask(fakes, DOCKER_HOST="tcp://h:1").buildkit is buildkit
