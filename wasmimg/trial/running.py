"""A trial from its start to its end: load the plugin, send the requests, end Envoy."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from wasmimg.errors import NoEngine
from wasmimg.events import Event, Tell
from wasmimg.interrupts import held_back, uninterrupted
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import read_outline
from wasmimg.stores.files import file_system
from wasmimg.text import plain_lines
from wasmimg.trial.client import REQUEST_ID, NoAnswer, TookTooLong, send
from wasmimg.trial.envoy import INSTALL
from wasmimg.trial.log import Entry
from wasmimg.trial.messages import Received, Request, Response
from wasmimg.trial.proxy import Ended, Proxy, Stuck, signal_name
from wasmimg.trial.report import (
    ANSWERED,
    DIED,
    FAILED_STATUS,
    HELD,
    HUNG,
    LOADED,
    REFUSED,
    TRAPPED,
    UNANSWERED,
    Afterwards,
    Exchange,
    Start,
    Trial,
)
from wasmimg.trial.setup import Setup, configuration
from wasmimg.trial.upstream import Upstream

__all__ = ["Listener", "begin", "envoys_words", "last_instance", "run_trial", "validate", "workplace", "write_module"]

# What follows on the reason (source/extensions/common/wasm/wasm.cc), and says less.
_EMPTY_WORDS = re.compile(r"Plugin \S+ failed to load|Plugin configured to fail closed failed to load")
_NO_RUNTIME = "Envoy was compiled without support for it"  # source/extensions/common/wasm/wasm_vm.cc
_UNMARKED = 5  # lines
_LATER = 1.0  # seconds for the listener without the plugin, when the other does not answer
_TICKS = 1.1  # seconds after the last request: most plugins that want ticks want one a second, or more
_TICK_LOOK = 0.05  # seconds
_SET_TICKS = "proxy_set_tick_period_milliseconds"


class Listener:
    """Hears a log: keeps what the plugin says, and tells of all that Envoy says."""

    def __init__(self, setup: Setup, tell: Tell) -> None:
        self._setup = setup
        self._tell = tell

    def hear(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        """Those of the ``entries`` that a user wants to see."""
        for entry in entries:
            self._tell(Event("output", f"[{entry.level}][{entry.component}] {plain_lines(entry.text)}"))
        return tuple(entry for entry in entries if entry.said and entry.is_at_least(self._setup.log_level))


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that goes at the end; raises FileSystemFailed."""
    folder = None
    try:
        with held_back(), file_system("no temporary folder can be made"):
            folder = Path(tempfile.mkdtemp(prefix="wasmimg-"))
        yield folder
    finally:
        if folder is not None:
            with uninterrupted():
                shutil.rmtree(folder, ignore_errors=True)


def write_module(folder: Path, data: memoryview, name: str = "plugin.wasm") -> Path:
    """The module in a file of ours: the user's may change; raises FileSystemFailed."""
    path = folder / name
    with file_system("the module cannot be written to the temporary folder"):
        path.write_bytes(data)
    return path


def validate(data: memoryview, setup: Setup, environment: Mapping[str, str], tell: Tell) -> Trial:
    """Let Envoy load the module and no more; raises NoEngine, FileSystemFailed."""
    listener = Listener(setup, tell)
    with workplace() as folder, Proxy(setup.envoy, folder, environment) as proxy:
        module = write_module(folder, data)
        # Nothing is sent there, so any port does.
        proxy.start(configuration(module, setup, 1), validate=True, verbose=setup.log_level == "trace")
        try:
            status, seconds = proxy.wait_until_ended(setup.timeout)
        except Stuck:
            return Trial(setup.envoy, _stuck_at_start(proxy, listener), (), None)
        if status:
            return Trial(setup.envoy, _ended_at_start(Ended(status), proxy, listener, setup), (), None)
        return Trial(setup.envoy, _loaded(seconds, None, proxy, listener), (), None)


def run_trial(
    data: memoryview, setup: Setup, requests: Sequence[Request], environment: Mapping[str, str], tell: Tell
) -> Trial:
    """Load the module in Envoy and send it ``requests``; raises NoEngine, FileSystemFailed."""
    with workplace() as folder, Upstream() as upstream, Proxy(setup.envoy, folder, environment) as proxy:
        module = write_module(folder, data)
        tell(Event("progress", f"load it in Envoy {setup.envoy.version}"))
        proxy.start(configuration(module, setup, upstream.port), verbose=setup.log_level == "trace")
        start = begin(proxy, setup, tell)
        exchanges = list[Exchange]()
        memory = start.memory
        for request in requests if start.is_running else ():
            tell(Event("progress", request.title))
            exchange = _exchange(request, proxy, upstream, setup, tell)
            if _is_consequence(exchange, start, exchanges):
                exchange = exchange._replace(outcome=TRAPPED)
            exchanges.append(exchange)
            memory = proxy.memory() or memory
            if exchange.outcome in (DIED, HUNG):
                proxy.stop(at_once=True)
                break
        trial = Trial(setup.envoy, start, tuple(exchanges), memory)
        if trial.outcome == ANSWERED and _wants_ticks(data):
            tell(Event("progress", "wait for ticks"))
            trial = trial._replace(afterwards=_wait_for_ticks(proxy, setup, tell))
    return trial


def begin(proxy: Proxy, setup: Setup, tell: Tell) -> Start:
    """Wait until an Envoy that was started answers; raises NoEngine when it fails for no fault of the module."""
    listener = Listener(setup, tell)
    try:
        seconds = proxy.wait_until_ready(setup.timeout)
    except Ended as ended:
        return _ended_at_start(ended, proxy, listener, setup)
    except Stuck:
        return _stuck_at_start(proxy, listener)
    return _loaded(seconds, proxy.memory(), proxy, listener)


def _loaded(seconds: float, memory: int | None, proxy: Proxy, listener: Listener) -> Start:
    entries = proxy.log.take()
    log = listener.hear(last_instance(entries))
    trapped = any(one.is_trap for one in entries)
    return (
        Start(TRAPPED, seconds, memory, log, envoys_words(entries)) if trapped else Start(LOADED, seconds, memory, log)
    )


def envoys_words(entries: Sequence[Entry]) -> str:
    """What Envoy says is wrong, less what says nothing."""
    grave = [one for one in entries if one.is_grave]
    by_wasm = [one.text for one in grave if one.component == "wasm"]
    useful = [text for text in by_wasm if not _EMPTY_WORDS.fullmatch(text)]
    useful += [one.text for one in grave if one.component == "backtrace" and one.text.startswith("Caught ")]
    others = [one.text for one in grave if one.component not in ("wasm", "backtrace", "")]
    unmarked = [one.text for one in grave if not one.component][:_UNMARKED]
    reasons = useful or by_wasm or others or unmarked
    return "\n".join(dict.fromkeys(reasons))


def _is_consequence(exchange: Exchange, start: Start, before: Sequence[Exchange]) -> bool:
    """Whether Envoy answered in the place of a plugin that failed before; it says so only once."""
    failed = TRAPPED in (start.outcome, *(one.outcome for one in before))
    return failed and exchange.response is not None and exchange.response.status == FAILED_STATUS


def _ended_at_start(ended: Ended, proxy: Proxy, listener: Listener, setup: Setup) -> Start:
    proxy.stop()
    entries = proxy.log.take()
    log, words = listener.hear(last_instance(entries)), envoys_words(entries)
    if ended.status < 0:
        return Start(DIED, None, None, log, words, signal_name(ended.status))
    without_v8 = next((one.text for one in entries if one.component == "wasm" and _NO_RUNTIME in one.text), "")
    if without_v8:
        raise NoEngine(
            f"Envoy {setup.envoy.version} cannot run plugins: it has no V8",
            reason=without_v8,
            hint=f"put another one on PATH, or {INSTALL}; this one is {setup.envoy.path}",
        )
    if any(one.component == "wasm" and one.is_at_least("error") and not one.said for one in entries):
        return Start(REFUSED, None, None, log, words)
    # It never came as far as the module.
    raise NoEngine(
        f"Envoy {setup.envoy.version} does not start",
        reason=words or f"it said nothing, and ended with status {ended.status}",
        hint=f"it has to be a whole Envoy with Wasm: {setup.envoy.path}",
    )


def _stuck_at_start(proxy: Proxy, listener: Listener) -> Start:
    proxy.stop(at_once=True)
    entries = proxy.log.take()
    return Start(HUNG, None, None, listener.hear(last_instance(entries)), envoys_words(entries))


def last_instance(entries: Sequence[Entry]) -> list[Entry]:
    """What the last instance of the plugin said.

    Envoy makes several when it starts: to look at them, for its main thread, and for its worker,
    which is the last.
    """
    at = max((index for index, one in enumerate(entries) if one.is_creation), default=0)
    return list(entries[at:])


def _exchange(request: Request, proxy: Proxy, upstream: Upstream, setup: Setup, tell: Tell) -> Exchange:
    plain, plain_received, response, outcome, signal = None, None, None, ANSWERED, ""
    try:
        upstream.take()
        plain = _send(request, proxy, proxy.ports.plain, setup.timeout)
        plain_received = _ours(request, upstream.take())
        try:
            response = _send(request, proxy, proxy.ports.plugin, setup.timeout)
        except TookTooLong:
            outcome = HELD if proxy.answers(_LATER) else HUNG
        else:
            if not proxy.answers(setup.timeout):
                proxy.check_alive(dying=True)
                outcome = HUNG
            elif response is None:
                outcome = UNANSWERED
    except TookTooLong:
        outcome = HUNG
    except Ended as ended:
        outcome, signal = DIED, signal_name(ended.status)
    if outcome == DIED:
        proxy.stop()
    entries = proxy.log.take()
    if outcome == ANSWERED and any(one.is_trap for one in entries):
        outcome = TRAPPED
    words = "" if outcome == ANSWERED else envoys_words(entries)
    log = Listener(setup, tell).hear(entries)
    received = _ours(request, upstream.take())
    return Exchange(request, outcome, response, plain, received, plain_received, log, words, signal)


def _wants_ticks(data: memoryview) -> bool:
    """Whether the module can ask for ticks; linkers leave out what a plugin does not import."""
    try:
        return any(one.name == _SET_TICKS for one in read_outline(data).imports)
    except MalformedModule:  # and yet Envoy took it
        return False


def _wait_for_ticks(proxy: Proxy, setup: Setup, tell: Tell) -> Afterwards:
    """What a plugin does that has no more requests, for a short while."""
    end = time.monotonic() + min(_TICKS, setup.timeout)
    entries, outcome, signal = list[Entry](), ANSWERED, ""
    try:
        while outcome == ANSWERED and time.monotonic() < end:
            time.sleep(_TICK_LOOK)
            if not proxy.answers(setup.timeout):
                proxy.check_alive(dying=True)
                outcome = HUNG
            entries += proxy.log.take()
            if outcome == ANSWERED and any(one.is_trap for one in entries):
                outcome = TRAPPED
    except Ended as ended:
        outcome, signal = DIED, signal_name(ended.status)
        proxy.stop()
        entries += proxy.log.take()
    if outcome == HUNG:
        proxy.stop(at_once=True)
        entries += proxy.log.take()
    words = "" if outcome == ANSWERED else envoys_words(entries)
    return Afterwards(outcome, Listener(setup, tell).hear(entries), words, signal)


def _send(request: Request, proxy: Proxy, port: int, timeout: float) -> Response | None:
    """The response, None if the connection was closed before; raises TookTooLong, and Ended."""
    try:
        return send(request, port, timeout)
    except NoAnswer:
        # If it is about to die, it first writes down why.
        end = time.monotonic() + _LATER
        while time.monotonic() < end and not proxy.answers(_LATER):
            proxy.check_alive(dying=True)
        return None


def _ours(request: Request, received: Sequence[Received]) -> Received | None:
    """``request`` among those that reached the upstream: a plugin may send others."""
    given = next((value for name, value in request.headers if name.lower() == "x-request-id"), REQUEST_ID)
    marked = [one for one in received if ("x-request-id", given) in one.headers]
    return next(iter(marked or received), None)
