"""Asking an engine something before it is used: whatever goes wrong, it cannot be used."""

from __future__ import annotations

from collections.abc import Mapping

from wasmimg.engines.base import Step
from wasmimg.engines.process import Finished, Limits, run_command
from wasmimg.errors import NoEngine, WasmimgError

__all__ = ["ask", "does_not_answer"]


def ask(step: Step, environment: Mapping[str, str], patience: float, *, check: bool = True) -> Finished:
    """What the engine answers in ``patience`` seconds; every failure of it is a NoEngine."""
    # What it says is read by its English words.
    spoken = {**environment, "LC_ALL": "C"}
    try:
        return run_command(step.argv, environment=spoken, limits=Limits(patience), check=check)
    except NoEngine:
        raise
    except WasmimgError as error:
        raise does_not_answer(step.argv[0], error.reason or error.message, error.hint) from None


def does_not_answer(engine: str, reason: str | None, hint: str | None = None) -> NoEngine:
    """For an engine that is there and cannot be used."""
    way_out = "use --engine embedded, which needs neither docker nor buildah nor podman"
    return NoEngine(f"{engine} does not answer", reason=reason, hint=hint or way_out)
