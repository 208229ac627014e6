"""The buildah engine: the documented ``from scratch``, ``copy`` exactly once, ``commit``."""

from __future__ import annotations

import os
from collections.abc import Mapping

from wasmimg.engines.base import WORK, Finish, Order, Plan, Staged, Step, finish_of, own_push, steady
from wasmimg.errors import NoEngine
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.reference import Reference, is_loopback

__all__ = ["PROBE", "plan_buildah", "readable_by_buildah"]

PROBE = Step("ask buildah", ("buildah", "info"))


def readable_by_buildah(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without a DOCKER_CONFIG that has no config.json: buildah stops there, whatever it is to do."""
    folder = environment.get("DOCKER_CONFIG")
    gone = folder and not os.path.exists(os.path.join(folder, "config.json"))
    return {name: value for name, value in environment.items() if not (gone and name == "DOCKER_CONFIG")}


def plan_buildah(order: Order, flags: Mapping[str, frozenset[str]] = {}, *, private: bool = False) -> Plan:
    """The three documented commands, and ``buildah rm`` always; ``flags`` are buildah's options by command.

    ``private`` is for a store that goes with the build: raises NoEngine for an image that is to stay there.
    """
    spec, container = order.spec, f"wasmimg-{order.unique}"
    origin = ["buildah", "from", "--name", container, "--os", spec.platform.os, "--arch", spec.platform.architecture]
    if spec.platform.variant:
        origin += ["--variant", spec.platform.variant]
    config = [word for key, value in spec.manifest_annotations().items() for word in ("--annotation", f"{key}={value}")]
    config += [word for key, value in spec.labels for word in ("--label", f"{key}={value}")]
    # Compression is off by default for everything but a registry. --timestamp makes the commit repeatable.
    commit = ["buildah", "commit", "--disable-compression=false", "--timestamp", str(spec.epoch)]
    commit += steady(flags.get("commit", frozenset()))
    steps = [
        Step("begin a container with buildah", (*origin, "scratch")),
        Step("copy the module", ("buildah", "copy", container, f"{WORK}/{ENTRY_NAME}", "./")),
    ]
    if config:
        steps.append(Step("describe the image", ("buildah", "config", *config, container)))
    layout = f"oci:{WORK}/layout:image"
    # A layout holds OCI; where Docker's format is asked, wasmimg writes its manifest from that.
    export = Step("commit the image to a layout", (*commit, "--format", "oci", container, layout))
    finish: Finish | None = None
    after: tuple[Step, ...] = ()
    if order.outputs or order.load or (order.push and (private or own_push(order))):
        finish, after = finish_of(order, layout)
    elif order.push:
        steps += [_push(order, commit, container, reference) for reference in order.references]
    elif private:
        raise NoEngine("buildah cannot keep an image here: its store cannot be opened", hint="add --push or -o oci:DIR")
    else:
        names = [reference.name for reference in order.references]
        steps += [Step(f"commit {name}", (*commit, "--format", str(spec.format), container, name)) for name in names]
        export = Step("read the image back", ("buildah", "push", "--format", "oci", names[0], layout))
    plan = Plan(
        "buildah",
        staged=(Staged(ENTRY_NAME),),
        steps=tuple(steps),
        export=(export,),
        exported=layout,
        finish=finish,
        after=after,
        cleanup=(Step("remove the container", ("buildah", "rm", container)),),
    )
    if not private:
        return plan
    from wasmimg.engines.private_store import in_private_store

    return in_private_store(plan)


def _push(order: Order, commit: list[str], container: str, reference: Reference) -> Step:
    argv = [*commit, "--format", str(order.spec.format)]
    if reference.registry in order.insecure or is_loopback(reference.registry):
        argv.append("--tls-verify=false")
    return Step(f"push {reference} with buildah", (*argv, container, f"docker://{reference.name}"), network=True)
