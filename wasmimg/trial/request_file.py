"""Reading ``--request FILE``: requests as text, as HTTP/1.1 writes them.

A request line, header lines, an empty line, and the body. A line that begins with ``###`` ends a
request; what follows on it is the name of the next. Lines before the request line that are empty
or begin with ``#`` or ``//`` are passed over. The line ends at the end of a body are not part of it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from wasmimg.errors import UsageError
from wasmimg.trial.messages import Request

__all__ = ["read_requests"]

_LARGEST = 64 * 1024 * 1024  # bytes of the file
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_ADDRESS = re.compile(r"https?://([^/?#\s]+)(.*)", re.IGNORECASE)
_SEPARATOR = b"###"


class _Line(NamedTuple):
    number: int
    data: bytes

    @property
    def bare(self) -> bytes:
        return self.data.rstrip(b"\r\n")


def read_requests(path: Path) -> tuple[Request, ...]:
    """The requests in the file at ``path``; raises UsageError with the line that is wrong."""
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}", hint="--request wants a file of requests") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read", reason=error.strerror) from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} has more than {_LARGEST} bytes")
    found, name, lines = [], "", list[_Line]()
    for number, text in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(keepends=True), 1):
        line = _Line(number, text)
        if line.data.startswith(_SEPARATOR):
            found += _read(path, name, lines)
            name, lines = _text(path, line)[len(_SEPARATOR) :].strip(), []
        else:
            lines.append(line)
    found += _read(path, name, lines)
    if not found:
        raise UsageError(f"{path} holds no request", hint="write one as in: GET /path")
    return tuple(found)


def _read(path: Path, name: str, lines: list[_Line]) -> list[Request]:
    at = 0
    while at < len(lines) and _is_passed_over(lines[at].bare):
        at += 1
    if at == len(lines):
        return []
    method, target, host = _request_line(path, lines[at])
    number = lines[at].number
    headers = list[tuple[str, str]]()
    at += 1
    while at < len(lines) and lines[at].bare:
        headers.append(_header(path, lines[at]))
        at += 1
    body = b"".join(line.data for line in lines[at + 1 :]).rstrip(b"\r\n")
    if host is not None and not any(one.lower() == "host" for one, _ in headers):
        headers.insert(0, ("Host", host))
    _check_length(path, number, headers, body)
    return [Request(method, target, tuple(headers), body, name, number)]


def _is_passed_over(line: bytes) -> bool:
    return not line.strip() or line.startswith((b"#", b"//"))


def _request_line(path: Path, line: _Line) -> tuple[str, str, str | None]:
    """The method, the target, and the host if the target is a whole address."""
    hint = "write it as in: GET /path HTTP/1.1"
    words = _text(path, line).split()
    if len(words) not in (2, 3) or not _TOKEN.fullmatch(words[0]):
        raise _wrong(path, line.number, "this is no request line", hint)
    method, target = words[:2]
    if len(words) == 3 and words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise _wrong(path, line.number, f"{words[2]} is not HTTP/1.1, by which requests are sent", hint)
    if method.upper() == "CONNECT":
        raise _wrong(path, line.number, "CONNECT asks for a tunnel, and no plugin sees into one", None)
    address = _ADDRESS.fullmatch(target)
    host = None
    if address is not None:
        host, target = address[1], address[2]
        target = target if target.startswith("/") else f"/{target}"
    if not (target.startswith("/") or target == "*") or not target.isascii():
        raise _wrong(path, line.number, f"the path {target!r} does not begin with / or is not ASCII", hint)
    return method, target.partition("#")[0], host


def _header(path: Path, line: _Line) -> tuple[str, str]:
    text = _text(path, line)
    name, colon, value = text.partition(":")
    if text.startswith(":"):
        hint = "the request line holds the method and the path, and Host: is the authority"
        raise _wrong(path, line.number, "a header's name cannot begin with a colon here", hint)
    if not colon or not _TOKEN.fullmatch(name):
        hint = "write it as in: Name: value; an empty line stands before the body"
        raise _wrong(path, line.number, "this is no header", hint)
    value = value.strip(" \t")
    if any(ord(letter) < 32 and letter != "\t" for letter in value):
        raise _wrong(path, line.number, f"the value of {name} holds a control character", None)
    return name, value


def _check_length(path: Path, number: int, headers: list[tuple[str, str]], body: bytes) -> None:
    for name, value in headers:
        if name.lower() == "content-length" and value != str(len(body)):
            raise _wrong(
                path, number, f"Content-Length is {value} and the body has {len(body)} bytes", "leave that header out"
            )


def _text(path: Path, line: _Line) -> str:
    try:
        return line.bare.decode()
    except UnicodeDecodeError:
        raise _wrong(path, line.number, "this line is not UTF-8", None) from None


def _wrong(path: Path, number: int, message: str, hint: str | None) -> UsageError:
    return UsageError(f"{path}, line {number}: {message}", hint=hint)
