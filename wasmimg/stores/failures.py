"""What urllib3 raises, as our own errors: what failed, why, and what to do."""

from __future__ import annotations

import re

from wasmimg.errors import NetworkFailed
from wasmimg.retry import PLAIN_HTTP, REACHABLE, UNKNOWN_AUTHORITY

__all__ = ["cause_of", "failure", "speaks_http", "speaks_tls"]

_CLIENT_CERTIFICATE = (
    "put NAME.cert with NAME.key, both readable by you, into the registry's folder in ~/.config/containers/certs.d"
)


def failure(error: Exception, host: str, idle: float) -> NetworkFailed:
    """Why no answer came from ``host``, which was given ``idle`` seconds for each byte."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        LocationValueError,
        NameResolutionError,
        ReadTimeoutError,
        SSLError,
    )

    text = cause_of(error)
    if speaks_http(error):
        return NetworkFailed(f"{host} speaks plain http where https was expected", hint=PLAIN_HTTP)
    if _wants_certificate(text):
        return NetworkFailed(
            f"{host} wants another certificate from us, or one at all", reason=text, hint=_CLIENT_CERTIFICATE
        )
    if "certificate" in text.lower():
        return NetworkFailed(f"the TLS certificate of {host} cannot be trusted", reason=text, hint=UNKNOWN_AUTHORITY)
    if isinstance(error, SSLError):
        return NetworkFailed(f"TLS with {host} failed", reason=text, transient="eof" in text.lower())
    if isinstance(error, LocationValueError):
        return NetworkFailed(f"{host} is no host name", reason=text, hint="check the registry's name")
    if isinstance(error, NameResolutionError):
        gone = "temporary" in str(error).lower()
        return NetworkFailed(
            f"the host {host} is not known", reason=text, hint="check the registry's name", transient=gone
        )
    if isinstance(error, ConnectTimeoutError):
        return NetworkFailed(
            f"{host} cannot be reached",
            reason=text,
            hint=REACHABLE,
            transient=True,
        )
    if isinstance(error, ReadTimeoutError) or isinstance(error.args[-1] if error.args else None, TimeoutError):
        return NetworkFailed(f"{host} was silent for {idle:g} seconds", transient=True)
    return NetworkFailed(f"the connection to {host} broke", reason=text, transient=True)


def cause_of(error: Exception) -> str:
    """What is behind ``error``, in the words of the system; what a server sent may be in it, and is made fit to show."""
    cause = error.__cause__ or error.__context__ or error
    text = str(cause.args[-1] if isinstance(cause, OSError) and cause.args else cause)
    return "".join(letter if letter.isprintable() else " " for letter in text[:500])


def speaks_http(error: Exception) -> bool:
    """Whether there is http where TLS was tried."""
    text = str(error).lower()
    return "wrong_version_number" in text or "record layer failure" in text or "wrong version number" in text


def speaks_tls(error: Exception) -> bool:
    """Whether ``error`` shows that the other side does speak TLS, though not with us."""
    text = str(error).lower()
    return "certificate" in text or "alert" in text


def _wants_certificate(text: str) -> bool:
    return "alert" in text.lower() and re.search("certificate|unknown ca", text, re.IGNORECASE) is not None
