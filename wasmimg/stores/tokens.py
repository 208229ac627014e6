"""What bearer tokens are asked for, and what a token server answers.

Sources: distribution docs "Token Scope Documentation", "Token Authentication Specification",
"OAuth2 Token Authentication".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from wasmimg.stores.answer import Answer

__all__ = ["Scope", "Token", "join_scopes", "read_scopes", "read_token"]

_LIFE = 60.0  # seconds, where the server names none
_MOST = 16  # scopes that a challenge may add: a token is asked for with all of them in one URL

Scope = tuple[str, str]  # resource and action: ("repository:acme/app", "pull")


class Token(NamedTuple):
    """A bearer token, for ``seconds`` from now; ``refresh`` is the identity token to use next."""

    value: str
    seconds: float
    refresh: str = ""


def read_scopes(text: str) -> frozenset[Scope]:
    """The scopes in the ``text`` of a challenge; what has no actions is kept as a resource alone."""
    scopes: set[Scope] = set()
    for part in text.split()[:_MOST]:
        resource, colon, actions = part.rpartition(":")
        scopes |= {(resource, action) for action in actions.split(",")} if colon else {(part, "")}
    return frozenset(scopes)


def join_scopes(scopes: Iterable[Scope]) -> list[str]:
    """A text for each resource, as in ``repository:acme/app:pull,push``."""
    actions: dict[str, list[str]] = {}
    for resource, action in sorted(scopes):
        actions.setdefault(resource, []).extend([action] if action else [])
    return [":".join(filter(None, (resource, ",".join(names)))) for resource, names in actions.items()]


def read_token(answer: Answer) -> Token | None:
    """The token in what a token server answers; None if there is none."""
    try:
        reply = json.loads(answer.body)
        value = reply.get("token") or reply.get("access_token")
    except (ValueError, AttributeError, RecursionError):
        return None
    # What may stand in a header; RFC 6750 section 2.1 allows even less.
    if not isinstance(value, str) or not re.fullmatch(r"[!-~]+", value):
        return None
    refresh = reply.get("refresh_token")
    return Token(value, _life(answer, reply), refresh if isinstance(refresh, str) else "")


def _life(answer: Answer, reply: dict[str, object]) -> float:
    """The seconds that the token is good for: what is named, without what has gone by, on the server's clock."""
    named = reply.get("expires_in")
    if isinstance(named, bool) or not isinstance(named, int | float) or not named > 0:
        named = _LIFE
    issued, now = _moment(reply.get("issued_at")), answer.date()
    gone = (now - issued).total_seconds() if issued and now else 0.0
    return min(named, 1e9) - max(0.0, gone)


def _moment(text: object) -> datetime | None:
    """A time as RFC 3339 writes it; None for anything else."""
    if not isinstance(text, str) or len(text) > 64:
        return None
    # Go writes nanoseconds, and Python 3.10 reads three or six digits and no Z.
    plain = re.sub(r"\.\d+", "", text.strip()).replace("Z", "+00:00")
    try:
        moment = datetime.fromisoformat(plain)
        return moment.astimezone(timezone.utc) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
