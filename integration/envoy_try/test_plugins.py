"""What plugins do, seen in a real Envoy: to requests, to responses, and in its log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from integration.envoy_try.conftest import Try


def _json(said: Any) -> Any:
    assert said.code == 0, said
    return json.loads(said.out)


def _changes(side: Any) -> set[tuple[str, str, str]]:
    return {(one["kind"], one["name"], "|".join(one["after"] or one["before"])) for one in side["changes"]}


def test_what_it_does_to_a_request_and_its_response(try_: Try, tmp_path: Path) -> None:
    requests = tmp_path / "requests.http"
    requests.write_text("### secret\nPOST /here\nX-Secret: 1\nX-Kept: 2\n\nbody\n###\nGET /here\n")
    found = _json(try_("changing", "--request", requests, "--json"))
    assert (found["outcome"], found["envoy"]["version"][:2]) == ("answered", "1.")
    assert 0 < found["start"]["seconds"] < 30
    assert 20e6 < found["memory"] < 1e9
    first, second = found["requests"]
    assert (first["name"], first["method"], first["line"], first["status"]) == ("secret", "POST", 2, 200)
    on_its_way = {("added", "x-a", "on"), ("changed", ":path", "/elsewhere")}
    assert _changes(first["request"]) == on_its_way | {("removed", "x-secret", "1")}
    assert _changes(first["response"]) == {("changed", "content-type", "text/html")}
    assert first["request"]["body"] == first["request"]["body_without"]
    assert first["request"]["body"]["excerpt"] == "body"
    assert _changes(second["request"]) == on_its_way


def test_a_plugin_that_does_nothing_changes_nothing(try_: Try) -> None:
    found = _json(try_("talking", "--json"))
    (request,) = found["requests"]
    assert (request["request"]["changes"], request["response"]["changes"]) == ([], [])
    assert request["response"]["body"] == request["response"]["body_without"]


def test_a_plugin_that_answers_itself(try_: Try) -> None:
    (request,) = _json(try_("refusing", "--json"))["requests"]
    assert (request["status"], request["status_without"], request["reached_upstream"]) == (403, 200, False)
    assert request["response"]["body"]["excerpt"] == "not today"


def test_a_plugin_that_writes_another_body(try_: Try) -> None:
    said = try_("rewriting")
    assert (said.code, said.err) == (0, "")
    assert "removed   content-length: 24" in said.out
    assert "body      'new" in said.out


@pytest.mark.parametrize("text", ["on", '{\n  "a": 1\n}\n'])
def test_its_configuration_is_exactly_what_was_given(text: str, try_: Try, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(text.replace("\n", ""))
    (request,) = _json(try_("configurable", "--plugin-config-file", file, "--json"))["requests"]
    assert _changes(request["response"]) == {("added", "x-a", text.replace("\n", ""))}
    assert try_("configurable", "--plugin-config", file.read_text(), "--json").code == 0


@pytest.mark.parametrize(
    ("config", "after", "body"),
    [(b"a\rb", "a\rb", "hello from the upstream\n"), (b"a\r\n", "a", "server: envoy\r\n\r\nhello f")],
)
def test_a_line_end_in_a_header_is_told(config: bytes, after: str, body: str, try_: Try, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_bytes(config)
    (request,) = _json(try_("configurable", "--plugin-config-file", file, "--json"))["requests"]
    assert ("added", "x-a", after) in _changes(request["response"])
    assert ("removed", "server", "envoy") not in _changes(request["response"]) or after == "a"
    assert request["response"]["body"]["excerpt"] == body
    assert request["meaning"].startswith("the value of x-a holds a line end")
    assert "does the plugin's configuration end with one?" in try_("configurable", "--plugin-config-file", file).out


def test_an_answer_before_the_end_of_a_large_body(try_: Try, tmp_path: Path) -> None:
    file = tmp_path / "large.http"
    file.write_bytes(b"POST /\n\n" + b"x" * 20_000_000)
    (request,) = _json(try_("waiting-for-the-body", "--request", file, "--json"))["requests"]
    assert (request["status"], request["status_without"], request["reached_upstream"]) == (413, 200, False)
    assert request["response"]["body"]["excerpt"] == "Payload Too Large"


def test_a_plugin_does_not_steer_the_terminal(try_: Try) -> None:
    said = try_("ringing", "-v")
    assert said.code == 0
    assert r"added     x-a: \x1b[2J\x07\x00!" in said.out
    assert r"log       info      \x1b[2J\x07\x00!" in said.out
    assert said.out.replace("\n", "").isprintable()
    assert said.err.replace("\n", "").replace("\t", "").isprintable()
    (request,) = _json(try_("ringing", "--json"))["requests"]
    assert request["log"] == [{"level": "info", "text": "\x1b[2J\x07\x00!"}]


def test_what_it_logs_in_ticks_comes_after_the_requests(try_: Try) -> None:
    found = _json(try_("talking-in-a-tick", "--json"))
    assert (found["outcome"], found["afterwards"]["outcome"]) == ("answered", "answered")
    assert {"level": "info", "text": "tick"} in found["afterwards"]["log"]
    assert "\nafter the requests\n  log       info      tick" in try_("talking-in-a-tick").out
    assert _json(try_("talking", "--json"))["afterwards"] is None


def test_what_it_logs_once_each_with_its_level(try_: Try) -> None:
    found = _json(try_("talking", "--json"))
    assert found["start"]["log"] == [{"level": "info", "text": "configured"}]
    (request,) = found["requests"]
    assert request["log"] == [
        {"level": "debug", "text": "a request\n  of two lines"},
        {"level": "warning", "text": "done"},
    ]
    (request,) = _json(try_("talking", "--json", "--log-level", "warning"))["requests"]
    assert [one["text"] for one in request["log"]] == ["done"]


def test_all_that_envoy_says(try_: Try) -> None:
    said = try_("talking", "-v", "--log-level", "trace")
    assert said.code == 0
    assert "| [trace][wasm] [host->vm] proxy_on_request_headers" in said.err
    assert "host->vm" not in said.out


def test_only_loaded(try_: Try) -> None:
    found = _json(try_("talking", "--validate", "--json"))
    assert (found["outcome"], found["requests"]) == ("loaded", [])
    assert found["start"]["log"] == [{"level": "info", "text": "configured"}]


def test_what_loading_does_not_show_is_told_by_check(try_: Try) -> None:
    said = try_("without-memory", "--validate")
    assert said.code == 0
    assert "check finds WI122" in said.out
