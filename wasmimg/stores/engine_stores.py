"""Images in the stores of docker and buildah, read by asking the engine for an archive."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from wasmimg.engines.process import Limits, run_command
from wasmimg.events import Event, Tell
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.archive import open_docker_archive
from wasmimg.stores.files import file_system
from wasmimg.stores.opened import OpenedImage

__all__ = ["open_engine_store"]

_PATIENCE = 3  # times the idle time-out: what stays on this machine may work in silence


@contextmanager
def open_engine_store(
    kind: str, name: str, *, environment: Mapping[str, str], policy: Policy, tell: Tell
) -> Iterator[OpenedImage]:
    """The image ``name`` in the store ``kind`` (docker-daemon or containers-storage), as a push would make it.

    Raises NoEngine, ImageRefused where there is no such image, and EngineFailed.
    """
    reference = parse_reference(name)
    with file_system("no temporary folder can be made"):
        folder = tempfile.TemporaryDirectory(prefix="wasmimg-")
    with folder:
        file = f"{folder.name}/image.tar"
        argv: tuple[str, ...]
        if kind == "docker-daemon":
            argv = ("docker", "save", "-o", file, reference.name)
        else:
            argv = ("buildah", "push", "--format", "v2s2", reference.name, f"docker-archive:{file}:{reference.name}")
        tell(Event("step", f"take {name} out of {argv[0]}"))
        run_command(argv, environment={**environment, "LC_ALL": "C"}, limits=Limits(_PATIENCE * policy.idle_timeout))
        yield open_docker_archive(Path(file))._replace(where=f"{kind}:{name}")
