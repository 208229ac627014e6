"""The docker engine: the documented workflow of ``docker build`` and ``docker push``.

What docker versions, builders and stores make of it: BuildKit before 0.31 and a classic
store write Docker v2s2, BuildKit 0.31 (docker 29.6) OCI, the legacy builder on a containerd
store an OCI manifest with a Docker layer type, which no consumer takes. A classic store
never pushes OCI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.engines.base import WORK, Finish, Order, Plan, Staged, Step, finish_of, own_push
from wasmimg.errors import NoEngine
from wasmimg.image.dockerfile import GENERATED
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.media_types import Format
from wasmimg.image.reference import is_loopback

if TYPE_CHECKING:
    from wasmimg.engines.clients import Client
    from wasmimg.engines.docker_daemon import Daemon

__all__ = ["DockerFacts", "docker_facts", "plan_docker", "wants_signature", "why_not_direct"]

# The words for DOCKER_BUILDKIT and DOCKER_CONTENT_TRUST: docker reads them with Go's strconv.ParseBool.
_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class DockerFacts(NamedTuple):
    """What a plan depends on: ``buildkit`` or the legacy builder, ``containerd`` or the classic image
    store, docker's ``context``, and whether docker is to sign what it pushes."""

    version: str = ""
    buildkit: bool = True
    containerd: bool = False
    context: str = "default"
    signed: bool = False


def wants_signature(environment: Mapping[str, str]) -> bool:
    """Whether the user asked docker to sign what it pushes."""
    return environment.get("DOCKER_CONTENT_TRUST") in _TRUE


def can_sign(client: Client) -> bool:
    """Whether this docker knows of signatures: from 29 on it pushes without, whatever is asked."""
    return "disable-content-trust" in client.flags.get("push", frozenset())


def docker_facts(client: Client, daemon: Daemon, environment: Mapping[str, str]) -> DockerFacts:
    """What follows from client, daemon and the user's own choice; raises NoEngine when nothing can be built."""
    wanted = environment.get("DOCKER_BUILDKIT")
    if client.major >= 23 and not client.buildx and wanted in _TRUE:
        raise NoEngine(
            "docker cannot build here: DOCKER_BUILDKIT asks for BuildKit, and the plugin buildx is not installed",
            hint="install docker-buildx, unset DOCKER_BUILDKIT, or use --engine embedded",
        )
    if client.major >= 23:  # BuildKit is the plugin buildx
        buildkit = bool(client.buildx) and wanted not in _FALSE
    else:  # the client speaks it itself: on request, or when the daemon names it
        buildkit = wanted in _TRUE or (daemon.buildkit and wanted not in _FALSE)
    signed = wants_signature(environment) and can_sign(client)
    return DockerFacts(daemon.version, buildkit, daemon.containerd, daemon.context, signed)


def plan_docker(order: Order, facts: DockerFacts) -> Plan:
    """``docker build`` with exactly one COPY, then a push or an export.

    Raises NoEngine when docker is to sign what it pushes, and cannot push this itself.
    """
    spec = order.spec
    source = order.dockerfile.source if order.dockerfile else ENTRY_NAME
    text = order.dockerfile.text if order.dockerfile else GENERATED
    # What the legacy builder leaves in a containerd store cannot be pushed: wasmimg puts it there anew.
    hybrid = facts.containerd and not facts.buildkit
    keep = not hybrid and (order.push or order.load or order.to_store)
    temporary = f"wasmimg-{order.unique}:build"
    tags = [reference.name for reference in order.references] if keep else [temporary]
    why = why_not_direct(order, facts) or ("the same image goes to a file" if order.outputs else None)
    direct = order.push and why is None
    if order.push and not direct and facts.signed:
        raise NoEngine(
            "docker cannot sign this push, which DOCKER_CONTENT_TRUST asks for",
            reason=f"wasmimg would have to push: {why}",
            hint="push format docker, and write files in a second build; or unset DOCKER_CONTENT_TRUST, and sign afterwards",
        )
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
        # The builder in the daemon: what another one makes does not reach docker's store.
        ("BUILDX_BUILDER", facts.context),
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
        signed=direct and facts.signed,
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
