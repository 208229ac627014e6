"""buildah where the user's own store cannot be opened: in a sandbox, or in a container without rights.

The store is in the temporary folder of the build, and goes with it. What it takes was measured with
buildah 1.19 to 1.43 as root of a machine and of a user namespace; other users cannot change an owner.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from wasmimg.engines.asking import ask
from wasmimg.engines.base import WORK, Plan, Staged, Step
from wasmimg.engines.buildah import PROBE
from wasmimg.errors import NoEngine

__all__ = ["in_private_store", "works_privately"]

_NAME = "storage.conf"
# vfs mounts nothing. The two variables keep buildah from making a user namespace and from needing runc.
_SETTINGS = f'[storage]\ndriver = "vfs"\ngraphroot = "{WORK}/store"\nrunroot = "{WORK}/run"\n'
_ENVIRONMENT = (
    ("CONTAINERS_STORAGE_CONF", f"{WORK}/{_NAME}"),
    ("STORAGE_DRIVER", None),
    ("HOME", WORK),
    ("XDG_DATA_HOME", None),
    ("XDG_RUNTIME_DIR", WORK),
    ("_CONTAINERS_USERNS_CONFIGURED", "done"),
    ("BUILDAH_ISOLATION", "chroot"),
)


def works_privately(environment: Mapping[str, str], patience: float) -> bool:
    """Whether buildah could work in a store of its own."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    try:
        with tempfile.TemporaryDirectory(prefix="wasmimg-") as folder:
            Path(folder, _NAME).write_text(_SETTINGS.replace(WORK, folder))
            private = {**environment, "TMPDIR": folder}
            for name, value in _ENVIRONMENT:
                private.pop(name, None)
                if value is not None:
                    private[name] = value.replace(WORK, folder)
            ask(PROBE, private, patience)
    except (OSError, NoEngine):
        return False
    return True


def in_private_store(plan: Plan) -> Plan:
    """``plan`` of buildah with every step in a store that lies in the temporary folder."""

    def private(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        return tuple(
            step._replace(environment=step.environment + _ENVIRONMENT) if step.argv[0] == "buildah" else step
            for step in steps
        )

    return plan._replace(
        staged=(*plan.staged, Staged(_NAME, _SETTINGS)),
        steps=private(plan.steps),
        export=private(plan.export),
        cleanup=private(plan.cleanup),
    )
