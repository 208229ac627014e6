"""When to try again: one policy and one classifier.

The policy is data and tenacity runs it. The classifier sorts HTTP statuses and the texts
of docker, buildah and podman; the texts were measured on docker 20.10 to 29 and buildah 1.19 to
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
    StoreBusy,
    UsageError,
    WasmimgError,
)

__all__ = [
    "LOG_IN",
    "PLAIN_HTTP",
    "REACHABLE",
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

_LIMITED = "the registry limits requests; try later, or log in"
REACHABLE = "is the registry running, and the port right?"
_CREATE = "create the repository first, or check its name"
_HELPER = "install the credential helper that the config file names, or log in again"
_AUTH_FILE = "REGISTRY_AUTH_FILE and DOCKER_CONFIG have to name what is there"
_ROOTLESS = (
    "buildah and podman cannot work as this user here: install uidmap, give the user ranges in /etc/subuid and "
    "/etc/subgid and a home, or use --engine embedded"
)
_STORE = "remove the driver that is not used from the store, or use --engine embedded"
_SIGNATURE = (
    "the image may have been pushed, and is not signed: DOCKER_CONTENT_TRUST_SERVER names the notary server, or unset "
    "DOCKER_CONTENT_TRUST"
)
_CRASHED = "did the docker daemon end? its log tells why"

# In this order, first hit wins: what a message says of TLS or of access outweighs the status
# or the network word that may stand beside it. Where no diagnosis stands, the pattern has the
# HTTP status in it, and that decides.
_TEXTS: tuple[tuple[str, Diagnosis | None], ...] = (
    (
        r"cannot connect to the docker daemon|failed to connect to the docker api|is the docker daemon running",
        Diagnosis(Kind.PERMANENT, NoEngine, _DAEMON),
    ),
    (
        r"permission denied while trying to connect to the docker",
        Diagnosis(Kind.PERMANENT, NoEngine, "join the group docker, or build without the daemon: --engine embedded"),
    ),
    (
        r"buildkit is enabled but the buildx component is missing|client version \S+ is too (?:old|new)",
        Diagnosis(Kind.PERMANENT, NoEngine, "install docker-buildx of the daemon's age, or use --engine embedded"),
    ),
    # What comes behind is that server's network, and the registry's was fine.
    (
        r"notary server|failed to sign\b|trust data missing",
        Diagnosis(Kind.PERMANENT, EngineFailed, _SIGNATURE),
    ),
    (
        r"error getting credentials|docker-credential-\S+: executable file not found",
        Diagnosis(Kind.AUTH, NotAllowed, _HELPER),
    ),
    (
        r"checking authfile: |credential file is not accessible",
        Diagnosis(Kind.PERMANENT, UsageError, _AUTH_FILE),
    ),
    (
        r"new[ug]idmap|unshare\(clone_newuser\)|/setgroups: |unknown userid|netavark\.lock: permission denied"
        r"|not writeable only by the current user|storage\.conf: permission denied|fuse-overlayfs: cannot mount",
        Diagnosis(Kind.PERMANENT, NoEngine, _ROOTLESS),
    ),
    (r"several valid graphdrivers", Diagnosis(Kind.PERMANENT, NoEngine, _STORE)),
    (r"error reading from server: eof", Diagnosis(Kind.PERMANENT, EngineFailed, _CRASHED)),
    (r"server gave http response to https client", Diagnosis(Kind.PERMANENT, NetworkFailed, PLAIN_HTTP)),
    (
        r"x509:|tls: failed to verify|certificate_verify_failed|certificate verify failed",
        Diagnosis(Kind.PERMANENT, NetworkFailed, UNKNOWN_AUTHORITY),
    ),
    (r"no space left on device|disk quota exceeded", Diagnosis(Kind.PERMANENT, FileSystemFailed, _SPACE)),
    (r"read-only file system", Diagnosis(Kind.PERMANENT, FileSystemFailed)),
    (
        r"unauthorized|authentication required|no basic auth credentials|invalid username/password|authorization failed"
        r"|insufficient_scope|requested access to the resource is denied|push access denied"
        # The error code, and not the end of "permission denied".
        r"|(?:^|: |\")denied(?=[:\"]|\s*$)",
        Diagnosis(Kind.AUTH, NotAllowed, LOG_IN),
    ),
    (
        r"invalid reference format|repository name must be lowercase|unknown flag:",
        Diagnosis(Kind.PERMANENT, UsageError),
    ),
    (r"toomanyrequests|too many requests", Diagnosis(Kind.TRANSIENT, NetworkFailed, _LIMITED)),
    (
        # podman, several at a time: what one has just written is not there for a moment.
        r"locating just-written image",
        Diagnosis(Kind.TRANSIENT, StoreBusy, "another process was at work in the same store; run this again"),
    ),
    (
        r"no such image|image not known|reference does not exist|does not exist locally|tag does not exist",
        Diagnosis(
            Kind.PERMANENT, ImageRefused, "check the name; docker image ls and buildah images list what is there"
        ),
    ),
    (
        r"name unknown|repository name not known|manifest unknown",
        Diagnosis(Kind.PERMANENT, ImageRefused, _CREATE),
    ),
    (
        r"manifest invalid|digest invalid|blob upload invalid|unsupported",
        Diagnosis(Kind.PERMANENT, NetworkFailed),
    ),
    (r"(?:(?<!exit )\bstatus(?: ?code)?\b[^\n]*? |\bhttp |destination repository \S+: )([45]\d\d)\b", None),
    (
        r"\b([45]\d\d) \(?(?:bad request|forbidden|not found|method not allowed|\S+ too large|request entity too large"
        r"|internal server error|bad gateway|service unavailable|gateway time)",
        None,
    ),
    (r"unknown blob|blob unknown", Diagnosis(Kind.TRANSIENT, NetworkFailed)),
    (r"no such host", Diagnosis(Kind.PERMANENT, NetworkFailed, "check the registry's name")),
    (r"temporary failure in name resolution|server misbehaving", Diagnosis(Kind.TRANSIENT, NetworkFailed)),
    (
        r"connection refused|connection reset|broken pipe|\beof\b|i/o timeout|tls handshake timeout|client\.timeout exceeded"
        r"|context deadline exceeded|deadlineexceeded|use of closed network connection|network is unreachable"
        r"|no route to host|timed? ?out",
        Diagnosis(Kind.TRANSIENT, NetworkFailed, REACHABLE),
    ),
    # It comes before the true reason, so only where none of the above is that.
    (r"failed to authorize:", Diagnosis(Kind.AUTH, NotAllowed, LOG_IN)),
    # All that buildah before 1.40 says when its temporary folder is full.
    (r"read/write on closed pipe", Diagnosis(Kind.PERMANENT, FileSystemFailed, _SPACE)),
)


def classify_text(text: str) -> Diagnosis:
    """Sort what docker, buildah, podman or a resolver printed."""
    for pattern, diagnosis in _TEXTS:
        found = re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
        if found:
            return diagnosis or _by_status(int(found[1]))
    return Diagnosis(Kind.UNKNOWN, EngineFailed)


def _by_status(status: int) -> Diagnosis:
    kind = classify_status(status)
    if kind is Kind.AUTH:
        return Diagnosis(kind, NotAllowed, LOG_IN)
    if status == 404:
        return Diagnosis(kind, ImageRefused, _CREATE)
    return Diagnosis(kind, NetworkFailed, _LIMITED if status == 429 else None)


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
