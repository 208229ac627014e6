"""What docker, buildah and podman print when they fail, each text in its class."""

from __future__ import annotations

import pytest

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
from wasmimg.retry import Kind, classify_text

_BUILDAH = (
    'Error: committing container "n" to "docker://r.io/p:1": copying layers and metadata for container "id": '
    "trying to reuse blob sha256:ab at destination: "
)
_HEAD = "unknown: unexpected status from HEAD request to https://r.io/v2/p/blobs/sha256:ab: "
_SKOPEO = 'time="2024-01-01T00:00:00Z" level=fatal msg="'

AUTH = [
    "unauthorized: authentication required",
    "unauthorized",
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
    "https://auth.r.io/token?scope=repository%3Ap%3Apull&service=r.io: 401 Unauthorized",
    "failed to authorize: failed to fetch oauth token: unexpected status from POST request to "
    "https://auth.r.io/token: 401 Unauthorized",
    _HEAD + "401 Unauthorized",
    _BUILDAH + "checking whether a blob sha256:ab exists in r.io/p: unauthorized: authentication required",
    _BUILDAH + "checking whether a blob sha256:ab exists in r.io/p: authentication required",
    "no basic auth credentials",
    "push access denied, repository does not exist or may require authorization: authorization failed: "
    "no basic auth credentials",
    "server message: insufficient_scope: authorization failed",
    _BUILDAH
    + 'unable to retrieve auth token: invalid username/password: unauthorized: incorrect username or password"',
    "unable to retrieve auth token: invalid username/password: wrong",
    "denied",
    "denied: requested access to the resource is denied",
    _HEAD + "403 Forbidden",
    _BUILDAH + "failed to read from destination repository r.io/p: 403 (Forbidden)",
    _BUILDAH + 'checking whether a blob sha256:ab exists in r.io/p: StatusCode: 403, ""',
    "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value: "
    '"<html><body>blocked</body></html>"',
    "denied: <html><body>blocked</body></html>",
    "unexpected status from HEAD request to https://r.io/v2/p/manifests/1: 401 Unauthorized",
    "unauthorized: incorrect username or password",
    "Error response from daemon: denied",
    _SKOPEO + 'denied: not yours"',
    "Requesting bearer token: invalid status code from registry 403 (Forbidden)",
    "failed to authorize: something else",
    "denied: requested access to the resource is denied\nunauthorized: authentication required",
    'error getting credentials - err: exec: "docker-credential-X": executable file not found in $PATH, out: ``',
    _SKOPEO
    + 'trying to reuse blob sha256:ab at destination: checking whether a blob sha256:ab exists in r.io/p: authentication required"',
]

TRANSIENT = [
    'ERROR: failed to push r.io/p:1: failed commit on ref "index-sha256:ab": unexpected status from PUT request to '
    "https://r.io/v2/p/manifests/1: 429 Too Many Requests",
    "failed to authorize: DeadlineExceeded: context deadline exceeded",
    "unknown blob",
    "toomanyrequests: You have reached your pull rate limit",
    "toomanyrequests: rate limited",
    _HEAD + "429 Too Many Requests",
    _BUILDAH + "failed to read from destination repository r.io/p: 429 (Too Many Requests)",
    "too many requests to registry",
    _BUILDAH + 'checking whether a blob sha256:ab exists in r.io/p: StatusCode: 429, ""',
    "received unexpected HTTP status: 500 Internal Server Error",
    "received unexpected HTTP status: 502 Bad Gateway",
    "received unexpected HTTP status: 503 Service Unavailable",
    "received unexpected HTTP status: 504 Gateway Timeout",
    _HEAD + "500 Internal Server Error",
    _HEAD + "503 Service Unavailable",
    "unknown: unexpected status from PUT request to https://r.io/v2/p/blobs/uploads/1: 502 Bad Gateway",
    'failed commit on ref "manifest-sha256:ab": unexpected status from PUT request to '
    "https://r.io/v2/p/manifests/1: 503 Service Unavailable",
    _BUILDAH + "failed to read from destination repository r.io/p: 503 (Service Unavailable)",
    _BUILDAH + "received unexpected HTTP status: 503 Service Unavailable",
    _BUILDAH + 'checking whether a blob sha256:ab exists in r.io/p: StatusCode: 503, ""',
    'Get "http://r.io:5000/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
    'failed to do request: Head "https://r.io/v2/p/blobs/sha256:ab": dial tcp 127.0.0.1:5000: connect: connection refused',
    _BUILDAH
    + 'pinging container registry r.io: Get "https://r.io/v2/": dial tcp 127.0.0.1:5000: connect: connection refused',
    "EOF",
    "read tcp 127.0.0.1:40000->127.0.0.1:5000: read: connection reset by peer",
    'failed to do request: Head "https://r.io/v2/p/blobs/sha256:ab": EOF',
    'failed to do request: Put "https://r.io/v2/p/blobs/uploads/1": write tcp 127.0.0.1:1->127.0.0.1:2: write: connection reset by peer',
    'Head "http://r.io/v2/p/blobs/sha256:ab": EOF',
    'Head "http://r.io/v2/p/blobs/sha256:ab": read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer',
    "net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
    "dial tcp 10.0.0.1:443: i/o timeout",
    "context deadline exceeded",
    "net/http: TLS handshake timeout",
    'Put "https://r.io/v2/p/blobs/uploads/1": write tcp 127.0.0.1:1->127.0.0.1:2: use of closed network connection',
    "write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe",
    "unexpected EOF",
    "dial tcp: lookup r.io: Temporary failure in name resolution",
    "dial tcp: lookup r.io on 10.0.0.1:53: server misbehaving",
    'Error response from daemon: Get "https://r.io/v2/": net/http: request canceled while waiting for connection '
    "(Client.Timeout exceeded while awaiting headers)",
    "error parsing HTTP 429 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    "error parsing HTTP 503 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    'error parsing HTTP 408 response body: unexpected end of JSON input: ""',
    _HEAD + "408 Request Timeout",
    _HEAD + "522 ",
    _HEAD.replace("r.io", "r.io:443") + "503 Service Unavailable",
    _BUILDAH + "failed to read from destination repository r.io:500/p: 408 (Request Timeout)",
    "received unexpected HTTP status: 522 ",
    "failed to authorize: failed to fetch oauth token: unexpected status from POST request to "
    "https://auth.r.io/token: 503 Service Unavailable",
    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
    "https://auth.r.io/token: 429 Too Many Requests",
    'failed to authorize: failed to fetch oauth token: Post "https://auth.r.io/token": dial tcp 10.0.0.1:443: '
    "connect: connection refused",
]

PERMANENT = [
    "manifest invalid: manifest invalid",
    "error from registry: manifest invalid",
    "Error: Uploading manifest failed, attempted the following formats: application/vnd.oci.image.manifest.v1+json"
    "(writing manifest: uploading manifest 1 to r.io/p: manifest invalid: manifest invalid), "
    "application/vnd.docker.distribution.manifest.v2+json(writing manifest: uploading manifest 1 to r.io/p: manifest invalid)",
    "unsupported",
    'error parsing HTTP 415 response body: unexpected end of JSON input: ""',
    "error from registry: unsupported",
    'failed commit on ref "manifest-sha256:ab": unexpected status from PUT request to '
    "https://r.io/v2/p/manifests/1: 415 Unsupported Media Type",
    "writing manifest: uploading manifest 1 to r.io/p: StatusCode: 415, ",
    'writing manifest: uploading manifest 1 to r.io/p: StatusCode: 415, ""',
    "writing manifest: uploading manifest 1 to r.io/p: unsupported",
    "digest invalid",
    'Get "https://nosuch.invalid/v2/": dial tcp: lookup nosuch.invalid on 10.0.0.1:53: no such host',
    'failed to do request: Head "https://nosuch.invalid/v2/p/blobs/sha256:ab": dial tcp: lookup nosuch.invalid on '
    "10.0.0.1:53: no such host",
    _BUILDAH + 'pinging container registry nosuch.invalid: Get "https://nosuch.invalid/v2/": dial tcp: '
    "lookup nosuch.invalid on 10.0.0.1:53: no such host",
    'Get "https://r.io/v2/": x509: certificate signed by unknown authority',
    "x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs",
    'Get "https://r.io/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    'Get "https://r.io/v2/": http: server gave HTTP response to HTTPS client',
    'failed to do request: Head "https://r.io/v2/p/blobs/sha256:ab": http: server gave HTTP response to HTTPS client',
    'error parsing HTTP 405 response body: unexpected end of JSON input: ""',
    "error parsing HTTP 413 response body: invalid character '<' looking for beginning of value: \"<html>\"",
    "unexpected status from PUT request to https://r.io/v2/p/blobs/uploads/1: 413 Request Entity Too Large",
    "unexpected status from PUT request to https://r.io/v2/p/manifests/1: 400 Bad Request",
    "unexpected status from PUT request to https://r.io/v2/p/manifests/1: 501 Not Implemented",
    "failed to read from destination repository r.io/p: 413 (Content Too Large)",
]

OTHERS: list[tuple[type[WasmimgError], str]] = [
    *(
        (ImageRefused, text)
        for text in (
            "name unknown: repository name not known to registry",
            "error from registry: repository name not known to registry",
            _BUILDAH + "writing blob: initiating layer upload to /v2/p/blobs/uploads/ in r.io: name unknown: "
            "repository name not known to registry",
            _BUILDAH + "writing blob: initiating layer upload to /v2/p/blobs/uploads/ in r.io: "
            "repository name not known to registry",
            "unexpected status from POST request to https://r.io/v2/p/blobs/uploads/: 404 Not Found",
        )
    ),
    *(
        (NoEngine, text)
        for text in (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            "ERROR: Cannot connect to the Docker daemon at unix:///nonexistent.sock. Is the docker daemon running?",
            "failed to connect to the docker API at unix:///var/run/docker.sock; check if the path is correct and if "
            "the daemon is running: dial unix /var/run/docker.sock: connect: no such file or directory",
            "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock: "
            'Post "http://%2Fvar%2Frun%2Fdocker.sock/v1.24/build": dial unix /var/run/docker.sock: connect: permission denied',
            "permission denied while trying to connect to the docker API at unix:///var/run/docker.sock",
            "Can't add file /w/plugin.wasm to tar: io: read/write on closed pipe\n"
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
            'finding newgidmap: exec: "newgidmap": executable file not found in $PATH',
            "error determining current user: user: unknown userid 5555",
            "Error during unshare(CLONE_NEWUSER): Operation not permitted",
            'path "/var/tmp/storage-run-0" exists and it is not writeable only by the current user',
            'opening "allow" to /proc/7/setgroups: open /proc/7/setgroups: operation not permitted',
            "open /run/lock/netavark.lock: permission denied",
            "stat /home/a/.config/containers/storage.conf: permission denied",
            "fuse-overlayfs: cannot mount: Permission denied",
            "/home/a/.local/share/containers/storage contains several valid graphdrivers: vfs, overlay; "
            "Please cleanup or explicitly choose storage driver (-s <DRIVER>)",
            "ERROR: BuildKit is enabled but the buildx component is missing or broken.\n"
            "       Install the buildx component to build images with BuildKit:\n"
            "       https://docs.docker.com/go/buildx/",
            "Error response from daemon: client version 1.41 is too old. Minimum supported API version is 1.44, "
            "please upgrade your client to a newer version",
        )
    ),
    *(
        (UsageError, text)
        for text in (
            "Error: invalid reference format: repository name must be lowercase",
            'invalid argument "A" for "-t, --tag" flag: invalid reference format: repository name must be lowercase',
            'cannot parse input: "docker://A": invalid reference format',
            'ERROR: failed to build: invalid tag "A": repository name must be lowercase',
            "unknown flag: --provenance",
            "Error: unknown flag: --x",
            "Error: checking authfile: stat /home/a/.docker/config.json: no such file or directory",
            "Error: credential file is not accessible: faccessat /x/auth.json: no such file or directory",
        )
    ),
    *(
        (FileSystemFailed, text)
        for text in (
            "ResourceExhausted: failed to copy to tar: write /mnt/i.tar: no space left on device",
            "Error: mkdir /var/lib/containers: read-only file system",
            "Removing image ID file: remove /mnt/id: read-only file system",
            "open /var/lib/containers/storage/storage.lock: read-only file system",
            "write /var/tmp/x: disk quota exceeded",
            "mkdir /home/a/rundir: read-only file system",
            _BUILDAH + "writing blob: io: read/write on closed pipe",
        )
    ),
    *(
        (ImageRefused, text)
        for text in (
            "tag does not exist: r.io/p:1",
            "An image does not exist locally with the tag: r.io/p",
            "Error: nosuchimg: image not known",
            "Error response from daemon: No such image: sha256:ab",
            "WARNING: No output specified with docker-container driver. Build result will only remain in the build cache.\n"
            "tag does not exist: r.io/p:1",
        )
    ),
    *(
        (EngineFailed, text)
        for text in (
            'Error: reading build container "n": container not known',
            'Error: adding content to container "n": checking on sources under "/": copier: stat: "/w/plugin.wasm": '
            "no such file or directory",
            'Error: creating container: the container name "n" is already in use by 1f. You have to remove that '
            "container to be able to reuse that name: that name is already in use",
            'exporter "image" could not be found',
            "error contacting notary server",
            "Error: error contacting notary server: dial tcp 127.0.0.1:1: connect: connection refused",
            "Error: error contacting notary server: tls: first record does not look like a TLS handshake",
            'Error: failed to sign r.io/p:1: Get "https://notary.docker.io/v2/": EOF',
            "rpc error: code = Unavailable desc = error reading from server: EOF",
            "docker-archive doesn't support modifying existing images",
            "ERROR: Multi-platform build is not supported for the docker driver.",
            "operating system is not supported",
            "ERROR: OCI exporter is not supported for the docker driver.",
            "ERROR: Docker exporter is not supported for the docker driver.",
            'exporter option "rewrite-timestamp" conflicts with "unpack"',
            "open /var/lib/docker/tmp/docker-import-1/blobs/json: no such file or directory",
            "cannot use ForceCompressionFormat with undefined default compression format",
            "COPY failed: file not found in build context or excluded by .dockerignore: stat plugin.wasm: file does not exist",
            'failed to compute cache key: "/plugin.wasm" not found: not found',
            "ERROR: failed to build: failed to solve: failed to compute cache key: failed to calculate checksum of ref "
            'a1::b2: "/plugin.wasm": not found',
            "error checking context: no permission to read from '/w/plugin.wasm'",
            "dockerfile parse error line 1: unknown instruction: (\xb5/\xfd",
            'failed commit on ref "layer-sha256:ab"',
            "Error: mkdir /nonexistent: permission denied",
            "ERROR: mkdir /nonexistent: permission denied",
            "Error: open /w/Dockerfile: permission denied",
            "open /w/plugin.wasm: permission denied: try another user",
            "while running runtime: exit status 1: 404 files",
            "",
        )
    ),
]


@pytest.mark.parametrize("text", AUTH)
def test_refused_access_is_class_6_and_not_repeated(text: str) -> None:
    found = classify_text(text)
    assert (found.kind, found.error) == (Kind.AUTH, NotAllowed)
    assert found.hint


@pytest.mark.parametrize("text", TRANSIENT)
def test_what_may_pass_is_class_7_and_repeated(text: str) -> None:
    found = classify_text(text)
    assert (found.kind, found.error) == (Kind.TRANSIENT, NetworkFailed)


@pytest.mark.parametrize("text", PERMANENT)
def test_what_will_not_pass_is_class_7_and_not_repeated(text: str) -> None:
    found = classify_text(text)
    assert (found.kind, found.error) == (Kind.PERMANENT, NetworkFailed)


@pytest.mark.parametrize("error, text", OTHERS)
def test_what_is_no_matter_of_the_network_has_its_own_class(error: type[WasmimgError], text: str) -> None:
    found = classify_text(text)
    assert found.error is error
    assert found.kind in (Kind.PERMANENT, Kind.UNKNOWN)


def test_case_and_surroundings_do_not_matter() -> None:
    for text in (*AUTH, *PERMANENT):
        assert classify_text(f"Error response from daemon: {text.upper()}\n") == classify_text(text), text
