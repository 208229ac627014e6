"""The Dockerfile of the documented workflow: ``FROM scratch`` and exactly one ``COPY``.

Both the generated file and a user's own go through the same reading, so "exactly one COPY"
holds before docker runs. Grammar: docs.docker.com/reference/dockerfile, "Format".
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from typing import NamedTuple

from wasmimg.errors import UsageError
from wasmimg.image.layer import ENTRY_NAME

__all__ = ["GENERATED", "Instruction", "check_dockerfile", "parse_dockerfile"]

GENERATED = f"FROM scratch\nCOPY {ENTRY_NAME} ./\n"

# Instructions that change the config alone and so add no layer.
_METADATA = frozenset(
    {
        "ARG",
        "CMD",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
    }
)
_ROOT = frozenset({".", "./", "/", "/."})
_READ_BY_DOCKER = ("Dockerfile", "Dockerfile.dockerignore", ".dockerignore")  # docs.docker.com/build/concepts/context


class Instruction(NamedTuple):
    """One instruction: its first line number (from 1), its name in capitals, the rest."""

    line: int
    name: str
    rest: str


def parse_dockerfile(text: str) -> tuple[Instruction, ...]:
    """Cut ``text`` into instructions: comments, continuations and ``# escape=`` are heeded."""
    escape = "\\"
    lines = text.removeprefix("\ufeff").splitlines()
    for line in lines:
        directive = re.fullmatch(r"\s*#\s*([A-Za-z]+)\s*=\s*(.+?)\s*", line)
        if directive is None:
            break
        if directive[1].lower() == "escape" and directive[2] in ("\\", "`"):
            escape = directive[2]
    found: list[Instruction] = []
    pending: list[str] = []
    start = 0
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if stripped.startswith("#") or not stripped:
            continue  # comments and blank lines are dropped even inside a continued instruction
        if not pending:
            start = number
        if stripped.endswith(escape):
            pending.append(stripped[: -len(escape)])
            continue
        pending.append(stripped)
        found.append(_instruction(start, pending))
        pending = []
    if pending:
        found.append(_instruction(start, pending))
    return tuple(found)


def _instruction(line: int, parts: list[str]) -> Instruction:
    name, *rest = " ".join(parts).strip().split(maxsplit=1)
    return Instruction(line, name.upper(), rest[0].strip() if rest else "")


def check_dockerfile(text: str, *, name: str = "Dockerfile") -> str:
    """The source path of the one COPY; raises UsageError that names every offending line.

    The file must give an image of one layer that holds ``plugin.wasm`` at its root and
    nothing else.
    """
    instructions = parse_dockerfile(text)
    faults: list[tuple[int, str]] = []
    copies = [one for one in instructions if one.name in ("COPY", "ADD")]
    froms = [one for one in instructions if one.name == "FROM"]
    if not froms:
        faults.append((1, "there is no FROM; it must be FROM scratch"))
    for extra in froms[1:]:
        faults.append((extra.line, "a second FROM: exactly one stage is allowed"))
    for one in froms[:1]:
        faults += _from_faults(one)
    if not copies:
        faults.append((len(text.splitlines()) or 1, "there is no COPY; there must be exactly one"))
    elif len(copies) > 1:
        places = ", ".join(str(one.line) for one in copies)
        faults += [
            (
                one.line,
                f"{one.name} number {number} of {len(copies)} (lines {places}); there must be exactly one, since each makes a layer",
            )
            for number, one in enumerate(copies, 1)
        ]
    source = ""
    if len(copies) == 1:
        source, copy_faults = _copy_faults(copies[0])
        faults += copy_faults
    for one in instructions:
        if one.name in ("FROM", "COPY", "ADD") or one.name in _METADATA:
            continue
        if one.name == "WORKDIR" and one.rest in _ROOT:
            continue
        reason = {
            "RUN": "RUN is not possible in an image from scratch and would make a layer",
            "WORKDIR": "WORKDIR makes a folder, and so a layer",
            "ONBUILD": "ONBUILD has no meaning in a plugin image",
        }.get(one.name, f"{one.name} is not known here")
        faults.append((one.line, reason))
    if faults:
        faults.sort()
        raise UsageError(
            f"{name} would not give the one layer that proxies load",
            reason="\n".join(f"{name}:{line}: {fault}" for line, fault in faults),
            hint=f"the documented file is two lines: FROM scratch, then COPY {ENTRY_NAME} ./",
        )
    return source


def _from_faults(one: Instruction) -> list[tuple[int, str]]:
    words = [word for word in one.rest.split() if not word.startswith("--")]
    if not words or words[0] != "scratch" or (len(words) != 1 and not (len(words) == 3 and words[1].upper() == "AS")):
        return [
            (one.line, f"FROM {one.rest}: the base must be scratch, since every other one brings layers of its own")
        ]
    return []


def _copy_faults(one: Instruction) -> tuple[str, list[tuple[int, str]]]:
    def fault(why: str) -> tuple[str, list[tuple[int, str]]]:
        return "", [(one.line, f"{one.name} {one.rest}: {why}")]

    rest = one.rest
    while rest.startswith("--"):
        flag, _, rest = rest.partition(" ")
        rest = rest.lstrip()
        if flag.startswith("--from"):
            return fault("--from takes the file out of another image, which wasmimg cannot check")
        if not flag.startswith(("--chown", "--chmod", "--link", "--checksum")):
            return fault(f"{flag.partition('=')[0]} is not supported here")
    try:
        words = json.loads(rest) if rest.startswith("[") else shlex.split(rest)
    except ValueError:
        return fault("its arguments cannot be read")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words) or len(words) != 2:
        return fault("it must name one file and where it goes")
    source, target = words
    if "<<" in source:
        return fault("a here-document is not a module")
    if "$" in source + target:
        return fault("a variable cannot be checked; write the path out")
    if any(letter in source for letter in "*?["):
        return fault("a pattern may match more than one file; name the module")
    if "://" in source or source.startswith("git@"):
        return fault("the module must be a local file")
    placed = posixpath.basename(source) if target in _ROOT else posixpath.normpath("/" + target).lstrip("/")
    if (target not in _ROOT and target.endswith("/")) or "/" in placed:
        return fault(f"the file must lie at the root, as {ENTRY_NAME}")
    if placed != ENTRY_NAME:
        return fault(
            f"in the image the file would be called {placed}, and proxies look for {ENTRY_NAME}; write: COPY {source} ./{ENTRY_NAME}"
        )
    # A trailing ".." or a leading "/" both mean: relative to the context's root.
    source = posixpath.normpath("/" + source).lstrip("/")
    if not source:
        return fault("that is a whole folder; name the module")
    if source.partition("/")[0] in _READ_BY_DOCKER:
        return fault("docker reads that name in the build's context itself; call the module otherwise")
    return source, []
