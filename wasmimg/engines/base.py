"""A build as data: an engine answers an order with a plan, and runs nothing itself.

The same plan is printed by ``--dry-run``, checked for its one copy, and run by the driver.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from wasmimg.errors import UsageError
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.reference import Reference

__all__ = [
    "ENGINES",
    "WORK",
    "Dockerfile",
    "Finish",
    "Order",
    "Plan",
    "Staged",
    "Step",
    "check_plan",
    "finish_of",
    "own_push",
    "refuse_engine",
    "steady",
]

ENGINES = ("auto", "docker", "buildah", "podman", "embedded")

# Stands in arguments for the temporary folder of a run; no argument can hold it otherwise.
WORK = "\0work"

# What an engine may be told to do: nothing else here puts a file into an image, or takes one in.
_VERBS = {
    "docker": {"build", "push", "save", "load"},
    "buildah": {"from", "copy", "config", "commit", "push"},
    "podman": {"build", "push", "save"},
}


class Dockerfile(NamedTuple):
    """A user's own Dockerfile that passed the check: its text, and what its COPY names."""

    text: str
    source: str


class Order(NamedTuple):
    """What is wanted of an engine.

    ``push`` and ``load`` say where ``references`` go; ``outputs`` are file outputs as the
    user wrote them (``oci:DIR``...). ``insecure`` lists those registries of the references
    that may be plain http or unverified, ``ca_file`` is trusted beside the system's store,
    ``own_credentials`` tells that the user gave some to wasmimg which the engine lacks.
    ``consumers`` are those of ``--for``.
    """

    module: Path
    spec: ImageSpec
    references: tuple[Reference, ...] = ()
    push: bool = False
    load: bool = False
    outputs: tuple[str, ...] = ()
    dockerfile: Dockerfile | None = None
    insecure: frozenset[str] = frozenset()
    ca_file: Path | None = None
    own_credentials: bool = False
    unique: str = ""
    consumers: tuple[str, ...] = ()

    @property
    def to_store(self) -> bool:
        """Whether the image shall stay in the engine's own store."""
        return not self.push and not self.outputs


class Staged(NamedTuple):
    """A file to be put into the temporary folder: ``text``, or else the module's bytes.

    It is a regular file of mode 0644, and its time is the image's.
    """

    name: str
    text: str | None = None


class Step(NamedTuple):
    """One command.

    ``environment`` adds to the user's; None takes a variable away. ``context`` names staged
    files that go in as a tar on standard input. ``network`` marks what talks to a registry:
    such a step may be repeated, and is ended when no byte moves. ``whole`` marks what is given time
    to finish when there is an interrupt.
    """

    purpose: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str | None], ...] = ()
    context: tuple[str, ...] = ()
    network: bool = False
    whole: bool = False


class Finish(NamedTuple):
    """What wasmimg itself does with the image an engine left at ``source``: write it in the
    format asked to ``outputs``, and push it to ``references`` if ``push``."""

    source: str
    push: bool
    outputs: tuple[str, ...]


class Plan(NamedTuple):
    """The steps of a build, in order.

    ``steps`` make the image and put it where the engine itself can; ``export`` leaves it at
    ``exported`` (a SOURCE in the temporary folder), for ``finish``, for reading back what
    stays in a store, or for pushing it when the engine could not. ``after`` follows
    ``finish``. ``cleanup`` always runs. ``signed`` tells that the engine signs what it pushes:
    then nobody else may push in its place.
    """

    engine: str
    staged: tuple[Staged, ...] = ()
    steps: tuple[Step, ...] = ()
    export: tuple[Step, ...] = ()
    exported: str = ""
    finish: Finish | None = None
    after: tuple[Step, ...] = ()
    cleanup: tuple[Step, ...] = ()
    signed: bool = False


def finish_of(order: Order, exported: str) -> tuple[Finish, tuple[Step, ...]]:
    """What is left to wasmimg and, for ``--load`` by another engine than docker, to docker."""
    outputs = order.outputs
    after: tuple[Step, ...] = ()
    if order.load:
        archive = f"{WORK}/load.tar"
        outputs += (f"docker-archive:{archive}",)
        after = (Step("load the image into docker", ("docker", "load", "-i", archive)),)
    return Finish(exported, order.push, outputs), after


def check_plan(plan: Plan) -> None:
    """Exactly one FROM scratch and one COPY, or one ``buildah copy``, of one staged module.

    Raises UsageError with line numbers for a Dockerfile, and AssertionError when a plan of
    our own is wrong.
    """
    modules = [staged.name for staged in plan.staged if staged.text is None]
    every = [step for step in (*plan.steps, *plan.export, *plan.after) if step.argv[0] == plan.engine]
    verbs = [step.argv[1] for step in every]
    if plan.engine in _VERBS and not _VERBS[plan.engine].issuperset(verbs):
        raise AssertionError(f"the plan has {plan.engine} do more than it may: {', '.join(verbs)}")
    if plan.engine in ("docker", "podman"):
        from wasmimg.image.dockerfile import check_dockerfile

        text = next(staged.text for staged in plan.staged if staged.name == "Dockerfile")
        source = check_dockerfile(text or "")
        contexts = [set(step.context) for step in every if step.argv[1] == "build"]
        if modules != [source] or contexts != [{"Dockerfile", source}]:
            raise AssertionError(f"the plan does not build once, from {source} alone")
    if plan.engine == "buildah":
        copies = [step.argv[3:] for step in every if step.argv[1] == "copy"]
        origins = [step.argv[-1] for step in every if step.argv[1] == "from"]
        if modules != [ENTRY_NAME] or copies != [(f"{WORK}/{ENTRY_NAME}", "./")] or origins != ["scratch"]:
            raise AssertionError("the plan does not copy the module exactly once, into scratch")


def steady(flags: frozenset[str]) -> tuple[str, ...]:
    """Of the options of ``buildah commit`` and ``podman build`` those that keep the engine's version and
    the time of the build out of the image, as far as it has them (``flags``)."""
    wanted = ("--identity-label=false", "--omit-history", "--created-annotation=false")
    return tuple(option for option in wanted if option.strip("-").partition("=")[0] in flags)


def own_push(order: Order) -> str | None:
    """Why wasmimg has to push itself, whatever the engine could; None when it need not."""
    if order.own_credentials:
        return "the credentials were given to wasmimg, and the engine knows only its own"
    if order.ca_file is not None:
        return "the CA was given to wasmimg, and the engine knows only its own"
    return None


def refuse_engine(name: str) -> UsageError:
    """For an engine that does not exist."""
    from difflib import get_close_matches

    near = get_close_matches(name, ENGINES, 1)
    return UsageError(
        f"unknown engine {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
        hint=f"engines are {', '.join(ENGINES)}",
    )
