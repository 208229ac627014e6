"""Keeping a plugin running for its author's own requests, and taking a new one when its file changes.

A new module reaches the running Envoy as it does in a cluster, by extension discovery: the port
stays, no connection is cut, and Envoy goes on with the old one when it refuses the new.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from wasmimg.errors import WasmimgError
from wasmimg.events import Event, Tell
from wasmimg.module.file import open_module
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import read_outline
from wasmimg.module.reader import read_sections, sniff
from wasmimg.stores.files import file_system
from wasmimg.text import plain_lines
from wasmimg.trial.log import Entry
from wasmimg.trial.proxy import Ended, Proxy, Stuck, signal_name
from wasmimg.trial.report import DIED, HUNG, LOADED, REFUSED, TRAPPED, Start
from wasmimg.trial.running import Listener, begin, envoys_words, last_instance, workplace, write_module
from wasmimg.trial.setup import Ports, Setup, configuration, discovery
from wasmimg.trial.upstream import Upstream

__all__ = ["BEFORE", "FAILING", "WAITING", "Failure", "Serving", "Watch", "serve"]

_LOOK = 0.1  # seconds between two looks at the file and at the log
_MOMENT = 0.01  # seconds between two looks at Envoy's counters
_PATIENCE = 2.0  # seconds for the worker to get on
_REMEMBERED = 200  # grave entries of Envoy's log, for its words when it dies
_SETTLED = 1.0  # seconds after which a file that is no whole module is no longer one being written


class Serving(NamedTuple):
    """Where the plugin answers, and the same without it."""

    url: str
    plain_url: str
    start: Start


# How it goes on when a module failed: the one before is there again, or still; a better one is waited for;
# or the one that failed stays.
BEFORE = "before"
WAITING = "waiting"
FAILING = "failing"


class Failure(NamedTuple):
    """How a module failed; ``then`` is one of BEFORE, WAITING and FAILING."""

    start: Start
    module: bytes
    then: str


class Watch:
    """Looks at the file of a module for new ones."""

    def __init__(self, path: Path, tell: Tell) -> None:
        self._path = path
        self._tell = tell
        self._seen = self._look()
        self._taken = self._seen
        self._since = time.monotonic()
        self._told = False

    def changed(self) -> bytes | None:
        """The new module, once it lies there whole; None if there is none."""
        found, now = self._look(), time.monotonic()
        if found != self._seen:
            self._seen, self._since, self._told = found, now, False
            return None  # it may still be written to
        if found == self._taken or self._told:
            return None
        fault = f"{self._path} is gone" if found is None else ""
        if not fault:
            try:
                with open_module(self._path) as data:
                    fault = _fault(data)
                    if not fault and (now - self._since >= _SETTLED or _is_whole(data)):
                        self._taken = found
                        return bytes(data)
            except WasmimgError as error:
                fault = error.message
        if fault and now - self._since >= _SETTLED:
            self._told = True
            self._tell(Event("warning", f"{fault}; the plugin from before keeps running"))
        return None

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def _fault(data: memoryview) -> str:
    kind = sniff(data)
    if kind != "core":
        return f"the new file is no module: {kind}"
    try:
        read_sections(data)
    except MalformedModule as error:
        return f"the new module is damaged: {error}"
    return ""


def _is_whole(data: memoryview) -> bool:
    """Whether nothing is missing; if that stays so, Envoy shall say what it thinks of it."""
    try:
        read_outline(data)
    except MalformedModule:
        return False
    return True


def serve(
    data: memoryview,
    setup: Setup,
    environment: Mapping[str, str],
    tell: Tell,
    *,
    watch: Watch | None = None,
    on_ready: Callable[[Serving], None],
    on_failure: Callable[[Failure], None],
) -> Start | None:
    """Serve the module until the user interrupts it; None then.

    Returns how it failed if it does not start, or if Envoy dies and there is no ``watch`` for a
    better one. ``on_failure`` hears of modules that Envoy refused or died of when there is one, and
    of those that fail while Envoy goes on.
    Raises KeyboardInterrupt before it is ready, and NoEngine, FileSystemFailed.
    """
    with ExitStack() as stack:
        server = _Server(stack, setup, environment, tell, watched=watch is not None)
        start = server.start(data)
        if not start.is_running:
            return start
        failing = FAILING if watch is None else WAITING
        try:
            on_ready(Serving(server.url, server.plain_url, start))
            if start.outcome == LOADED:
                server.tell_log(start.log)
            else:
                on_failure(Failure(start, server.module, failing))
            while True:
                failed = server.look()
                if failed is not None:
                    if watch is None and not failed.is_running:
                        return failed
                    on_failure(Failure(failed, server.module, failing))
                new = watch.changed() if watch is not None else None
                if new is not None:
                    failed = server.replace(new)
                    if failed is not None:
                        then = BEFORE if server.runs and not failed.is_running else WAITING
                        on_failure(Failure(failed, new, then))
                time.sleep(_LOOK)
        except KeyboardInterrupt:
            return None


class _Server:
    """An Envoy whose plugin can be replaced; it is started again, on the same ports, if it died."""

    def __init__(
        self, stack: ExitStack, setup: Setup, environment: Mapping[str, str], tell: Tell, *, watched: bool
    ) -> None:
        self._setup = setup
        self._environment = environment
        self._tell = tell
        self._listener = Listener(setup, tell)
        self._folder = stack.enter_context(workplace())
        self._upstream = stack.enter_context(Upstream(echo=True))
        self._discovery = self._folder / "plugin.json" if watched else None
        self._stack = stack
        self._proxy: Proxy | None = None
        self._ports = Ports()
        self._count = 0
        self._recent: list[Entry] = []
        self._told = set[str]()  # the words of the traps of the module that runs
        self.module = b""

    @property
    def runs(self) -> bool:
        """Whether there is an Envoy that answers."""
        return self._proxy is not None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._ports.plugin}/"

    @property
    def plain_url(self) -> str:
        return f"http://127.0.0.1:{self._ports.plain}/"

    def start(self, data: memoryview | bytes) -> Start:
        """Start Envoy with this module."""
        path = self._write(bytes(data))
        if self._discovery is not None:
            self._write_discovery(path)
        proxy = self._stack.enter_context(Proxy(self._setup.envoy, self._folder, self._environment))
        self._tell(Event("progress", f"load it in Envoy {self._setup.envoy.version}"))
        verbose = self._setup.log_level == "trace"
        proxy.start(
            configuration(path, self._setup, self._upstream.port, self._ports, self._discovery), verbose=verbose
        )
        start = begin(proxy, self._setup, self._tell)
        if start.is_running:
            self._take_over(bytes(data), start)
            self._proxy, self._ports = proxy, proxy.ports
        return start

    def look(self) -> Start | None:
        """Tell of what the plugin logged; how it failed or Envoy ended, if that was just now."""
        if self._proxy is None:
            return None
        self._upstream.take()
        status = self._proxy.status
        if status is None:
            entries = self._proxy.log.take()
            self._recent = [*self._recent, *(one for one in entries if one.is_grave)][-_REMEMBERED:]
            log = self._listener.hear(entries)
            if any(one.is_trap for one in entries):
                words = envoys_words(entries)
                if words not in self._told:  # each of Envoy's threads has its instance of the plugin
                    self._told.add(words)
                    return Start(TRAPPED, None, None, log, words)
            self.tell_log(log)
            return None
        return self._lost(self._proxy, Start(DIED, None, None, (), "", signal_name(status)))

    def replace(self, data: bytes) -> Start | None:
        """Put a new module into the place of the one that runs; how it failed, if it did."""
        if self._proxy is not None and not self._proxy.answers(_PATIENCE):
            self._tell(Event("warning", "the plugin from before does not come to an end; Envoy is started again"))
            self._lost(self._proxy, Start(HUNG, None, None, ()))
        before = self._proxy
        start = self.start(data) if before is None else self._update(before, data)
        failed = None if start.outcome == LOADED else start
        if failed is None:
            self._tell(Event("step", "the new module is loaded"))
            self.tell_log(start.log)
        elif before is not None and self._proxy is None:
            self.start(self.module)
        return failed

    def tell_log(self, entries: Sequence[Entry]) -> None:
        """Tell of what the plugin logged."""
        for entry in entries:
            self._tell(Event("log", f"{entry.level}: {plain_lines(entry.text)}"))

    def _update(self, proxy: Proxy, data: bytes) -> Start:
        path = self._write(data)
        try:
            before = proxy.updates(self._setup.timeout)
            self._write_discovery(path)
            end = time.monotonic() + self._setup.timeout
            while (after := proxy.updates(end - time.monotonic())) == before:
                if time.monotonic() >= end:
                    raise Stuck
                time.sleep(_MOMENT)
            # The worker, which has its own instance, comes to it a little later.
            if not proxy.answers(self._setup.timeout):
                proxy.check_alive(dying=True)
                raise Stuck
        except Ended as ended:
            return self._lost(proxy, Start(DIED, None, None, (), "", signal_name(ended.status)))
        except Stuck:
            return self._lost(proxy, Start(HUNG, None, None, ()))
        entries = proxy.log.take()
        newest = last_instance(entries)
        log = self._listener.hear(newest)
        if after.refused != before.refused:
            return Start(REFUSED, None, None, log, envoys_words(entries))
        trapped = any(one.is_trap for one in newest)
        start = Start(TRAPPED, None, None, log, envoys_words(newest)) if trapped else Start(LOADED, None, None, log)
        self._take_over(data, start)
        return start

    def _take_over(self, module: bytes, start: Start) -> None:
        self.module = module
        self._told = {start.words}

    def _lost(self, proxy: Proxy, start: Start) -> Start:
        proxy.stop(at_once=start.outcome == HUNG)
        self._proxy = None
        entries = proxy.log.take()
        recent, self._recent = [*self._recent, *entries], []
        return start._replace(log=self._listener.hear(last_instance(entries)), words=envoys_words(recent))

    def _write(self, data: bytes) -> Path:
        for old in self._folder.glob("*.wasm"):  # Envoy reads a file once
            old.unlink()
        self._count += 1
        return write_module(self._folder, memoryview(data), f"plugin-{self._count}.wasm")

    def _write_discovery(self, module: Path) -> None:
        assert self._discovery is not None
        new = self._folder / "plugin.json.new"
        with file_system("Envoy's configuration cannot be written"):
            new.write_text(json.dumps(discovery(module, self._setup, str(self._count))))
            new.replace(self._discovery)  # Envoy looks for files that are moved there
