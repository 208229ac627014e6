"""Image references, read as the consumers read them.

Istio, Envoy Gateway and Higress all use go-containerregistry's ``name.ParseReference``
(pkg/name: repository.go, tag.go, digest.go), which differs from docker's reading in small
ways. A reference is taken here when that parser and the distribution spec's grammar both
take it, so that whatever is pushed can be loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from wasmimg.errors import UsageError

__all__ = ["DOCKER_HUB", "Reference", "by_repository", "is_loopback", "parse_reference"]

DOCKER_HUB = "index.docker.io"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
# distribution-spec, "Pulling manifests": <name> and <reference>.
# Compiled when they are used: an image that goes to a file has no name.
_REPOSITORY = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"


class Reference(NamedTuple):
    """``registry`` is host[:port]; either ``tag`` or ``digest`` identifies the manifest.

    ``text`` is what the user wrote, with the tag that was left out added.
    """

    registry: str
    repository: str
    tag: str
    digest: str | None
    text: str

    @property
    def identifier(self) -> str:
        """What stands behind /manifests/ in the registry API."""
        return self.digest or self.tag

    @property
    def name(self) -> str:
        """The reference in full, with its registry; every engine reads it alike."""
        host = "docker.io" if self.registry == DOCKER_HUB else self.registry
        return f"{host}/{self.repository}" + (f"@{self.digest}" if self.digest else f":{self.tag}")

    def pinned(self, digest: str) -> str:
        """The reference as a user pastes it: with its tag, and pinned to ``digest``."""
        return f"{self.text.partition('@')[0]}@{digest}"

    def __str__(self) -> str:
        return self.text


def by_repository(references: Iterable[Reference]) -> list[tuple[Reference, ...]]:
    """``references`` in groups that one connection serves, in the order in which they came."""
    groups: dict[tuple[str, str], list[Reference]] = {}
    for reference in references:
        groups.setdefault((reference.registry, reference.repository), []).append(reference)
    return [tuple(group) for group in groups.values()]


def is_loopback(registry: str) -> bool:
    """Whether ``registry`` (host[:port]) is this machine: plain http there, as docker does."""
    host = registry
    if registry.startswith("["):
        host = registry[1:].partition("]")[0]
    elif registry.count(":") == 1:
        host = registry.partition(":")[0]
    host = host.lower()
    return host in ("localhost", "::1") or re.fullmatch(r"127(?:\.\d{1,3}){3}", host) is not None


def parse_reference(text: str, *, what: str = "the image reference") -> Reference:
    """Read ``[REGISTRY/]REPOSITORY[:TAG][@DIGEST]``; raises UsageError."""

    def refuse(why: str, hint: str | None = None) -> UsageError:
        return UsageError(f"{what} {text!r} is malformed: {why}", hint=hint)

    if "://" in text:
        raise refuse("it holds a scheme", f"write it without {text.partition('://')[0]}://")
    if not text or text != text.strip() or not text.isascii():
        raise refuse("it is empty" if not text.strip() else "it holds blanks or characters outside ASCII")
    base, at, digest = text.partition("@")
    if at and not re.fullmatch(_DIGEST, digest):
        raise refuse("behind @ stands no digest of the form sha256: and 64 lower-case hex digits")
    name, tag = base, ""
    head, colon, tail = base.rpartition(":")
    if colon and "/" not in tail:
        name, tag = head, tail
        if not re.fullmatch(_TAG, tag):
            raise refuse(f"{tag!r} is no tag (letters, digits, '_', '.', '-'; at most 128)")
        if name.endswith(":sha256") and re.fullmatch("[0-9a-f]{64}", tag):
            raise refuse("a digest stands where a tag belongs", f"write {name[:-7]}@sha256:{tag}")
    registry, repository = DOCKER_HUB, name
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first):
        registry, repository = first, rest
        if not re.fullmatch(_HOST, registry):
            raise refuse(f"{registry!r} is no host name")
        port = re.search(r":([0-9]+)$", registry)
        if port and int(port[1]) > 65535:
            raise refuse(f"there is no port {port[1]}")
        if registry.lower() in _HUB_NAMES:
            registry = DOCKER_HUB
    elif slash and first == "localhost":
        raise refuse(
            "docker reads 'localhost' as a registry and the proxies read it as a folder of Docker Hub",
            f"name the port: localhost:5000/{rest}",
        )
    if repository != repository.lower():
        raise refuse(
            "the repository holds upper-case letters",
            f"did you mean {text.replace(repository, repository.lower(), 1)}?",
        )
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if len(repository) < 2:
        raise refuse(
            f"the repository {repository!r} has one letter, and the parser of the proxies wants two or more"
            if repository
            else "it names no repository"
        )
    if len(repository) > 255 or not re.fullmatch(_REPOSITORY, repository):
        raise refuse(f"{repository!r} is no repository (lower-case letters, digits, '.', '_', '-', '/')")
    if digest:
        return Reference(registry, repository, tag, digest, text)
    shown = text if tag else f"{text}:latest"
    return Reference(registry, repository, tag or "latest", None, shown)
