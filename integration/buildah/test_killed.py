"""A build that is killed does no harm to the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from integration.calling import HIGRESS, WASMIMG, build, containers, succeed


def test_the_next_build_works_after_kill_9(
    registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    reference = f"{registry}/killed/p:1"
    words = ("-e", "buildah", "-t", reference, "--push")
    process = subprocess.Popen(
        [*WASMIMG, "build", str(plugin), *HIGRESS, *words],
        env=environment,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + 30
    while not (mine := {name for name in containers(environment) if name.startswith("wasmimg-")}):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    out = build(plugin, *HIGRESS, *words, environment=environment)
    assert out.startswith(f"{reference}@sha256:")
    # Nobody could clean up after kill -9, and nobody else's container was touched.
    assert {name for name in containers(environment) if name.startswith("wasmimg-")} <= mine
    for name in mine & containers(environment):
        succeed("buildah", "rm", name, environment=environment)
