"""Which engine runs: asked for, or chosen by the documented pairing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.engines.base import Step, refuse_engine
from wasmimg.errors import NoEngine, WasmimgError
from wasmimg.image.media_types import Format

if TYPE_CHECKING:
    from wasmimg.engines.docker import DockerFacts
    from wasmimg.engines.process import Finished

__all__ = ["Choice", "choose"]

_PATIENCE = 10.0  # seconds for an engine to answer a question


class Choice(NamedTuple):
    """The engine that runs, ``why``, and what docker itself said if it is docker."""

    engine: str
    why: str
    docker: DockerFacts | None = None


def choose(asked: str, form: Format, *, environment: Mapping[str, str], idle: float, dry_run: bool = False) -> Choice:
    """The engine for ``asked``; raises NoEngine when it does not answer, UsageError when unknown.

    ``auto`` pairs Docker's format with docker and OCI with buildah, and falls back to embedded.
    A ``dry_run`` needs no engine: where one is asked for and absent, its usual set-up is assumed.
    """
    patience = min(idle, _PATIENCE)
    if asked == "embedded":
        return Choice("embedded", "as asked")
    if asked == "podman":
        raise NoEngine(
            "podman is not driven yet",
            hint="--engine buildah uses the same store and libraries; --engine embedded needs nothing",
        )
    if asked in ("docker", "buildah"):
        try:
            return Choice(asked, "as asked", _probe(asked, environment, patience))
        except NoEngine as error:
            if dry_run:
                return Choice(asked, f"as asked, though it would not run here: {error.message}")
            raise
    if asked != "auto":
        raise refuse_engine(asked)
    paired = "docker" if form is Format.DOCKER else "buildah"
    try:
        return Choice(
            paired, f"the documented engine for format {form}, and it answers", _probe(paired, environment, patience)
        )
    except NoEngine as error:
        return Choice("embedded", f"{error.message}" + (f" ({error.reason.splitlines()[-1]})" if error.reason else ""))


def _probe(engine: str, environment: Mapping[str, str], patience: float) -> DockerFacts | None:
    if engine == "buildah":
        from wasmimg.engines.buildah import PROBE

        _ask(PROBE, environment, patience)
        return None
    from wasmimg.engines.docker import PROBES, docker_facts

    version, info, buildx = PROBES
    answer = _ask(version, environment, patience)
    status = _ask(info, environment, patience).stdout
    has_buildx = _ask(buildx, environment, patience, check=False).status == 0
    return docker_facts(answer.stdout, status, has_buildx, environment.get("DOCKER_BUILDKIT"))


def _ask(step: Step, environment: Mapping[str, str], patience: float, *, check: bool = True) -> Finished:
    """Run a probe; every failure of it means that the engine cannot be used."""
    from wasmimg.engines.process import Limits, run_command

    try:
        return run_command(step.argv, environment=environment, limits=Limits(patience), check=check)
    except NoEngine:
        raise
    except WasmimgError as error:
        hint = error.hint or "use --engine embedded, which needs neither docker nor buildah"
        raise NoEngine(f"{step.argv[0]} does not answer", reason=error.reason or error.message, hint=hint) from None
