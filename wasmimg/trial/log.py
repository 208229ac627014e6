"""Envoy's log: one entry a line, told apart by their mark."""

from __future__ import annotations

import json
import os
import re
import selectors
import threading
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
_KEPT = 10_000  # entries kept until they are taken: a plugin may log without end
# What a plugin says, with its name or root id between: source/extensions/common/wasm/context.cc.
_SAID = re.compile(r"wasm log(?: [^:\n]*)?: ", re.DOTALL)
_CREATED = "Thread-Local Wasm created"  # source/extensions/common/wasm/wasm.cc


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


class Log:
    """Reads the log from a pipe, at all times: Envoy would wait when it is full."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._pending = bytearray()
        self._entries: list[Entry] = []
        self._dropped = 0
        self._ended = False
        self._thread = threading.Thread(target=self._listen, name="envoy-log", daemon=True)
        self._thread.start()

    def take(self) -> list[Entry]:
        """The entries since the last call: all that Envoy wrote before this one."""
        self._drain()
        with self._lock:
            taken, self._entries = self._entries, []
            if self._dropped:
                text = f"{self._dropped} more lines of the log were left out"
                taken.append(Entry("warning", "", "", text, True))
                self._dropped = 0
        return taken

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
        if len(self._entries) < _KEPT:
            self._entries.append(parse_line(line))
        else:
            self._dropped += 1
