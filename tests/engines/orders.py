"""Orders and plans for the tests of the engines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from wasmimg.engines.base import Order, Plan, Step
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference

UNIQUE = "0123456789abcdef"
MODULE = Path("/plugins/my plugin.wasm")

# Where an image may go, as fields of an Order.
PLACES: dict[str, dict[str, Any]] = {
    "push": {"push": True},
    "layout": {"outputs": ("oci:out",)},
    "archive": {"outputs": ("oci-archive:out.tar", "docker-archive:out2.tar")},
    "store": {},
    "load": {"load": True},
    "push and layout": {"push": True, "outputs": ("oci:out",)},
    "push and load": {"push": True, "load": True},
    "push with credentials": {"push": True, "own_credentials": True},
    "push with a CA": {"push": True, "ca_file": Path("ca.pem")},
}


def order(*references: str, form: Format = Format.OCI, spec: ImageSpec | None = None, **more: Any) -> Order:
    """An order for ``references`` in ``form``; ``more`` are fields of Order."""
    base = Order(MODULE, (spec or ImageSpec())._replace(format=form), tuple(map(parse_reference, references)))
    return base._replace(unique=UNIQUE, **more)


def every_step(plan: Plan) -> tuple[Step, ...]:
    """All steps of a plan, in the order in which they may run."""
    return (*plan.steps, *plan.export, *plan.after, *plan.cleanup)


def commands(steps: tuple[Step, ...], *words: str) -> list[tuple[str, ...]]:
    """The arguments of those steps that begin with ``words``."""
    return [step.argv for step in steps if step.argv[: len(words)] == words]


def values_of(argv: tuple[str, ...], option: str) -> list[str]:
    """What follows ``option`` wherever it stands."""
    return [value for word, value in pairwise(argv) if word == option]
