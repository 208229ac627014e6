"""What follows from what a trial saw."""

from __future__ import annotations

import pytest

from wasmimg.trial.envoy import Envoy
from wasmimg.trial.messages import BodyReader, Pairs, Received, Request, Response
from wasmimg.trial.report import ANSWERED, HUNG, LOADED, TRAPPED, Afterwards, Exchange, Start, Trial

_PLAIN: Pairs = (("content-type", "text/plain"), ("server", "envoy"))


def _response(headers: Pairs, data: bytes = b"hello") -> Response:
    body = BodyReader()
    body.take(data)
    return Response(200, headers, body.body())


def _exchange(response: Response | None, received: Pairs = (("x", "y"),)) -> Exchange:
    body = BodyReader().body()
    got = Received(received, body)
    return Exchange(Request("GET", "/"), ANSWERED, response, _response(_PLAIN), got, Received((), body), ())


@pytest.mark.parametrize(
    ("headers", "body", "broken"),
    [
        ((*_PLAIN, ("x-a", "on")), b"hello", ""),
        ((*_PLAIN, ("x-a", "o\rn")), b"hello", "x-a"),
        ((("x-a", "o\nn"), *_PLAIN), b"hello", "x-a"),
        # x-a: on\r\n, and then the end of the line; server: envoy became the beginning of the body.
        ((_PLAIN[0], ("x-a", "on")), b"Server: envoy\r\n\r\nhello", "x-a"),
        ((_PLAIN[0], ("x-a", "on")), b"hello", ""),
        (_PLAIN, b"server: envoy", ""),
    ],
)
def test_a_line_end_in_a_response(headers: Pairs, body: bytes, broken: str) -> None:
    assert _exchange(_response(headers, body)).broken == broken


def test_a_line_end_in_a_request() -> None:
    assert _exchange(_response(_PLAIN), (("x-b", "a\r"),)).broken == "x-b"
    assert _exchange(None, (("x-b", "a\r"),)).broken == ""


def _trial(start: str = LOADED, afterwards: str = "") -> Trial:
    later = Afterwards(afterwards, ()) if afterwards else None
    begun = Start(start, 0.1, None, ())
    return Trial(Envoy("/envoy", "1.40.0"), begun, (_exchange(_response(_PLAIN)),), None, later)


def test_what_fails_before_or_after_the_requests_decides() -> None:
    outcomes = [_trial(), _trial(afterwards=ANSWERED), _trial(afterwards=HUNG), _trial(start=TRAPPED)]
    assert [(one.outcome, one.exit_code) for one in outcomes] == [
        (ANSWERED, 0),
        (ANSWERED, 0),
        (HUNG, 3),
        (TRAPPED, 3),
    ]
