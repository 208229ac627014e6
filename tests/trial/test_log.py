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
    entries = pipe.log.take()
    assert len(entries) == 10_001
    assert entries[-1].text == "30000 more lines of the log were left out"
