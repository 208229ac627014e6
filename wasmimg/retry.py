"""When to try again: one policy and one classifier.

The policy is data and tenacity runs it. The classifier sorts HTTP statuses and the texts
of docker and buildah; the texts were measured on docker 20.10 to 29 and buildah 1.19 to
1.43, the statuses are those that go-containerregistry and BuildKit repeat.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, TypeVar

from wasmimg.errors import (
    EngineFailed,
    FileSystemFailed,
    ImageRefused,
    NetworkFailed,
    NoEngine,
    NotAllowed,
    UsageError,
    WasmimgError,
)

__all__ = [
    "LOG_IN",
    "PLAIN_HTTP",
    "UNKNOWN_AUTHORITY",
    "Diagnosis",
    "Kind",
    "Policy",
    "classify_status",
    "classify_text",
    "run",
]

T = TypeVar("T")
_LONGEST_PAUSE = 30.0  # seconds; a registry that asks for more is asked again after this


class Kind(Enum):
    """What a failure says about another attempt."""

    TRANSIENT = "transient"
    PERMANENT = "permanent"
    AUTH = "auth"
    UNKNOWN = "unknown"


class Policy(NamedTuple):
    """``attempts`` of each step; no new one starts ``deadline`` seconds after the first.

    An attempt that moves bytes is never cut; one that moved none for ``idle_timeout``
    seconds is.
    """

    attempts: int = 3
    deadline: float = 120.0
    idle_timeout: float = 20.0


class Diagnosis(NamedTuple):
    """A failure, sorted: whether to repeat, as which error to report, what to do."""

    kind: Kind
    error: type[WasmimgError]
    hint: str | None = None


def classify_status(status: int) -> Kind:
    """Sort an HTTP status of a registry."""
    if status in (401, 403):
        return Kind.AUTH
    if status in (408, 425, 429, 499, 500, 502, 503, 504) or 520 <= status <= 529:
        return Kind.TRANSIENT
    return Kind.PERMANENT


LOG_IN = "log in with docker login, podman login or skopeo login, or pass --username and --password-stdin"
UNKNOWN_AUTHORITY = "pass the registry's CA with --ca-file, or list the host under insecure in wasmimg.toml"
PLAIN_HTTP = "for a registry without TLS pass --insecure, or list the host under insecure in wasmimg.toml"
_DAEMON = "start the docker daemon, or build without one: --engine embedded"
_SPACE = "make room, or point TMPDIR at a disk that has some"

# In this order, first hit wins: what a message says of TLS or of access outweighs the status
# or the network word that may stand beside it.
_TEXTS: tuple[tuple[str, Kind, type[WasmimgError], str | None], ...] = (
    (
        r"cannot connect to the docker daemon|failed to connect to the docker api|is the docker daemon running",
        Kind.PERMANENT,
        NoEngine,
        _DAEMON,
    ),
    (
        r"permission denied while trying to connect to the docker",
        Kind.PERMANENT,
        NoEngine,
        "join the group docker, or build without the daemon: --engine embedded",
    ),
    (
        r"buildkit is enabled but the buildx component is missing|client version \S+ is too (?:old|new)",
        Kind.PERMANENT,
        NoEngine,
        "install docker-buildx of the daemon's age, or use --engine embedded",
    ),
    (r"server gave http response to https client", Kind.PERMANENT, NetworkFailed, PLAIN_HTTP),
    (
        r"x509:|tls: failed to verify|certificate_verify_failed|certificate verify failed",
        Kind.PERMANENT,
        NetworkFailed,
        UNKNOWN_AUTHORITY,
    ),
    (r"no space left on device|disk quota exceeded", Kind.PERMANENT, FileSystemFailed, _SPACE),
    (r"read-only file system", Kind.PERMANENT, FileSystemFailed, None),
    (
        r"unauthorized|authentication required|no basic auth credentials|invalid username/password|authorization failed"
        r"|failed to authorize: (?!.*(?:deadline|timeout|refused|reset|eof))|insufficient_scope",
        Kind.AUTH,
        NotAllowed,
        LOG_IN,
    ),
    (
        r"\bdenied:|403 \(?forbidden|statuscode: 403|http 403 response|requested access to the resource is denied|push access denied",
        Kind.AUTH,
        NotAllowed,
        LOG_IN,
    ),
    (r"invalid reference format|unknown flag:", Kind.PERMANENT, UsageError, None),
    (
        r"toomanyrequests|too many requests",
        Kind.TRANSIENT,
        NetworkFailed,
        "the registry limits requests; try later, or log in",
    ),
    (
        r"name unknown|repository name not known|manifest unknown",
        Kind.PERMANENT,
        ImageRefused,
        "create the repository first, or check its name",
    ),
    (
        r"manifest invalid|digest invalid|blob upload invalid|unsupported|\b(?:400|405|413|415) [A-Z\"(]|statuscode: (?:400|405|413|415)|http (?:400|405|413|415) response",
        Kind.PERMANENT,
        NetworkFailed,
        None,
    ),
    (
        r"(?:unexpected http status|unexpected status[^:]*|failed to read from destination repository \S+): ?(?:5\d\d|408|429|499)"
        r"|statuscode: 5\d\d|\b5\d\d (?:internal server error|bad gateway|service unavailable|gateway time)",
        Kind.TRANSIENT,
        NetworkFailed,
        None,
    ),
    (r"unknown blob|blob unknown", Kind.TRANSIENT, NetworkFailed, None),
    (r"no such host", Kind.PERMANENT, NetworkFailed, "check the registry's name"),
    (r"temporary failure in name resolution|server misbehaving", Kind.TRANSIENT, NetworkFailed, None),
    (
        r"connection refused|connection reset|broken pipe|\beof\b|i/o timeout|tls handshake timeout|client\.timeout exceeded"
        r"|context deadline exceeded|deadlineexceeded|use of closed network connection|network is unreachable"
        r"|no route to host|timed? ?out",
        Kind.TRANSIENT,
        NetworkFailed,
        None,
    ),
)


def classify_text(text: str) -> Diagnosis:
    """Sort what docker, buildah or a resolver printed."""
    for pattern, kind, error, hint in _TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            return Diagnosis(kind, error, hint)
    return Diagnosis(Kind.UNKNOWN, EngineFailed)


def run(
    work: Callable[[], T],
    policy: Policy,
    *,
    on_retry: Callable[[WasmimgError, float], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call ``work`` until it succeeds or fails for good; its last error is raised.

    Only a transient NetworkFailed is repeated. A pause the registry asked for wins over the
    policy's own (full jitter: engines started together should not come back together).
    """
    import tenacity

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = getattr(error, "retry_after", None)
        if asked is not None:
            return min(max(float(asked), 0.0), _LONGEST_PAUSE)
        return _jitter(state)

    def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if on_retry is not None and isinstance(error, WasmimgError):
            on_retry(error, state.upcoming_sleep)

    _jitter = tenacity.wait_random_exponential(multiplier=0.5, max=8)
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(policy.attempts) | tenacity.stop_before_delay(policy.deadline),
        wait=wait,
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, NetworkFailed) and error.transient),
        before_sleep=tell,
        sleep=sleep,
        reraise=True,
    )
    return retrying(work)
