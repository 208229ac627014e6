"""Sending a request to a listener on loopback, just as it is written."""

from __future__ import annotations

import http.client
import time

from wasmimg.trial.messages import BodyReader, Request, Response

__all__ = ["NoAnswer", "TookTooLong", "send"]

# Both the request with the plugin and the one without have this one, so that they are equal.
REQUEST_ID = "5a5a5a5a-0000-4000-8000-000000000001"
_PIECE = 1 << 16  # bytes


class NoAnswer(Exception):
    """The connection ended before there was a whole answer."""


class TookTooLong(Exception):
    """There was no whole answer in time."""


def send(request: Request, port: int, timeout: float) -> Response:
    """Send ``request``; raises NoAnswer, and TookTooLong after ``timeout`` seconds.

    What its author left out and HTTP wants is added: Host, and Content-Length for a body.
    """
    end = time.monotonic() + timeout
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        names = {name.lower() for name, _ in request.headers}
        chunked = "transfer-encoding" in names
        connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in (*_missing(request, names), *request.headers):
            connection.putheader(name, value.encode())
        connection.endheaders(request.body or None, encode_chunked=chunked)
        if chunked and not request.body:
            connection.send(b"0\r\n\r\n")
        answer = connection.getresponse()
        body = BodyReader()
        while data := answer.read1(_PIECE):
            body.take(data)
            if time.monotonic() >= end:
                raise TimeoutError
        if answer.length:
            raise NoAnswer(f"{answer.length} bytes of the body are missing")
        headers = tuple((name.lower(), value) for name, value in answer.getheaders())
        return Response(answer.status, headers, body.body())
    except TimeoutError:
        raise TookTooLong from None
    except (OSError, http.client.HTTPException) as error:
        raise NoAnswer(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def _missing(request: Request, names: set[str]) -> list[tuple[str, str]]:
    found = []
    if "host" not in names:
        found.append(("Host", "localhost"))
    if "x-request-id" not in names:
        found.append(("X-Request-Id", REQUEST_ID))
    if request.body and not names & {"content-length", "transfer-encoding"}:
        found.append(("Content-Length", str(len(request.body))))
    return found
