"""The podman engine: the documented workflow with ``podman build`` and ``podman push``.

Podman makes OCI by default and pushes what it made, but containers.conf may ask for zstd, which
no proxy takes: format and compression are always said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wasmimg.engines.base import WORK, Finish, Order, Plan, Staged, Step, finish_of, own_push, steady
from wasmimg.errors import UsageError
from wasmimg.image.dockerfile import GENERATED
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.media_types import Format
from wasmimg.image.reference import Reference, is_loopback

__all__ = ["PROBE", "plan_podman"]

# It opens the store, as a build would; `podman info` does more, and takes ten times as long.
PROBE = Step("ask podman", ("podman", "images", "--quiet"))
_FORMATS = {Format.OCI: "oci", Format.DOCKER: "v2s2"}


def plan_podman(order: Order, flags: Mapping[str, frozenset[str]] = {}) -> Plan:
    """``podman build`` with exactly one COPY, then a push or an export; ``flags`` are podman's options by command."""
    spec = order.spec
    source = order.dockerfile.source if order.dockerfile else ENTRY_NAME
    text = order.dockerfile.text if order.dockerfile else GENERATED
    keep = order.push or (order.to_store and not order.load)
    temporary = f"localhost/wasmimg-{order.unique}:build"
    tags = [reference.name for reference in order.references] if keep else [temporary]
    # --timestamp makes the build repeatable, and --layers=false leaves no image but the last one.
    build = ["podman", "build", "--no-cache", "--layers=false", "--format", str(spec.format)]
    build += ["--timestamp", str(spec.epoch), "--platform", str(spec.platform)]
    build += steady(flags.get("build", frozenset()))
    build += [word for key, value in spec.manifest_annotations().items() for word in ("--annotation", f"{key}={value}")]
    plain = [(key, value) for key, value in spec.labels if "$" not in key + value]
    build += [word for key, value in plain for word in ("--label", f"{key}={value}")]
    # podman 5 reads --label as it reads a Dockerfile, and then $HOME is a variable that cannot be escaped.
    text += "".join(_label_line(*one) for one in spec.labels if one not in plain)
    build += [word for tag in tags for word in ("-t", tag)]
    # Ended in the middle, it would leave a container whose name nobody knows.
    steps = [Step("build the image with podman", (*build, "-"), context=("Dockerfile", source), whole=True)]
    archive = f"{WORK}/image.tar"
    exported = f"docker-archive:{archive}"
    finish: Finish | None = None
    after: tuple[Step, ...] = ()
    if order.outputs or order.load or (order.push and own_push(order)):
        finish, after = finish_of(order, exported)
    elif order.push:
        steps += [_push(order, flags.get("push", frozenset()), reference) for reference in order.references]
    return Plan(
        "podman",
        staged=(Staged("Dockerfile", text), Staged(source)),
        steps=tuple(steps),
        export=(Step("take the image out of podman", ("podman", "save", "-o", archive, tags[0])),),
        exported=exported,
        finish=finish,
        after=after,
        cleanup=() if keep else (Step("remove the temporary tag", ("podman", "image", "rm", temporary)),),
    )


def _label_line(key: str, value: str) -> str:
    """A line of a Dockerfile, which may follow any other (docs.docker.com/reference/dockerfile, "LABEL")."""
    if "\n" in key + value:
        raise UsageError(f"podman takes no label of several lines with a $ in it: {key}", hint="use --engine embedded")
    words = (re.sub(r'([\\"$])', r"\\\1", word) for word in (key, value))
    return "\nLABEL " + "=".join(f'"{word}"' for word in words) + "\n"


def _push(order: Order, flags: frozenset[str], reference: Reference) -> Step:
    argv = ["podman", "push", "--format", _FORMATS[order.spec.format]]
    # containers.conf's own choice counts where none is said; podman before 4 has neither.
    argv += ["--compression-format", "gzip"] if "compression-format" in flags else []
    argv += ["--force-compression"] if "force-compression" in flags else []
    if reference.registry in order.insecure or is_loopback(reference.registry):
        argv.append("--tls-verify=false")
    return Step(f"push {reference} with podman", (*argv, reference.name, f"docker://{reference.name}"), network=True)
