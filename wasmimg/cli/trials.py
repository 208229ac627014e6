"""How a trial looks: as text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from wasmimg.text import plain, plain_lines
from wasmimg.trial.advice import Advice, advise, advise_broken
from wasmimg.trial.log import Entry
from wasmimg.trial.messages import Body, Change, readable
from wasmimg.trial.report import ANSWERED, HUNG, LOADED, Afterwards, Exchange, Start
from wasmimg.trying import Served, Tried, Wish

__all__ = ["serving_json", "serving_text", "tried_json", "tried_text"]

_ENDS = {
    "refused": "Envoy {version} refuses it",
    "trapped": "the plugin failed",
    "held": "no answer in {timeout:g} s",
    "hung": "no answer in {timeout:g} s",
    "unanswered": "no answer",
    "died": "Envoy {version} died of {signal}",
}
_SHOWN = 200  # characters of a body
_ROWS = 100  # lines of the log


def serving_text(served: Served) -> str:
    """Where the plugin answers, on two lines."""
    return f"{served.url}\n{served.plain_url}  (without the plugin)"


def serving_json(served: Served) -> dict[str, Any]:
    """The same for a program."""
    return {
        "schema": 1,
        "source": served.source,
        "url": served.url,
        "url_without": served.plain_url,
        "envoy": served.envoy._asdict(),
        "start": {"seconds": _rounded(served.start.seconds), "memory": served.start.memory},
    }


def tried_text(tried: Tried, wish: Wish, *, goes_on: str = "") -> str:
    """What a trial found out, for people; ``goes_on`` says how it goes on after a failure."""
    trial = tried.trial
    version, start = trial.envoy.version, trial.start
    lines = [f"{plain(tried.source)}: {_beginning(start, trial.memory, version, wish)}{goes_on}"]
    lines += _rows(_log_rows(start.log))
    if start.outcome != LOADED:
        lines += _explained(start.words, advise(start.outcome, start.words, wish.timeout, starting=True))
    for exchange in trial.exchanges:
        lines += _exchange_lines(exchange, version, wish)
    if trial.afterwards is not None:
        lines += _later_lines(trial.afterwards, version, wish)
    lines += [f"  check finds {one.code}: {one.message}\n    try: {one.fix}" for one in tried.findings]
    return "\n".join(lines)


def _beginning(start: Start, memory: int | None, version: str, wish: Wish) -> str:
    if start.outcome == HUNG:
        return f"Envoy {version} did not come up in {wish.timeout:g} s"
    end = "" if start.outcome == LOADED else _end(start.outcome, version, start.signal, wish)
    if start.seconds is None:
        return end
    used = f", with {memory / 1e6:.0f} MB of memory" if memory else ""
    return f"loaded by Envoy {version} in {start.seconds:.2f} s{used}{'; ' if end else ''}{end}"


def _later_lines(later: Afterwards, version: str, wish: Wish) -> list[str]:
    if later.outcome == ANSWERED and not later.log:
        return []
    end = "" if later.outcome == ANSWERED else f": {_end(later.outcome, version, later.signal, wish)}"
    lines = [f"after the requests{end}", *_rows(_log_rows(later.log))]
    if end:
        lines += _explained(later.words, advise(later.outcome, later.words, wish.timeout))
    return lines


def _exchange_lines(exchange: Exchange, version: str, wish: Wish) -> list[str]:
    head = f"{plain(exchange.request.title)}: "
    response, without = exchange.response, exchange.plain
    if response is not None:
        head += str(response.status)
        if without is not None and without.status != response.status:
            head += f" ({without.status} without the plugin)"
    failed = exchange.outcome in _ENDS
    if failed:
        head += ": " if response is not None else ""
        head += _end(exchange.outcome, version, exchange.signal, wish)
    rows = list[tuple[str, str, str]]()
    if response is not None and not exchange.is_envoys:
        rows += _request_rows(exchange)
        rows += _change_rows("response", exchange.response_changes)
        if without is not None and without.body != response.body and exchange.request.method != "HEAD":
            rows.append(("response", "body", _body(without.body, response.body)))
        if not any(section == "response" for section, _, _ in rows):
            rows.append(("response", "unchanged", ""))
    rows += _log_rows(exchange.log)
    lines = [head, *_rows(rows)]
    lines += _explained(exchange.words, _advice(exchange, wish))
    return lines


def _advice(exchange: Exchange, wish: Wish) -> Advice:
    if exchange.outcome == ANSWERED and exchange.broken:
        return advise_broken(plain(exchange.broken))
    return advise(exchange.outcome, exchange.words, wish.timeout)


def _end(outcome: str, version: str, signal: str, wish: Wish) -> str:
    return _ENDS[outcome].format(version=version, signal=signal or "an error", timeout=wish.timeout)


def _request_rows(exchange: Exchange) -> list[tuple[str, str, str]]:
    received, without = exchange.received, exchange.plain_received
    if received is None:
        return [("request", "did not reach the upstream", "")]
    rows = _change_rows("request", exchange.request_changes)
    if without is not None and without.body != received.body:
        rows.append(("request", "body", _body(without.body, received.body)))
    return rows or [("request", "unchanged", "")]


def _change_rows(section: str, changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    rows = []
    for change in changes:
        before, after = (plain(" | ".join(map(readable, values))) for values in (change.before, change.after))
        text = f"{plain(change.name)}: {after if change.kind != 'removed' else before}"
        if change.kind == "changed":
            text += f" (without the plugin: {before})"
        rows.append((section, change.kind, text))
    return rows


def _log_rows(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """What a plugin says again and again stands there once, with its number."""
    rows = list[tuple[str, str, str]]()
    for (level, text), same in groupby(entries, lambda one: (one.level, one.text)):
        count = sum(1 for _ in same)
        text = plain_lines(text)
        rows.append(("log", level, text if count == 1 else f"{text} ({count:,} times)"))
    if len(rows) > _ROWS:
        rows[_ROWS:] = [("log", "...", f"{len(rows) - _ROWS:,} more lines; --json shows them")]
    return rows


def _rows(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Three columns; a section is named once, and what has several lines stays in its column."""
    last = ""
    for section, kind, text in rows:
        name = section if section != last else ""
        last = section
        yield (
            f"  {name:<8}  {kind:<8}  ".rstrip()
            if not text
            else f"  {name:<8}  {kind:<8}  " + (f"\n{'':22}".join(text.split("\n")))
        )


def _body(before: Body, after: Body) -> str:
    text = after.excerpt.decode("utf-8", "replace")
    shown = repr(text[:_SHOWN]) + ("..." if len(text) > _SHOWN or after.size > len(after.excerpt) else "")
    return f"{shown} ({after.size:,} bytes; without the plugin {before.size:,})"


def _explained(words: str, advice: Advice) -> list[str]:
    parts = {"it says": words, "that is": advice.meaning, "try": advice.fix}
    return [
        f"  {name}: " + "\n    ".join(line.strip() for line in plain_lines(text).split("\n"))
        for name, text in parts.items()
        if text
    ]


def tried_json(tried: Tried, wish: Wish) -> dict[str, Any]:
    """The schema of docs/try.md; what is added to it raises no number, what is changed does."""
    trial = tried.trial
    start = trial.start
    return {
        "schema": 1,
        "source": tried.source,
        "exit_code": trial.exit_code,
        "outcome": trial.outcome,
        "envoy": trial.envoy._asdict(),
        "memory": trial.memory,
        "start": {
            "outcome": start.outcome,
            "seconds": _rounded(start.seconds),
            "memory": start.memory,
            "log": _log_json(start.log),
            "words": start.words,
            "signal": start.signal or None,
            **advise(start.outcome, start.words, wish.timeout, starting=True)._asdict(),
        },
        "requests": [_exchange_json(one, wish) for one in trial.exchanges],
        "afterwards": _afterwards_json(trial.afterwards, wish) if trial.afterwards is not None else None,
        "findings": [one._asdict() for one in tried.findings],
    }


def _exchange_json(exchange: Exchange, wish: Wish) -> dict[str, Any]:
    request, response, without = exchange.request, exchange.response, exchange.plain
    received, plain_received = exchange.received, exchange.plain_received
    return {
        "name": request.name or None,
        "line": request.line or None,
        "method": request.method,
        "target": request.target,
        "outcome": exchange.outcome,
        "status": response.status if response else None,
        "status_without": without.status if without else None,
        "reached_upstream": received is not None,
        "request": {
            "changes": _changes_json(exchange.request_changes),
            "body": _body_json(received.body if received else None),
            "body_without": _body_json(plain_received.body if plain_received else None),
        },
        "response": {
            "headers": [[name, readable(value)] for name, value in response.headers] if response else None,
            "changes": _changes_json(exchange.response_changes),
            "body": _body_json(response.body if response else None),
            "body_without": _body_json(without.body if without else None),
        },
        "log": _log_json(exchange.log),
        "words": exchange.words,
        "signal": exchange.signal or None,
        **_advice(exchange, wish)._asdict(),
    }


def _afterwards_json(later: Afterwards, wish: Wish) -> dict[str, Any]:
    return {
        "outcome": later.outcome,
        "log": _log_json(later.log),
        "words": later.words,
        "signal": later.signal or None,
        **advise(later.outcome, later.words, wish.timeout)._asdict(),
    }


def _changes_json(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind,
            "name": one.name,
            "before": [readable(value) for value in one.before],
            "after": [readable(value) for value in one.after],
        }
        for one in changes
    ]


def _log_json(entries: Sequence[Entry]) -> list[dict[str, str]]:
    return [{"level": one.level, "text": one.text} for one in entries]


def _body_json(body: Body | None) -> dict[str, Any] | None:
    if body is None:
        return None
    return {"size": body.size, "digest": body.digest, "excerpt": body.excerpt.decode("utf-8", "replace")}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
