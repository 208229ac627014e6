"""What a registry answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Answer"]

_PASSING = {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "TOOMANYREQUESTS", "UNAVAILABLE"}


class Answer(NamedTuple):
    """A response that was read whole: status, headers by lower-case name, body, final URL."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    def pause(self) -> float | None:
        """The seconds after which to ask again (RFC 9110 section 10.2.3); None if none are named."""
        value = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]+", value):
            return float(value)
        from datetime import datetime, timezone

        until = _http_date(value)
        return None if until is None else max(0.0, (until - datetime.now(timezone.utc)).total_seconds())

    def digest(self) -> str | None:
        """The digest that it says the manifest has; None for none, or for one that is not SHA-256."""
        found = re.fullmatch(r"sha256:[0-9a-f]{64}", self.headers.get("docker-content-digest", ""))
        return found and found[0]

    def date(self) -> datetime | None:
        """When it was sent, on the clock of the server; None if that is not said."""
        return _http_date(self.headers.get("date", ""))

    def lost(self) -> bool:
        """Whether all that it complains of is an upload it has forgotten, or too much work: another attempt may help.

        Source: distribution-spec, "Error Codes"; go-containerregistry repeats after the same ones.
        """
        codes = self._codes()
        return self.status >= 400 and self.status not in (401, 403) and bool(codes) and codes <= _PASSING

    def said(self, code: str) -> bool:
        """Whether the OAuth error ``code`` is what it answers (RFC 6749 section 5.2)."""
        try:
            return bool(json.loads(self.body)["error"] == code)
        except (ValueError, KeyError, TypeError, RecursionError):
            return False

    def wants_tls(self) -> bool:
        """Whether a server that speaks TLS answers so to plain http: those in Go, nginx, Apache."""
        words = rb"HTTP request (?:to an HTTPS server|was sent to HTTPS port)|plain HTTP to an SSL-enabled"
        return self.status == 400 and re.search(words, self.body) is not None

    def _codes(self) -> set[str]:
        try:
            return {str(one["code"]) for one in json.loads(self.body)["errors"]}
        except (ValueError, KeyError, TypeError, RecursionError):
            return set()

    def words(self, hide: Callable[[str], str] = str) -> str:
        """What the registry says, in a line: codes and messages of its errors, or the start of its body.

        ``hide`` takes out what must not be shown, before anything is cut off.
        """
        from http import HTTPStatus

        try:
            errors = json.loads(self.body)["errors"]
            said = "; ".join(
                ": ".join(filter(None, (str(one.get("code", "")), str(one.get("message", ""))))) for one in errors
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = "" if b"<" in self.body[:200] else self.body.decode("utf-8", "replace").strip()
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        said = "".join(letter if letter.isprintable() else " " for letter in hide(said)[:500])
        return ", ".join(filter(None, (phrase, said.strip())))


def _http_date(text: str) -> datetime | None:
    """A time as RFC 9110 section 5.6.7 writes it; None for anything else."""
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        moment.timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo else None
