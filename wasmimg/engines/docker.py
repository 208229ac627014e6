"""The docker engine: the documented workflow of ``docker build`` and ``docker push``.

What docker versions, builders and stores make of it: BuildKit before 0.31 and a classic
store write Docker v2s2, BuildKit 0.31 (docker 29.6) OCI, the legacy builder on a containerd
store an OCI manifest with a Docker layer type, which no consumer takes. A classic store
never pushes OCI.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from wasmimg.engines.base import WORK, Finish, Order, Plan, Staged, Step, finish_of, own_push
from wasmimg.errors import NoEngine
from wasmimg.image.dockerfile import GENERATED
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.media_types import Format
from wasmimg.image.reference import is_loopback

__all__ = ["PROBES", "DockerFacts", "docker_facts", "plan_docker", "why_not_direct"]

# The words for DOCKER_BUILDKIT: docker reads it with Go's strconv.ParseBool.
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")

# Asked before planning: is there a daemon, which store, which builder.
PROBES = (
    Step("ask the docker daemon", ("docker", "version", "-f", "{{json .}}")),
    Step("ask for docker's image store", ("docker", "info", "-f", "{{json .DriverStatus}}")),
    Step("ask for buildx", ("docker", "buildx", "version")),
)


class DockerFacts(NamedTuple):
    """What the probes found: ``buildkit`` or the legacy builder, ``containerd`` or the
    classic image store."""

    version: str = ""
    buildkit: bool = True
    containerd: bool = False


def docker_facts(version: str, driver_status: str, buildx: bool, wants_buildkit: str | None) -> DockerFacts:
    """Read the answers of the probes; ``wants_buildkit`` is the user's DOCKER_BUILDKIT.

    Raises NoEngine when what answers is not docker (podman's stand-in).
    """
    try:
        answer = json.loads(version)
        client, server = answer["Client"], answer["Server"]
        major = int(str(client["Version"]).partition(".")[0])
        name = str(server["Version"])
    except (ValueError, KeyError, TypeError):
        hint = "use --engine buildah" if "podman" in version.lower() or "APIVersion" in version else None
        raise NoEngine("what is called docker here is not docker", reason=version[:200] or None, hint=hint) from None
    if major >= 23 and not buildx and wants_buildkit in _TRUE:
        raise NoEngine(
            "docker cannot build here: DOCKER_BUILDKIT asks for BuildKit, and the plugin buildx is not installed",
            hint="install docker-buildx, unset DOCKER_BUILDKIT, or use --engine embedded",
        )
    # From client 23 on BuildKit is the plugin buildx; before, the client speaks it itself, on request.
    buildkit = buildx and wants_buildkit not in _FALSE if major >= 23 else wants_buildkit in _TRUE
    return DockerFacts(name, buildkit, "io.containerd.snapshotter" in driver_status)


def plan_docker(order: Order, facts: DockerFacts) -> Plan:
    """``docker build`` with exactly one COPY, then a push or an export."""
    spec = order.spec
    source = order.dockerfile.source if order.dockerfile else ENTRY_NAME
    text = order.dockerfile.text if order.dockerfile else GENERATED
    # What the legacy builder leaves in a containerd store cannot be pushed: wasmimg puts it there anew.
    hybrid = facts.containerd and not facts.buildkit
    keep = not hybrid and (order.push or order.load or order.to_store)
    temporary = f"wasmimg-{order.unique}:build"
    tags = [reference.name for reference in order.references] if keep else [temporary]
    direct = order.push and not order.outputs and why_not_direct(order, facts) is None
    build = ["docker", "build", "--no-cache", "--platform", str(spec.platform)]
    for key, value in spec.labels:
        build += ["--label", f"{key}={value}"]
    for tag in tags:
        build += ["-t", tag]
    if facts.containerd and facts.buildkit:
        # Said in full, since defaults differ by version, and a zstd layer in the cache would be used again.
        mediatypes = "true" if spec.format is Format.OCI else "false"
        build += ["--output", f"type=image,oci-mediatypes={mediatypes},compression=gzip,force-compression=true"]
    environment = (
        ("BUILDX_BUILDER", None),
        ("BUILDX_NO_DEFAULT_ATTESTATIONS", "1"),
        ("SOURCE_DATE_EPOCH", str(spec.epoch)),
    )
    steps = [Step("build the image with docker", (*build, "-"), environment, context=("Dockerfile", source))]
    if direct:
        steps += [
            Step(f"push {reference} with docker", ("docker", "push", reference.name), network=True)
            for reference in order.references
        ]
    archive = f"{WORK}/image.tar"
    exported = f"docker-archive:{archive}"
    finish: Finish | None = None
    after: tuple[Step, ...] = ()
    if hybrid and (order.load or order.to_store):
        finish, after = finish_of(order._replace(load=True), exported)
    elif not direct and (order.push or order.outputs):
        finish = Finish(exported, order.push, order.outputs)
    return Plan(
        "docker",
        staged=(Staged("Dockerfile", text), Staged(source)),
        steps=tuple(steps),
        export=(Step("take the image out of docker", ("docker", "save", "-o", archive, tags[0])),),
        exported=exported,
        finish=finish,
        after=after,
        cleanup=() if keep else (Step("remove the temporary tag", ("docker", "image", "rm", temporary)),),
    )


def why_not_direct(order: Order, facts: DockerFacts) -> str | None:
    """Why ``docker push`` cannot be used for ``order``; None when it can."""
    if order.spec.format is Format.OCI:
        if not facts.containerd:
            return "a classic docker store never pushes OCI"
        return "docker cannot write the annotation of the compat variant"
    if facts.containerd and not facts.buildkit:
        return "docker's legacy builder on a containerd store pushes an OCI manifest with a Docker layer, which no proxy takes"
    if own_push(order):
        return own_push(order)
    if any(not is_loopback(registry) for registry in order.insecure):
        return "which registries docker trusts is a setting of its daemon"
    return None
