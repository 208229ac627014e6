"""Envoy's log: what the plugin says in it, and what Envoy says."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from wasmimg.trial.log import Entry, Log, parse_line


def _line(level: str, component: str, message: str, thread: str = "7") -> bytes:
    return "\x1f".join(("", level, component, thread, message)).encode()


@pytest.mark.parametrize(
    ("message", "text", "said"),
    [
        ("wasm log: started", "started", True),
        ("wasm log plugin: a: b", "a: b", True),
        ('wasm log plugin my_root: two\\nlines \\"quoted\\"\\n', 'two\nlines "quoted"', True),
        ("wasm log plugin: \\u0000", "", True),
        ("wasm logging is something else", "wasm logging is something else", False),
        ("Function: proxy_on_log failed: wasm log: no", "Function: proxy_on_log failed: wasm log: no", False),
        ("cut in an escape \\u00", "cut in an escape \\u00", False),
    ],
)
def test_a_message(message: str, text: str, said: bool) -> None:
    assert parse_line(_line("info", "wasm", message)) == Entry("info", "wasm", "7", text, said)


def test_only_the_component_wasm_speaks_for_plugins() -> None:
    assert not parse_line(_line("info", "lua", "wasm log plugin: not me")).said


@pytest.mark.parametrize("line", [b"libc: out of memory", b"\x1finfo\x1fwasm", _line("loud", "wasm", "x"), b"\xff"])
def test_what_is_not_of_the_log_is_kept_as_it_is(line: bytes) -> None:
    assert parse_line(line) == Entry("critical", "", "", line.decode(errors="replace"), False)


def test_levels_have_an_order() -> None:
    entry = parse_line(_line("warning", "wasm", "x"))
    assert [entry.is_at_least(level) for level in ("trace", "warning", "error")] == [True, True, False]


class _Pipe(NamedTuple):
    log: Log
    writing: int


@pytest.fixture
def pipe() -> Iterator[_Pipe]:
    reading, writing = os.pipe()
    log = Log(reading)
    yield _Pipe(log, writing)
    os.close(writing)
    log.close()


def test_all_that_was_written_is_there_at_once(pipe: _Pipe) -> None:
    for number in range(200):
        os.write(pipe.writing, _line("info", "wasm", f"wasm log: {number}") + b"\n")
        assert [entry.text for entry in pipe.log.take()] == [str(number)]


def test_half_a_line_waits_for_the_rest(pipe: _Pipe) -> None:
    line = _line("info", "wasm", "wasm log: whole") + b"\n"
    os.write(pipe.writing, line[:9])
    assert pipe.log.take() == []
    os.write(pipe.writing, line[9:] + b"\n")
    assert [entry.text for entry in pipe.log.take()] == ["whole"]


def test_a_plugin_that_logs_without_end_stops_neither_envoy_nor_us(pipe: _Pipe) -> None:
    line = _line("info", "wasm", "wasm log: again and again") + b"\n"
    written = threading.Event()

    def write() -> None:
        for _ in range(400):  # far more than a pipe holds
            os.write(pipe.writing, line * 100)
        written.set()

    threading.Thread(target=write, daemon=True).start()
    assert written.wait(20)
    texts = [entry.text for entry in pipe.log.take()]
    assert len(texts) == 10_101
    assert texts[10_000] == "29,900 more lines of this level were left out here"


def _write(pipe: _Pipe, *lines: bytes) -> None:
    for line in lines:
        os.write(pipe.writing, line + b"\n")


def test_what_is_said_often_does_not_displace_what_is_grave(pipe: _Pipe) -> None:
    _write(pipe, _line("error", "wasm", "wasm log: early"))
    for number in range(150):
        _write(pipe, b"\n".join(_line("debug", "wasm", f"wasm log: {number}-{one}") for one in range(100)))
    _write(
        pipe,
        _line("error", "wasm", "wasm log: late"),
        _line("error", "wasm", "Function: proxy_on_log failed: Uncaught RuntimeError: unreachable"),
        _line("debug", "wasm", "~Wasm 2 remaining active"),
    )
    entries = pipe.log.take()
    texts = [entry.text for entry in entries]
    assert texts[:3] == ["early", "0-0", "0-1"]
    assert texts[10_001] == "4,900 more lines of this level were left out here"
    assert texts[10_002] == "149-0"
    assert texts[-4:-2] == ["149-99", "late"]
    assert [entry.text for entry in entries if entry.is_trap] == [texts[-2]]
    assert [entry.is_at_least("error") for entry in (entries[10_001], entries[-3])] == [False, True]
    assert pipe.log.take() == []


def test_a_few_long_lines_are_as_much_as_many(pipe: _Pipe) -> None:
    for _ in range(400):
        _write(pipe, _line("info", "wasm", "wasm log: " + "x" * 60_000))
    assert len(pipe.log.take()) == 281 + 100  # 16 MiB, the line that says so, and the last


def test_a_plugin_cannot_say_that_it_failed() -> None:
    trap = "Function: proxy_on_log failed: no"
    assert parse_line(_line("error", "wasm", trap)).is_trap
    assert not parse_line(_line("error", "wasm", f"wasm log plugin: {trap}")).is_trap
