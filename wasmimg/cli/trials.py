"""How a trial looks: as text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from wasmimg.trial.advice import Advice, advise
from wasmimg.trial.log import Entry
from wasmimg.trial.messages import Body, Change, readable
from wasmimg.trial.report import HUNG, LOADED, Exchange
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
    lines = list[str]()
    if start.outcome == LOADED:
        memory = f", with {trial.memory / 1e6:.0f} MB of memory" if trial.memory else ""
        lines.append(f"{tried.source}: loaded by Envoy {version} in {start.seconds or 0:.2f} s{memory}")
    else:
        end = _end(start.outcome, version, start.signal, wish)
        if start.outcome == HUNG:
            end = f"Envoy {version} did not come up in {wish.timeout:g} s"
        lines.append(f"{tried.source}: {end}{goes_on}")
    lines += _rows(_log_rows(start.log))
    if start.outcome != LOADED:
        advice = advise(start.outcome, start.words, wish.timeout, starting=True)
        lines += _explained(start.words, advice)
    for exchange in trial.exchanges:
        lines += _exchange_lines(exchange, version, wish)
    lines += [f"  check finds {one.code}: {one.message}\n    try: {one.fix}" for one in tried.findings]
    return "\n".join(lines)


def _exchange_lines(exchange: Exchange, version: str, wish: Wish) -> list[str]:
    head = f"{exchange.request.title}: "
    response, plain = exchange.response, exchange.plain
    if response is not None:
        head += str(response.status)
        if plain is not None and plain.status != response.status:
            head += f" ({plain.status} without the plugin)"
    failed = exchange.outcome in _ENDS
    if failed:
        head += ": " if response is not None else ""
        head += _end(exchange.outcome, version, exchange.signal, wish)
    rows = list[tuple[str, str, str]]()
    if response is not None and not exchange.is_envoys:
        rows += _request_rows(exchange)
        rows += _change_rows("response", exchange.response_changes)
        if plain is not None and plain.body != response.body and exchange.request.method != "HEAD":
            rows.append(("response", "body", _body(plain.body, response.body)))
        if not any(section == "response" for section, _, _ in rows):
            rows.append(("response", "unchanged", ""))
    rows += _log_rows(exchange.log)
    lines = [head, *_rows(rows)]
    if failed:
        lines += _explained(exchange.words, advise(exchange.outcome, exchange.words, wish.timeout))
    return lines


def _end(outcome: str, version: str, signal: str, wish: Wish) -> str:
    return _ENDS[outcome].format(version=version, signal=signal or "an error", timeout=wish.timeout)


def _request_rows(exchange: Exchange) -> list[tuple[str, str, str]]:
    received, plain = exchange.received, exchange.plain_received
    if received is None:
        return [("request", "did not reach the upstream", "")]
    rows = _change_rows("request", exchange.request_changes)
    if plain is not None and plain.body != received.body:
        rows.append(("request", "body", _body(plain.body, received.body)))
    return rows or [("request", "unchanged", "")]


def _change_rows(section: str, changes: Sequence[Change]) -> list[tuple[str, str, str]]:
    rows = []
    for change in changes:
        before, after = (" | ".join(map(readable, values)) for values in (change.before, change.after))
        text = f"{change.name}: {after if change.kind != 'removed' else before}"
        if change.kind == "changed":
            text += f" (without the plugin: {before})"
        rows.append((section, change.kind, text))
    return rows


def _log_rows(entries: Sequence[Entry]) -> list[tuple[str, str, str]]:
    """What a plugin says again and again stands there once, with its number."""
    rows = list[tuple[str, str, str]]()
    for (level, text), same in groupby(entries, lambda one: (one.level, one.text)):
        count = sum(1 for _ in same)
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
            else f"  {name:<8}  {kind:<8}  " + (f"\n{'':22}".join(text.splitlines()))
        )


def _body(before: Body, after: Body) -> str:
    text = after.excerpt.decode("utf-8", "replace")
    shown = repr(text[:_SHOWN]) + ("..." if len(text) > _SHOWN or after.size > len(after.excerpt) else "")
    return f"{shown} ({after.size:,} bytes; without the plugin {before.size:,})"


def _explained(words: str, advice: Advice) -> list[str]:
    parts = {"it says": words, "that is": advice.meaning, "try": advice.fix}
    return [
        f"  {name}: " + "\n    ".join(line.strip() for line in text.splitlines())
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
        "findings": [one._asdict() for one in tried.findings],
    }


def _exchange_json(exchange: Exchange, wish: Wish) -> dict[str, Any]:
    request, response, plain = exchange.request, exchange.response, exchange.plain
    received, plain_received = exchange.received, exchange.plain_received
    return {
        "name": request.name or None,
        "line": request.line or None,
        "method": request.method,
        "target": request.target,
        "outcome": exchange.outcome,
        "status": response.status if response else None,
        "status_without": plain.status if plain else None,
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
            "body_without": _body_json(plain.body if plain else None),
        },
        "log": _log_json(exchange.log),
        "words": exchange.words,
        "signal": exchange.signal or None,
        **advise(exchange.outcome, exchange.words, wish.timeout)._asdict(),
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
