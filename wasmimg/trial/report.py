"""What a trial found out."""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.errors import ModuleRefused
from wasmimg.trial.envoy import Envoy
from wasmimg.trial.log import Entry
from wasmimg.trial.messages import Change, Received, Request, Response, compare

__all__ = [
    "ANSWERED",
    "DIED",
    "FAILED_STATUS",
    "HELD",
    "HUNG",
    "LOADED",
    "REFUSED",
    "TRAPPED",
    "UNANSWERED",
    "Afterwards",
    "Exchange",
    "Start",
    "Trial",
]

# How a trial, and in it every request, may end.
LOADED = "loaded"  # with no request sent
ANSWERED = "answered"
REFUSED = "refused"  # Envoy does not load the plugin
TRAPPED = "trapped"  # the plugin failed, and from then on Envoy answers in its place
HELD = "held"  # the plugin paused the request, and let it go on never
HUNG = "hung"  # the plugin does not come to an end
UNANSWERED = "unanswered"  # the connection was closed
DIED = "died"  # Envoy itself

# What Envoy answers with in the place of a plugin that failed (source/extensions/common/wasm/context.cc).
FAILED_STATUS = 503


class Start(NamedTuple):
    """How Envoy started with the plugin: in ``seconds``, with that many bytes of ``memory``.

    ``words`` are what Envoy says to its refusal, its end or the plugin's, ``signal`` names what ended it.
    """

    outcome: str
    seconds: float | None
    memory: int | None
    log: tuple[Entry, ...]
    words: str = ""
    signal: str = ""

    @property
    def is_running(self) -> bool:
        """Whether Envoy runs, and be it with a plugin that failed."""
        return self.outcome in (LOADED, TRAPPED)


class Afterwards(NamedTuple):
    """What came after the last request, from a plugin that asks to be called at times (ticks)."""

    outcome: str
    log: tuple[Entry, ...]
    words: str = ""
    signal: str = ""


class Exchange(NamedTuple):
    """One request: with the plugin, and without it (``plain``).

    ``received`` and ``plain_received`` are what the upstream got, None if nothing reached it.
    """

    request: Request
    outcome: str
    response: Response | None
    plain: Response | None
    received: Received | None
    plain_received: Received | None
    log: tuple[Entry, ...]
    words: str = ""
    signal: str = ""

    @property
    def is_envoys(self) -> bool:
        """Whether the response is that of Envoy in the place of a plugin that failed."""
        return self.outcome == TRAPPED and self.response is not None and self.response.status == FAILED_STATUS

    @property
    def broken(self) -> str:
        """The header whose value holds a line end, of the response or else of the request; empty if there is none.

        Envoy sends such a value as it is, and who reads the message takes the end for that of the header or of all.
        """
        if self.response is None or self.plain is None:
            return ""
        values = (*self.response.headers, *(self.received.headers if self.received is not None else ()))
        lost = {name for name, _ in self.plain.headers} - {name for name, _ in self.response.headers}
        # As in "x: value\r\n", where the headers that follow are the beginning of the body.
        body = self.response.body.excerpt.decode("latin-1").lower()
        if self.response.headers and any(body.startswith(f"{name}:") for name in lost):
            return self.response.headers[-1][0]
        return next((name for name, value in values if "\r" in value or "\n" in value), "")

    @property
    def request_changes(self) -> tuple[Change, ...]:
        """What the plugin did to the request's headers on their way to the upstream."""
        if self.received is None or self.plain_received is None:
            return ()
        return compare(self.plain_received.headers, self.received.headers)

    @property
    def response_changes(self) -> tuple[Change, ...]:
        """What the plugin did to the response's headers."""
        if self.response is None or self.plain is None:
            return ()
        return compare(self.plain.headers, self.response.headers)


class Trial(NamedTuple):
    """``exchanges`` end with the first that hung or killed Envoy; ``memory`` is in bytes, at the end.

    ``afterwards`` is None where nothing more was to be waited for.
    """

    envoy: Envoy
    start: Start
    exchanges: tuple[Exchange, ...]
    memory: int | None
    afterwards: Afterwards | None = None

    @property
    def outcome(self) -> str:
        """``answered`` or ``loaded`` if all is well, else the first thing that is not."""
        if self.start.outcome != LOADED:
            return self.start.outcome
        outcomes = [one.outcome for one in self.exchanges]
        if self.afterwards is not None:
            outcomes.append(self.afterwards.outcome)
        bad = (one for one in outcomes if one != ANSWERED)
        return next(bad, ANSWERED if self.exchanges else LOADED)

    @property
    def exit_code(self) -> int:
        """0 if Envoy loaded the plugin and answered every request, else 3."""
        return 0 if self.outcome in (ANSWERED, LOADED) else ModuleRefused.exit_code
