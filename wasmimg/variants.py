"""The two variants of a plugin image, and what the second one excludes."""

from __future__ import annotations

from wasmimg.errors import NoEngine, UsageError
from wasmimg.image.media_types import Format
from wasmimg.stores.places import Output

__all__ = ["embedded_for_artifact", "is_artifact"]

_VARIANTS = ("compat", "artifact")


def is_artifact(variant: str | None, form: Format, outputs: tuple[Output, ...]) -> bool:
    """Whether ``--variant`` asks for the artifact of two layers; raises UsageError where that cannot be."""
    if variant is not None and variant not in _VARIANTS:
        from difflib import get_close_matches

        near = get_close_matches(variant, _VARIANTS, 1)
        raise UsageError(
            f"unknown variant {variant!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            hint="compat is one layer that every consumer takes, artifact has two layers of types of its own",
        )
    if variant != "artifact":
        return False
    if form is Format.DOCKER or any(output.kind == "docker-archive" for output in outputs):
        raise UsageError("the artifact variant has format oci alone", hint="leave -f docker and docker-archive out")
    return True


def embedded_for_artifact(engine: str) -> str:
    """The engine that makes an artifact, where ``engine`` was asked for; raises NoEngine for another one."""
    if engine not in ("auto", "embedded"):
        raise NoEngine(
            f"{engine} cannot make the artifact variant", hint="leave the engine out: wasmimg writes it itself"
        )
    return "embedded"
