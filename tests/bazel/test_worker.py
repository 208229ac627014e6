"""Bazel's worker protocol, in the bytes of its own messages."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.calling import EXAMPLE, command, environment
from wasmimg.bazel.action import Outcome
from wasmimg.bazel.worker import Request, encode_response, read_requests
from wasmimg.errors import UsageError

# protoc --encode=blaze.worker.WorkRequest: arguments "a" and "--b=ü", one input, request_id 300, verbosity 10
MESSAGE = (
    b"\x0a\x01a" b"\x0a\x06--b=\xc3\xbc" b"\x12\x08\x0a\x01x\x12\x03\x01\x02\x03" b"\x18\xac\x02" b"\x28\x0a"
)  # fmt: skip


def _requests(data: bytes) -> list[Request]:
    return list(read_requests(io.BytesIO(data)))


def _delimited(message: bytes) -> bytes:
    assert len(message) < 128
    return bytes([len(message)]) + message


def test_requests_are_read_one_after_the_other() -> None:
    empty = b"\x00"
    assert _requests(_delimited(MESSAGE) + empty) == [Request(("a", "--b=ü"), 300), Request(())]


def test_fields_that_are_not_known_are_passed_over() -> None:
    # 64 bits, 32 bits and text in fields that no release has yet
    future = b"\x79" + bytes(8) + b"\x7d" + bytes(4) + b"\x82\x01\x02hi"
    assert _requests(_delimited(future + b"\x0a\x01a")) == [Request(("a",))]


def test_a_long_message_is_read_whole() -> None:
    argument = b"x" * 100_000
    message = b"\x0a\xa0\x8d\x06" + argument
    assert _requests(b"\xa4\x8d\x06" + message) == [Request((argument.decode(),))]


@pytest.mark.parametrize(
    "data",
    [
        b"\x05\x0a\x01a",  # shorter than it says
        b"\x80",  # the length is cut off
        b"\xff" * 11,  # a number without an end
        _delimited(b"\x0a\x05a"),  # a text that is longer than the message
        _delimited(b"\x0b"),  # a group, which protobuf 3 has not
        b'{"arguments":[]}',  # the protocol in JSON
    ],
)
def test_what_is_no_request_is_told(data: bytes) -> None:
    with pytest.raises(UsageError, match="no request of Bazel's worker protocol"):
        _requests(data)


def test_a_response_has_what_the_request_asked_for() -> None:
    # protoc --encode=blaze.worker.WorkResponse: exit_code 8, output "no\n", request_id 300
    assert encode_response(Outcome(8, "no\n"), 300) == b"\x0a\x08\x08\x12\x03no\n\x18\xac\x02"


def _work(*requests: bytes) -> tuple[int, bytes, str]:
    done = subprocess.run(
        command("--persistent_worker"),
        input=b"".join(requests),
        env=environment(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def _request(*arguments: str) -> bytes:
    message = b"".join(b"\x0a" + bytes([len(word.encode())]) + word.encode() for word in arguments)
    return (
        bytes([len(message)]) + message
        if len(message) < 128
        else bytes([len(message) & 0x7F | 0x80, len(message) >> 7]) + message
    )


def test_one_process_does_one_after_the_other(tmp_path: Path) -> None:
    def build(name: str) -> bytes:
        return _request("build", "-q", "-e", "embedded", str(EXAMPLE), "-o", f"oci:{tmp_path / name}")

    code, out, err = _work(build("one"), _request("verify", "oci:no-such-folder"), build("two"))
    assert (code, err) == (0, "")
    said = b"error: no such file: no-such-folder\n"
    assert out == b"\x06\x08\x00\x12\x00\x18\x00" + _failed(2, said) + b"\x06\x08\x00\x12\x00\x18\x00"
    indexes = [json.loads((tmp_path / name / "index.json").read_text()) for name in ("one", "two")]
    assert indexes[0] == indexes[1]


def _failed(code: int, output: bytes) -> bytes:
    return encode_response(Outcome(code, output.decode()), 0)


def test_the_end_of_the_input_is_the_end(tmp_path: Path) -> None:
    assert _work() == (0, b"", "")


def test_what_is_no_request_ends_it_in_a_sentence() -> None:
    code, out, err = _work(b'{"arguments":["build"]}')
    assert (code, out) == (2, b"")
    assert err.startswith("error: what came on standard input is no request of Bazel's worker protocol\n")


def test_what_is_printed_on_the_way_is_no_part_of_the_protocol() -> None:
    noisy = """
import os
from wasmimg.bazel import worker

def run(_, arguments):
    os.write(1, b"noise, ")
    print("and more of it")
    return worker.Outcome(0, "")

worker.run_captured = run
raise SystemExit(worker.serve(lambda _: 0))
"""
    done = subprocess.run(
        [sys.executable, "-c", noisy], input=_request("build"), env=environment(), capture_output=True, check=False
    )
    assert done.stdout == encode_response(Outcome(0, ""), 0)
    assert done.stderr == b"noise, and more of it\n"
