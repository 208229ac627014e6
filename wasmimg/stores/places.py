"""Reading the two ways to name a place: SOURCE, where an image is read, and ``-o``, where it goes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from wasmimg.errors import UsageError
from wasmimg.events import Tell
from wasmimg.image.bundle import Bundle
from wasmimg.image.manifest import Image
from wasmimg.image.reference import Reference, parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.archive import (
    check_archive_target,
    open_docker_archive,
    open_oci_archive,
    write_docker_archive,
    write_oci_archive,
)
from wasmimg.stores.credentials import Access
from wasmimg.stores.layout import check_layout_target, open_layout, write_layout
from wasmimg.stores.opened import OpenedImage

__all__ = [
    "OUTPUT_KINDS",
    "NamedOutput",
    "Output",
    "has_prefix",
    "named_output",
    "open_source",
    "parse_output",
    "registry_reference",
]

OUTPUT_KINDS = ("oci", "oci-archive", "docker-archive")
_ENGINE_STORES = ("docker-daemon", "containers-storage")


class Output(NamedTuple):
    """A file output: ``kind`` is one of OUTPUT_KINDS."""

    kind: str
    path: Path

    def __str__(self) -> str:
        return f"{self.kind}:{self.path}"

    def check(self) -> None:
        """Whether it may be written; raises FileSystemFailed."""
        if self.kind == "oci":
            check_layout_target(self.path)
        else:
            check_archive_target(self.path)

    def write(self, image: Image | Bundle, references: tuple[Reference, ...]) -> None:
        """Write ``image``; an OCI layout calls it by the first reference, docker by all.

        A docker-archive holds an image of one layer and nothing else.
        """
        name = references[0].name if references else None
        if self.kind == "oci":
            write_layout(self.path, image, name)
        elif self.kind == "oci-archive":
            write_oci_archive(self.path, image, [name])
        else:
            assert isinstance(image, Image)
            write_docker_archive(self.path, image, [reference.name for reference in references])

    def open(self, references: tuple[Reference, ...]) -> OpenedImage:
        """The image that was written, for reading back."""
        name = references[0].name if references else None
        if self.kind == "oci":
            # Without a name it was written as the one entry that has none.
            return open_layout(self.path, name if name is not None else "")
        if self.kind == "oci-archive":
            return open_oci_archive(self.path, name)
        return open_docker_archive(self.path)


def has_prefix(text: str) -> bool:
    """Whether SOURCE says itself what it is: ``docker://``, ``oci:``..."""
    kind, colon, _ = text.partition(":")
    return text.startswith("docker://") or (bool(colon) and kind in (*OUTPUT_KINDS, *_ENGINE_STORES))


def parse_output(text: str, folder: Path) -> Output:
    """Read ``oci:DIR``, ``oci-archive:FILE``, ``docker-archive:FILE``; raises UsageError.

    Paths are relative to ``folder``.
    """
    kind, colon, path = text.partition(":")
    if not colon or kind not in OUTPUT_KINDS or not path:
        from difflib import get_close_matches

        near = get_close_matches(kind, OUTPUT_KINDS, 1) if colon else []
        known = "oci:DIR, oci-archive:FILE and docker-archive:FILE"
        raise UsageError(
            f"the output {text!r} is not understood" + (f"; did you mean {near[0]}:?" if near else ""),
            hint=f"outputs are {known}",
        )
    return Output(kind, folder / path)


class NamedOutput(NamedTuple):
    """A file output and the name of the image in it, if it shall have one."""

    output: Output
    name: str | None


def named_output(text: str, folder: Path) -> NamedOutput | None:
    """Read ``oci:DIR[:NAME]`` and ``oci-archive:FILE[:NAME]``, which keep an image as it is.

    None for what has no prefix; raises UsageError for one that cannot keep the digest.
    """
    if not has_prefix(text):
        return None
    kind, _, rest = text.partition(":")
    if kind not in ("oci", "oci-archive"):
        raise UsageError(
            f"{kind}: cannot keep an image as it is",
            hint="copy to oci:DIR or oci-archive:FILE, or use wasmimg convert SOURCE -f docker -o docker-archive:FILE",
        )
    path, name = _path_and_name(rest)
    if name is None and not os.path.exists(path):  # nothing is there yet: the path ends at the first colon
        head, _, name = rest.partition(":")
        path = Path(head)
    return NamedOutput(parse_output(f"{kind}:{path}", folder), name or None)


def registry_reference(text: str) -> Reference | None:
    """The reference that SOURCE names in a registry; None for every other place."""
    if text.startswith("docker://") or not (has_prefix(text) or os.path.exists(text)):
        return parse_reference(text.removeprefix("docker://"))
    return None


@contextmanager
def open_source(
    text: str, *, access: Access, environment: Mapping[str, str], policy: Policy, tell: Tell
) -> Iterator[OpenedImage]:
    """The image at SOURCE, as skopeo and buildah write it; raises UsageError and what reading raises."""
    kind, colon, rest = text.partition(":")
    if kind in _ENGINE_STORES and colon:
        from wasmimg.stores.engine_stores import open_engine_store

        with open_engine_store(kind, rest, environment=environment, policy=policy, tell=tell) as opened:
            yield opened
        return
    if text.startswith("docker://") or not (colon and kind in OUTPUT_KINDS):
        from wasmimg.stores.registry import Registry

        reference = parse_reference(_bare(text))
        with Registry(reference, access=access, environment=environment, policy=policy, tell=tell) as registry:
            yield registry.open()
        return
    if not rest:
        raise UsageError(f"{text} names no file", hint=f"write {kind}:{'DIR' if kind == 'oci' else 'FILE'}")
    path, name = _path_and_name(rest)
    if not os.path.exists(path):
        raise UsageError(f"no such file: {path}")
    if kind == "oci":
        yield open_layout(path, name)
    elif kind == "oci-archive":
        yield open_oci_archive(path, name)
    else:
        yield open_docker_archive(path, name)


def _bare(text: str) -> str:
    if text.startswith("docker://"):
        return text.removeprefix("docker://")
    path = Path(text)
    # Not Path.exists(), here and below: that one fails on a text that is too long for a path.
    if os.path.exists(path / "oci-layout"):
        raise UsageError(f"{text} is a folder", hint=f"an OCI layout is named oci:{text}")
    if os.path.exists(path):
        raise UsageError(
            f"{text} is a file, and an image is wanted here",
            hint=f"an archive is named oci-archive:{text} or docker-archive:{text}",
        )
    if text.startswith(("/", "./", "../")):  # a path, and no reference
        raise UsageError(f"no such file: {text}")
    if "/" not in text:
        raise UsageError(f"no such file: {text}", hint="an image of Docker Hub is named docker://" + text)
    return text


def _path_and_name(rest: str) -> tuple[Path, str | None]:
    """``DIR[:NAME]``; a path that exists as written has no name behind it."""
    if os.path.exists(rest):
        return Path(rest), None
    # A name may hold colons itself (host:5000/a:b), so the shortest path that exists is taken.
    for at, letter in enumerate(rest):
        if letter == ":" and at and os.path.exists(rest[:at]):
            return Path(rest[:at]), rest[at + 1 :]
    return Path(rest), None
