"""The file of ``--request``: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmimg.errors import UsageError
from wasmimg.trial.messages import Request
from wasmimg.trial.request_file import read_requests


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "requests.http"


def test_several_requests_with_names_comments_and_bodies(file: Path) -> None:
    file.write_bytes(
        b"# for the login\n"
        b"\n"
        b"GET /headers?x=1 HTTP/1.1\n"
        b"Host: example.com\n"
        b"X-Twice: 1\n"
        b"X-Twice:2 \n"
        b"\n"
        b"### log in\n"
        b"// with a body\n"
        b"POST /login\r\n"
        b"Content-Type: application/json\r\n"
        b"\r\n"
        b'{"user":\r\n'
        b"\r\n"
        b'"anna"}\n'
        b"\n"
        b"###\n"
        b"DELETE http://other.example/thing#part\n"
    )
    assert read_requests(file) == (
        Request("GET", "/headers?x=1", (("Host", "example.com"), ("X-Twice", "1"), ("X-Twice", "2")), line=3),
        Request(
            "POST",
            "/login",
            (("Content-Type", "application/json"),),
            b'{"user":\r\n\r\n"anna"}',
            "log in",
            10,
        ),
        Request("DELETE", "/thing", (("Host", "other.example"),), line=18),
    )


def test_an_address_without_a_path_and_a_host_of_its_own(file: Path) -> None:
    file.write_text("GET https://a.example?x HTTP/1.0\nHost: b.example\n")
    assert read_requests(file) == (Request("GET", "/?x", (("Host", "b.example"),), line=1),)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("GET\n", 1, "no request line"),
        ("\n# one\nG(T /\n", 3, "no request line"),
        ("GET /a b HTTP/1.1\n", 1, "no request line"),
        ("GET / HTTP/2\n", 1, "HTTP/2 is not HTTP/1.1"),
        ("GET path\n", 1, "does not begin with /"),
        ("GET /\u00e9\n", 1, "not ASCII"),
        ("CONNECT example.com:443\n", 1, "CONNECT"),
        ("GET /\nHost example.com\n", 2, "no header"),
        ("GET /\nX-A: 1\n  folded\n", 3, "no header"),
        ("GET /\n:authority: a\n", 2, "colon"),
        ("GET /\nX-A: \x01\n", 2, "control character"),
        ("GET /\n###\nPOST /\nContent-Length: 9\n\nbody\n", 3, "Content-Length is 9 and the body has 4 bytes"),
        ("GET /\nX-A: \udcff\n", 2, "not UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str, file: Path) -> None:
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UsageError) as caught:
        read_requests(file)
    assert caught.value.message.startswith(f"{file}, line {line}: ")
    assert words in caught.value.message


def test_a_file_without_a_request_or_none_at_all(file: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_requests(file)
    file.write_text("# nothing\n### here\n\n")
    with pytest.raises(UsageError, match="holds no request"):
        read_requests(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_requests(file.parent)


@given(data=st.binary(max_size=200) | st.text("GET /:#\r\n ahost1.x", max_size=60).map(str.encode))
def test_whatever_it_holds_it_is_read_or_refused(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "any.http"
    file.write_bytes(data)
    try:
        found = read_requests(file)
    except UsageError:
        return
    assert found
    for one in found:
        assert one.target.startswith("/") or one.target == "*"
