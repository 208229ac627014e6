"""What a registry answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Answer"]


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
        from email.utils import parsedate_to_datetime

        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return None

    def words(self) -> str:
        """What the registry says, in a line: codes and messages of its errors, or the start of its body."""
        from http import HTTPStatus

        try:
            errors = json.loads(self.body)["errors"]
            said = "; ".join(
                ": ".join(filter(None, (str(one.get("code", "")), str(one.get("message", ""))))) for one in errors
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            said = "" if b"<" in self.body[:200] else self.body[:200].decode("utf-8", "replace").strip()
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        said = "".join(letter if letter.isprintable() else " " for letter in said[:500])
        return ", ".join(filter(None, (phrase, said.strip())))
