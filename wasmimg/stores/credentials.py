"""Credentials as docker, podman and skopeo keep them.

Sources: docker/cli config file ("auths", "credsStore", "credHelpers"), containers/image
docs/containers-auth.json.5.md (per-repository keys), docker-credential-helpers README (the
protocol of a helper).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.errors import NotAllowed, UsageError
from wasmimg.image.reference import DOCKER_HUB

__all__ = [
    "Access",
    "Credentials",
    "auth_files",
    "find_credentials",
    "hub_key",
    "read_auth_file",
]

_HUB_KEY = "https://index.docker.io/v1/"
_HELPER_SECONDS = 30.0


class Credentials(NamedTuple):
    """A user name and password, or an identity token; ``source`` says where from."""

    username: str
    password: str
    source: str
    identity_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(source={self.source!r})"

    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        import base64

        pair = f"{self.username}:{self.password}".encode(errors="surrogatepass")
        return "Basic " + base64.b64encode(pair).decode()


class Access(NamedTuple):
    """How registries may be reached: what the user said on the command line or in the file.

    ``insecure`` names hosts (host[:port]) that may be plain http or unverified TLS;
    ``all_insecure`` means each of them. ``given`` are credentials that outrank all files.
    """

    insecure: tuple[str, ...] = ()
    all_insecure: bool = False
    ca_file: Path | None = None
    given: Credentials | None = None
    docker_only: bool = False

    def is_insecure(self, registry: str) -> bool:
        """Whether ``registry`` (host[:port]) need not prove who it is."""
        return self.all_insecure or registry in self.insecure


def hub_key(registry: str) -> str:
    """The key of ``registry`` in an auth file: Docker Hub has an old address as its own."""
    return _HUB_KEY if registry == DOCKER_HUB else registry


def auth_files(environment: Mapping[str, str], *, docker_only: bool = False) -> Iterator[tuple[Path, str]]:
    """The files that may hold credentials, first hit wins: (path, how it was found)."""
    home = Path(_home(environment))
    if environment.get("REGISTRY_AUTH_FILE") and not docker_only:
        yield Path(environment["REGISTRY_AUTH_FILE"]), "REGISTRY_AUTH_FILE"
    if environment.get("DOCKER_CONFIG"):
        yield Path(environment["DOCKER_CONFIG"]) / "config.json", "DOCKER_CONFIG"
        if docker_only:
            return
    if not docker_only:
        if environment.get("XDG_RUNTIME_DIR"):
            yield Path(environment["XDG_RUNTIME_DIR"]) / "containers" / "auth.json", "XDG_RUNTIME_DIR"
        yield home / ".config" / "containers" / "auth.json", "the home folder"
    yield home / ".docker" / "config.json", "the home folder"


def find_credentials(
    registry: str, repository: str, environment: Mapping[str, str], *, docker_only: bool = False
) -> Credentials | None:
    """The first credentials for ``registry``/``repository`` in any file; None for anonymous.

    Raises NotAllowed when a helper fails, and UsageError when a file cannot be read.
    """
    for path, found_by in auth_files(environment, docker_only=docker_only):
        content = read_auth_file(path)
        if content is None:
            continue
        found = _in_file(content, registry, repository, f"{path} ({found_by})")
        if found is not None:
            return found
    return None


def read_auth_file(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``; None when there is no such file."""
    try:
        content = json.loads(path.read_bytes() or b"{}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"the credentials in {path} cannot be read", reason=error.strerror) from None
    except (ValueError, RecursionError):
        raise UsageError(f"the credentials file {path} is no JSON", hint="mend it, or log in again") from None
    if not isinstance(content, dict):
        raise UsageError(f"the credentials file {path} is no JSON object", hint="mend it, or log in again")
    return content


def _in_file(content: dict[str, Any], registry: str, repository: str, source: str) -> Credentials | None:
    key = hub_key(registry)
    helpers = content.get("credHelpers")
    names = (key, "docker.io", DOCKER_HUB) if registry == DOCKER_HUB else (key,)
    own = [helpers[name] for name in names if name in helpers] if isinstance(helpers, dict) else []
    # An empty helper is one: it keeps the registry out of the store (docker/cli, config/configfile/file.go).
    helper = own[0] if own else content.get("credsStore")
    if isinstance(helper, str) and helper:
        found = _ask_helper(helper, key, source)
        if found is not None:
            return found
    auths = content.get("auths")
    if isinstance(auths, dict):
        for name in _keys(registry, repository):
            entry = auths.get(name)
            if isinstance(entry, dict):
                found = _from_entry(entry, f"{source}, entry {name}")
                if found is not None:
                    return found
    return None


def _keys(registry: str, repository: str) -> Iterator[str]:
    """Most specific first: the repository, its parents, the registry in its spellings."""
    host = "docker.io" if registry == DOCKER_HUB else registry
    parts = repository.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join([host, *parts[:count]])
    if registry == DOCKER_HUB:
        yield from (_HUB_KEY, "docker.io", "index.docker.io", "https://index.docker.io/v1", "registry-1.docker.io")
    else:
        yield from (
            registry,
            f"https://{registry}",
            f"https://{registry}/",
            f"http://{registry}",
            f"https://{registry}/v1/",
        )
        yield from (f"https://{registry}/v2/", f"http://{registry}/")


def _from_entry(entry: dict[str, Any], source: str) -> Credentials | None:
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials("", "", source, token)
    auth = entry.get("auth")
    if isinstance(auth, str) and auth:
        import base64

        try:
            # docker pads the password with zero bytes in some versions
            username, colon, password = base64.b64decode(auth, validate=True).decode().partition(":")
        except ValueError:
            colon = ""
        if not colon:
            raise UsageError(
                f"the credentials in {source} cannot be read", reason="'auth' is not base64 of USER:PASSWORD"
            )
        return Credentials(username, password.strip("\0"), source)
    user, secret = entry.get("username"), entry.get("password")
    if isinstance(user, str) and isinstance(secret, str) and user:
        return Credentials(user, secret, source)
    return None


def _ask_helper(helper: str, key: str, source: str) -> Credentials | None:
    import subprocess

    program = f"docker-credential-{helper}"
    try:
        answer = subprocess.run(
            [program, "get"], input=key.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:  # ValueError: no program can have such a name
        why = (
            f"{program} is not on PATH"
            if isinstance(error, FileNotFoundError)
            else f"{program} failed: {type(error).__name__}"
        )
        raise NotAllowed(
            f"the credentials for {key} cannot be read", reason=f"{source} names a helper, and {why}"
        ) from None
    if answer.returncode != 0:
        words = (answer.stdout + answer.stderr).decode("utf-8", "replace").strip()
        if "not found" in words.lower():
            return None
        raise NotAllowed(
            f"the credentials for {key} cannot be read", reason=f"{program} (named in {source}) said: {words[:300]}"
        )
    try:
        reply = json.loads(answer.stdout)
        username, secret = str(reply["Username"]), str(reply["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NotAllowed(
            f"the credentials for {key} cannot be read", reason=f"{program} (named in {source}) answered no JSON"
        ) from None
    where = f"{program} (named in {source})"
    return Credentials("", "", where, secret) if username == "<token>" else Credentials(username, secret, where)


def _home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or environment.get("USERPROFILE") or os.path.expanduser("~")
