"""What the docker daemon is: its version, its image store, its builder. Asked at every run.

It changes under a client that stays the same. Over a Unix socket it is asked here, which takes
milliseconds; any other address, and what goes wrong, is left to ``docker info``, which also has
the words for it. API: docs.docker.com/reference/api/engine, "Ping" and "Get system information".
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from wasmimg.engines.asking import ask, does_not_answer
from wasmimg.engines.base import Step
from wasmimg.engines.clients import Client, docker_settings
from wasmimg.retry import classify_text

__all__ = ["Daemon", "ask_daemon"]

_USUAL = "/var/run/docker.sock"
_MOST = 16 << 20  # bytes of an answer


class Daemon(NamedTuple):
    """``containerd`` or the classic image store; ``buildkit`` is whether it asks clients before 23 to use that."""

    version: str
    containerd: bool = False
    buildkit: bool = True
    context: str = "default"


def ask_daemon(client: Client, environment: Mapping[str, str], patience: float) -> Daemon:
    """The daemon that ``client`` would talk to; raises NoEngine when it does not answer in ``patience`` seconds."""
    path, context = _socket_of(environment)
    if path is not None:
        found = _over_socket(path, client.api, patience)
        if found is not None:
            return found._replace(context=context)
    return _over_client(environment, patience)


def _socket_of(environment: Mapping[str, str]) -> tuple[str | None, str]:
    """The daemon's Unix socket, if it has one, and the name of docker's context (docker/cli, cli/command/cli.go)."""
    host = environment.get("DOCKER_HOST")
    if host:
        return (host.removeprefix("unix://") if host.startswith("unix:///") else None), "default"
    context = environment.get("DOCKER_CONTEXT") or docker_settings(environment).get("currentContext") or "default"
    return (_USUAL if context == "default" else None), str(context)


def _over_socket(path: str, api: str, patience: float) -> Daemon | None:
    """None when docker itself should be asked."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    end = time.monotonic() + patience
    try:
        _, headers, _ = _request(path, "HEAD", "/_ping", end)
        status, _, body = _request(path, "GET", f"/v{api}/info" if api else "/info", end)
        if status == 400 and b"too new" in body:  # docker then speaks the daemon's own version
            status, _, body = _request(path, "GET", "/info", end)
    except TimeoutError:
        reason = f"unix://{path} takes connections, and said nothing for {patience:g} seconds"
        raise does_not_answer("docker", reason, "restart the docker daemon, or use --engine embedded") from None
    except (OSError, ValueError):
        return None
    if status != 200:
        return None
    try:
        info = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(info, dict) or not info.get("ServerVersion"):
        return None
    return _daemon(info)._replace(buildkit=headers.get("builder-version") == "2")


def _request(path: str, method: str, target: str, end: float) -> tuple[int, dict[str, str], bytes]:
    """An HTTP/1.0 request: the answer ends with the connection, and is not chunked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(max(end - time.monotonic(), 0.001))
        connection.connect(path)
        connection.sendall(f"{method} {target} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        answer = bytearray()
        while len(answer) < _MOST:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            data = connection.recv(1 << 16)
            if not data:
                break
            answer += data
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(first.split(" ")[1] if first.startswith("HTTP/") else "-"), headers, body


def _over_client(environment: Mapping[str, str], patience: float) -> Daemon:
    said = ask(Step("ask the docker daemon", ("docker", "info", "-f", "{{json .}}")), environment, patience)
    try:
        info = json.loads(said.stdout)
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise does_not_answer("docker", said.stdout[:200] or said.stderr[:200] or None)
    errors = info.get("ServerErrors")
    if errors or not info.get("ServerVersion"):  # docker before 27 ends well all the same
        words = "\n".join(map(str, errors)) if isinstance(errors, list) else said.stderr
        raise does_not_answer("docker", words or None, classify_text(words).hint)
    daemon = _daemon(info)
    major = daemon.version.partition(".")[0]
    own = info.get("ClientInfo")
    context = own.get("Context") if isinstance(own, dict) else None
    # Daemons name BuildKit as their builder from 23 on; one that was built by hand has no number.
    return daemon._replace(
        buildkit=not major.isdigit() or int(major) >= 23, context=str(context) if context else "default"
    )


def _daemon(info: dict[str, Any]) -> Daemon:
    return Daemon(str(info["ServerVersion"]), "io.containerd.snapshotter" in json.dumps(info.get("DriverStatus")))
