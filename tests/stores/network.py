"""Names and proxies that lead to servers in this process."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.stores.fake_server import Reply, Seen, Server

_HERE = Path(__file__).parent
# Each with its key, signed by itself, until 2120.
CERTIFICATE = _HERE / "self_signed.pem"  # for registry.test
LOOPBACK = _HERE / "loopback.pem"  # for 127.0.0.1 and localhost
CLIENT = _HERE / "client.pem"  # of one who asks


def server_tls(certificate: Path = CERTIFICATE, *, client: Path | None = None) -> ssl.SSLContext:
    """TLS as registry.test, signed by nobody else; only for who shows the certificate ``client``, if that is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if client is not None:
        context.load_verify_locations(client)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def resolve(monkeypatch: pytest.MonkeyPatch, names: Mapping[tuple[str, int], int], *, failing: int = 0) -> None:
    """Let each (name, port) mean a port of 127.0.0.1; other names do not resolve (``failing`` is the error)."""
    true = socket.getaddrinfo
    code = failing or socket.EAI_NONAME

    def look_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host.startswith("127."):
            return true(host, port, *rest, **more)
        if (host, port) not in names:
            said = "Temporary failure in name resolution" if code == socket.EAI_AGAIN else "Name or service not known"
            raise socket.gaierror(code, said)
        return true("127.0.0.1", names[host, port], *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


class Proxy(Server):
    """A CONNECT proxy: each host:port leads to a port of 127.0.0.1, everything else to a 403."""

    def __init__(self, names: Mapping[str, int] | None = None, *, authorization: str = "") -> None:
        super().__init__()
        self._names = names or {}
        self._authorization = authorization

    def reply(self, seen: Seen) -> Reply:
        if self._authorization and seen.headers.get("proxy-authorization") != self._authorization:
            return Reply(407, (("Proxy-Authenticate", "Basic"),))
        if seen.method == "CONNECT" and seen.path in self._names:
            return Reply(200, tunnel=self._names[seen.path])
        return Reply(403)
