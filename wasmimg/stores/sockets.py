"""Connections that are given up only when nothing moves, and that see whom they give a secret to.

Imported where a connection is made: it takes urllib3.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse
from urllib3.util.wait import wait_for_read

from wasmimg.errors import NotAllowed
from wasmimg.stores.addresses import keeps_secrets

__all__ = ["POOLS"]

_FORM = "application/x-www-form-urlencoded"


class _Connection(HTTPConnection):
    """What differs from urllib3: how long sending may take, and where secrets may go.

    A socket's time-out holds for a whole ``sendall``, and an answer's begins when the last byte
    went to the kernel, which may have megabytes left to send. Both would cut off a slow line.
    """

    def request(  # type: ignore[override]
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **rest: Any
    ) -> None:
        """Send the request; raises NotAllowed where the name of a host leads to a forbidden address."""
        given = headers or {}
        # A form is posted for one purpose: an identity token goes in for another.
        if self.proxy is None and ("Authorization" in given or given.get("Content-Type") == _FORM):
            if self.sock is None:
                self.connect()
            address = peer(self.sock)
            if keeps_secrets(address):
                raise NotAllowed(
                    f"{self.host} wants credentials sent to {address}",
                    reason="they are not sent to link-local addresses, where clouds keep the secrets of their machines",
                )
        super().request(method, url, body, headers, **rest)

    def send(self, data: Any) -> None:
        """Send ``data``, however slowly; raises TimeoutError when no byte moved for the idle time-out."""
        if not isinstance(data, bytes) or self.sock is None:
            super().send(data)
            return
        rest = memoryview(data)
        waiting = unsent(self.sock)
        while rest:
            try:
                rest = rest[self.sock.send(rest) :]
            except TimeoutError:
                if wait_for_read(self.sock, 0):  # the answer is there already: a refusal, mostly
                    raise BrokenPipeError("answered before the end") from None
                before, waiting = waiting, unsent(self.sock)
                if waiting is None or waiting == before:
                    raise
            else:
                waiting = unsent(self.sock)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """The answer, for which the wait begins when all that was sent has arrived."""
        waiting = unsent(self.sock)
        while waiting and not wait_for_read(self.sock, self.timeout):
            before, waiting = waiting, unsent(self.sock)
            if waiting == before:
                raise TimeoutError("timed out")
        return super().getresponse()


class _TlsConnection(_Connection, HTTPSConnection):
    """The same behind TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS: dict[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TlsPool}


def peer(connection: socket.socket | ssl.SSLSocket) -> str:
    """The address that ``connection`` leads to."""
    return str(connection.getpeername()[0])


def unsent(connection: socket.socket | ssl.SSLSocket) -> int | None:
    """The bytes that the kernel has still to bring to the other side; None where it does not say."""
    try:
        import fcntl
        import termios

        count = bytearray(4)
        fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, count)  # tcp(7): SIOCOUTQ, the same number
    except (ImportError, AttributeError, OSError):
        return None
    import sys

    return int.from_bytes(count, sys.byteorder)
