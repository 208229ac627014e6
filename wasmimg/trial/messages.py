"""HTTP messages as data, and how one differs from another."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

__all__ = ["Body", "Change", "Pairs", "Request", "Response", "compare", "readable"]

# Headers as they stand in the message, names in lower case. As a plugin sees them: what is not
# in a header line is there as :method, :path, :authority and :status.
Pairs = tuple[tuple[str, str], ...]

_EXCERPT = 1000  # bytes kept of a body
# Values that differ from one moment to the next, whatever a plugin does.
_FLEETING = frozenset({"date"})
# Whether a connection is kept is between two neighbours (RFC 9110, section 7.6.1), and changes with chance.
_OF_CONNECTION = frozenset({"connection", "keep-alive"})


class Body(NamedTuple):
    """A body: its size in bytes, its digest, and its first bytes."""

    size: int
    digest: str
    excerpt: bytes


class BodyReader:
    """Takes a body in pieces, of which it keeps little."""

    def __init__(self) -> None:
        self._size = 0
        self._hash = hashlib.sha256()
        self._excerpt = b""

    def take(self, data: bytes) -> None:
        """The next piece."""
        self._size += len(data)
        self._hash.update(data)
        self._excerpt += data[: _EXCERPT - len(self._excerpt)]

    def body(self) -> Body:
        """What was taken so far."""
        return Body(self._size, f"sha256:{self._hash.hexdigest()}", self._excerpt)


class Request(NamedTuple):
    """A request to send; ``name`` is what its author calls it, ``line`` where it stands in its file."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    name: str = ""
    line: int = 0

    @property
    def title(self) -> str:
        """How it is called where there are several."""
        return self.name or f"{self.method} {self.target}"


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: Pairs
    body: Body


class Received(NamedTuple):
    """A request as the upstream got it."""

    headers: Pairs
    body: Body


class Change(NamedTuple):
    """A header that a plugin ``added``, ``changed`` or ``removed``; one may have several values."""

    kind: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def compare(before: Pairs, after: Pairs) -> tuple[Change, ...]:
    """What was added, changed and removed, in this order, and in each as the headers stand."""
    old, new = _by_name(before), _by_name(after)
    added = [Change("added", name, (), values) for name, values in new.items() if name not in old]
    changed = [
        Change("changed", name, old[name], values)
        for name, values in new.items()
        if name in old and old[name] != values and name not in _FLEETING
    ]
    removed = [Change("removed", name, values, ()) for name, values in old.items() if name not in new]
    return (*added, *changed, *removed)


def readable(text: str) -> str:
    """``text``, of bytes that were taken as Latin-1, as the UTF-8 that it may be."""
    return text.encode("latin-1").decode("utf-8", "replace")


def _by_name(pairs: Pairs) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        if name in _OF_CONNECTION:
            continue
        found[name] = (*found.get(name, ()), value)
    return found
