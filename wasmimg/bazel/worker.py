"""Bazel's persistent worker: one process that runs the command line for many actions.

The protocol is bazel's src/main/protobuf/worker_protocol.proto: each message has its length before
it. The few fields that matter here are decoded by hand; JSON would need a flag before Bazel 5.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from wasmimg.bazel.action import Outcome, run_captured
from wasmimg.errors import Interrupted, UsageError

__all__ = ["Request", "encode_response", "read_requests", "serve"]

_ARGUMENTS, _REQUEST_ID = 1, 3  # of a WorkRequest
_EXIT_CODE, _OUTPUT, _RESPONSE_ID = 1, 2, 3  # of a WorkResponse
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf.dev/programming-guides/encoding


class Request(NamedTuple):
    """One action: the arguments of a command line."""

    arguments: tuple[str, ...]
    request_id: int = 0


def serve(run: Callable[[list[str]], int]) -> int:
    """Answer requests on standard input with ``run`` until it ends, or until an interrupt; returns the exit code."""
    requests = os.fdopen(os.dup(0), "rb")
    responses = os.fdopen(os.dup(1), "wb")
    # Whatever else is printed would break the protocol: it goes where Bazel keeps a worker's log.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    with requests, responses:
        for request in read_requests(requests):
            outcome = run_captured(run, list(request.arguments))
            responses.write(encode_response(outcome, request.request_id))
            responses.flush()
            if outcome.code == Interrupted.exit_code:
                return outcome.code
    return 0


def read_requests(stream: BinaryIO) -> Iterator[Request]:
    """Every request in ``stream``; raises UsageError for one that is cut off or no message."""
    while True:
        length = _read_length(stream)
        if length is None:
            return
        message = stream.read(length)
        if len(message) != length:
            raise _broken()
        yield _request(message)


def encode_response(outcome: Outcome, request_id: int) -> bytes:
    """A WorkResponse with its length before it."""
    output = outcome.output.encode("utf-8", "backslashreplace")
    message = b"".join(
        (
            _key(_EXIT_CODE, _VARINT) + _varint(outcome.code),
            _key(_OUTPUT, _BYTES) + _varint(len(output)) + output,
            _key(_RESPONSE_ID, _VARINT) + _varint(request_id),
        )
    )
    return _varint(len(message)) + message


def _request(message: bytes) -> Request:
    arguments: list[str] = []
    request_id = 0
    for field, value in _fields(message):
        if field == _ARGUMENTS and isinstance(value, bytes):
            arguments.append(value.decode("utf-8", "surrogateescape"))
        elif field == _REQUEST_ID and isinstance(value, int):
            request_id = value
    return Request(tuple(arguments), request_id)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field, those of a fixed size left out: none of them is of use here."""
    at = 0
    while at < len(message):
        key, at = _decode_varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _decode_varint(message, at)
            yield field, value
        elif kind == _BYTES:
            length, at = _decode_varint(message, at)
            if at + length > len(message):
                raise _broken()
            yield field, message[at : at + length]
            at += length
        elif kind in (_FIXED64, _FIXED32):
            at += 8 if kind == _FIXED64 else 4
        else:
            raise _broken()


def _decode_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise _broken()


def _read_length(stream: BinaryIO) -> int | None:
    """The length before a message; None at the end of ``stream``."""
    data = stream.read(1)
    if not data:
        return None
    while data[-1] >= 0x80 and len(data) < 10:
        more = stream.read(1)
        if not more:
            raise _broken()
        data += more
    return _decode_varint(data, 0)[0]


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def _broken() -> UsageError:
    return UsageError(
        "what came on standard input is no request of Bazel's worker protocol",
        hint="leave --persistent_worker to Bazel: worker = True on wasmimg_toolchain",
    )
