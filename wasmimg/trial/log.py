"""Envoy's log: one entry a line, told apart by their mark."""

from __future__ import annotations

import json
import os
import re
import selectors
import threading
from collections import defaultdict, deque
from operator import itemgetter
from typing import NamedTuple

__all__ = ["FORMAT", "LEVELS", "Entry", "Log", "parse_line"]

# For --log-format (envoyproxy/envoy source/common/common/logger.cc): level, component, thread, and
# the message as a JSON string. The separator is in no name, and JSON escapes it.
_MARK = "\x1f"
FORMAT = f"{_MARK}%l{_MARK}%n{_MARK}%t{_MARK}%j"
LEVELS = ("trace", "debug", "info", "warning", "error", "critical")

_CHUNK = 1 << 16  # bytes
_CHUNKS = 32  # more than a pipe holds, and not as many as a plugin could write that logs without end
_LINE = 1 << 16  # bytes kept of a line
# A plugin may log without end. Kept until they are taken are the first and the last entries of each
# level, of the plugin's and of Envoy's: what is said often may not displace what is grave.
_FIRST = 10_000
_FIRST_SIZE = 1 << 24  # characters of them
_LAST = 100
# What a plugin says, with its name or root id between: source/extensions/common/wasm/context.cc.
_SAID = re.compile(r"wasm log(?: [^:\n]*)?: ", re.DOTALL)
_CREATED = "Thread-Local Wasm created"  # source/extensions/common/wasm/wasm.cc
# Of a function of the plugin: proxy-wasm/proxy-wasm-cpp-host src/v8/v8.cc.
_TRAP = re.compile(r"Function: \S+ failed: ")


class Entry(NamedTuple):
    """``said`` is True for what the plugin logs, and False for what Envoy says itself.

    What comes from neither, as the last words of a dying process, has no component.
    """

    level: str
    component: str
    thread: str
    text: str
    said: bool

    @property
    def is_creation(self) -> bool:
        """Whether another instance of the plugin begins here."""
        return not self.said and self.text.startswith(_CREATED)

    @property
    def is_trap(self) -> bool:
        """Whether a function of the plugin failed here, and with it the plugin."""
        return not self.said and _TRAP.match(self.text) is not None

    @property
    def is_grave(self) -> bool:
        """Whether Envoy says here what is wrong."""
        return not self.said and self.is_at_least("error")

    def is_at_least(self, level: str) -> bool:
        """Whether its level is ``level`` or a graver one."""
        return LEVELS.index(self.level) >= LEVELS.index(level)


def parse_line(line: bytes) -> Entry:
    """Read a line of the log."""
    text = line.decode("utf-8", "replace")
    parts = text.split(_MARK, 4)
    if len(parts) != 5 or parts[0] or parts[1] not in LEVELS:
        return Entry("critical", "", "", text, False)
    _, level, component, thread, message = parts
    try:
        words = str(json.loads(f'"{message}"', strict=False))
    except ValueError:  # it was cut
        words = message
    said = _SAID.match(words) if component == "wasm" else None
    words = words[said.end() :] if said else words
    return Entry(level, component, thread, words.rstrip("\n\0"), said is not None)


class _Kept:
    """Entries of one level and one speaker, each with its number in the log."""

    def __init__(self) -> None:
        self._first: list[tuple[int, Entry]] = []
        self._room = _FIRST_SIZE
        self._last: deque[tuple[int, Entry]] = deque(maxlen=_LAST)
        self._more = 0

    def add(self, number: int, entry: Entry) -> None:
        if not self._more and len(self._first) < _FIRST and self._room > 0:
            self._first.append((number, entry))
            self._room -= len(entry.text)
        else:
            self._more += 1
            self._last.append((number, entry))

    def entries(self) -> list[tuple[int, Entry]]:
        """All of them, and between the first and the last how many were left out."""
        left_out = self._more - len(self._last)
        if not left_out:
            return [*self._first, *self._last]
        number, entry = self._last[0]
        text = f"{left_out:,} more lines of this level were left out here"
        return [*self._first, (number - 1, Entry(entry.level, "", "", text, entry.said)), *self._last]


class Log:
    """Reads the log from a pipe, at all times: Envoy would wait when it is full."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._kept: defaultdict[tuple[str, bool], _Kept] = defaultdict(_Kept)
        self._count = 0
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name="envoy-log", daemon=True)
        self._thread.start()

    def take(self) -> list[Entry]:
        """The entries since the last call: all that Envoy wrote before this one."""
        self._drain()
        with self._lock:
            taken, self._kept = self._kept, defaultdict(_Kept)
        numbered = [one for kept in taken.values() for one in kept.entries()]
        return [entry for _, entry in sorted(numbered, key=itemgetter(0))]

    def close(self) -> None:
        """Wait for the end of the log, which is that of Envoy and all its children."""
        self._thread.join(1.0)
        with self._lock:
            self._ended = True
            os.close(self._descriptor)

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._descriptor, selectors.EVENT_READ)
            while not self._ended:  # of which close() tells, if a child holds the pipe
                selector.select(0.2)
                self._drain()

    def _drain(self) -> None:
        with self._lock:
            for _ in range(_CHUNKS):
                if self._ended:
                    return
                try:
                    data = os.read(self._descriptor, _CHUNK)
                except BlockingIOError:
                    return
                if not data:
                    self._ended = True
                *lines, rest = data.split(b"\n")
                for line in lines:
                    self._pending += line
                    self._keep()
                if len(self._pending) < _LINE:
                    self._pending += rest
                if self._ended and self._pending:
                    self._keep()

    def _keep(self) -> None:
        line = bytes(self._pending[:_LINE])
        self._pending.clear()
        if not line.strip():
            return
        entry = parse_line(line)
        self._count += 1
        self._kept[entry.level, entry.said].add(self._count, entry)
