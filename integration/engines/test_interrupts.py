"""Ctrl-C and SIGTERM at any moment: exit 130, nothing half-written, nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from integration import reader
from integration.calling import HIGRESS, WASMIMG, containers, left_over, succeed
from integration.conftest import ENGINES

# Of the time that a whole build takes.
_MOMENTS = [0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_interrupt_at_any_moment(
    engine: str, registry: str, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    began = time.monotonic()
    assert _interrupted(None, 0, engine, registry, plugin, environment, tmp_path / "whole") == 0
    whole = time.monotonic() - began
    for number, moment in enumerate(_MOMENTS):
        kind = signal.SIGTERM if number % 2 else signal.SIGINT
        out = tmp_path / f"out-{number}"
        code = _interrupted(kind, moment * whole, engine, registry, plugin, environment, out)
        # Before wasmimg has begun, Python ends as every program does.
        assert code in (0, 130, -kind)
        if out.exists():
            reader.assert_shape(reader.from_layout(out), "docker", plugin.read_bytes())
        else:
            assert code != 0
        assert left_over(tmp_path / "tmp") == []
        assert [name for name in left_over(tmp_path) if name.startswith(".")] == []
        assert not any(name.startswith("wasmimg-") for name in containers(environment))
    images = succeed("docker", "image", "ls", "--format", "{{.Repository}}", environment=environment)
    assert not any(name.startswith("wasmimg-") for name in images.split())


def _interrupted(
    number: signal.Signals | None,
    after: float,
    engine: str,
    registry: str,
    plugin: Path,
    environment: dict[str, str],
    out: Path,
) -> int:
    words = ["-e", engine, "-f", "docker", "-t", f"{registry}/interrupted/{engine}:1", "--push", "-o", f"oci:{out}"]
    process = subprocess.Popen(
        [*WASMIMG, "build", str(plugin), *HIGRESS, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if number is not None:
        time.sleep(after)
        process.send_signal(number)
    err = process.communicate(timeout=120)[1]
    assert "Traceback" not in err
    assert "bug in wasmimg" not in err
    return process.returncode
