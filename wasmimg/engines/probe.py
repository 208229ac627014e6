"""Which engine runs: asked for, or chosen by the documented pairing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.engines.base import refuse_engine
from wasmimg.errors import NoEngine
from wasmimg.image.media_types import Format

if TYPE_CHECKING:
    from wasmimg.engines.docker import DockerFacts

__all__ = ["STAND_IN", "Choice", "choose", "paired_engine"]

_PATIENCE = 10.0  # seconds for an engine to answer a question
STAND_IN = "what is called docker here is podman, and is driven as podman"


class Choice(NamedTuple):
    """The engine that runs, ``why``, what docker said if it is docker, and else its options by command.

    ``private`` is whether buildah needs a store of its own.
    """

    engine: str
    why: str
    docker: DockerFacts | None = None
    flags: Mapping[str, frozenset[str]] = {}
    private: bool = False


def paired_engine(form: Format) -> str:
    """The engine of the documented workflow for ``form``."""
    return "docker" if form is Format.DOCKER else "buildah"


def choose(asked: str, form: Format, *, environment: Mapping[str, str], idle: float, dry_run: bool = False) -> Choice:
    """The engine for ``asked``; raises NoEngine when it does not answer, UsageError when unknown.

    ``auto`` pairs Docker's format with docker and OCI with buildah, and falls back to embedded.
    A ``dry_run`` needs no engine: where one is asked for and absent, its usual set-up is assumed.
    """
    patience = min(idle, _PATIENCE)
    if asked == "embedded":
        return Choice("embedded", "as asked")
    if asked in ("docker", "buildah", "podman"):
        try:
            return _probe(asked, "as asked", environment, patience)
        except NoEngine as error:
            if dry_run:
                return Choice(asked, f"as asked, though it would not run here: {error.message}")
            raise
    if asked != "auto":
        raise refuse_engine(asked)
    why = f"the documented engine for format {form}, and it answers"
    try:
        return _probe(paired_engine(form), why, environment, patience, anyhow=False)
    except NoEngine as error:
        return Choice("embedded", f"{error.message}" + (f" ({error.reason.splitlines()[-1]})" if error.reason else ""))


def _probe(engine: str, why: str, environment: Mapping[str, str], patience: float, *, anyhow: bool = True) -> Choice:
    from wasmimg.engines.clients import read_client

    client = read_client(engine, environment, patience)
    if engine == "docker" and client.kind == "docker":
        from wasmimg.engines.docker import docker_facts
        from wasmimg.engines.docker_daemon import ask_daemon

        return Choice(engine, why, docker_facts(client, ask_daemon(client, environment, patience), environment))
    if engine == "docker":
        engine, why = "podman", STAND_IN
        client = read_client(engine, environment, patience)
    from wasmimg.engines import buildah, podman
    from wasmimg.engines.asking import ask

    try:
        ask(buildah.PROBE if engine == "buildah" else podman.PROBE, environment, patience)
    except NoEngine as error:
        from wasmimg.engines.private_store import works_privately

        if engine != "buildah" or not anyhow or not works_privately(environment, patience):
            raise
        why += f", in a store of its own ({(error.reason or error.message).splitlines()[-1]})"
        return Choice(engine, why, flags=client.flags, private=True)
    return Choice(engine, why, flags=client.flags)
