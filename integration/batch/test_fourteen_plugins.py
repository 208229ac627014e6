"""All of a folder's plugins with one command, from one wasmimg.toml."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
from pathlib import Path

import pytest

from integration import reader
from integration.calling import WASMIMG, build, containers, wasmimg
from integration.conftest import ENGINES


@pytest.fixture
def project(plugins: dict[str, Path], registry: str, tmp_path: Path) -> Path:
    """A folder with a wasmimg.toml that names all of them."""
    folder = tmp_path / "project"
    folder.mkdir()
    lines = [f'registry = "{registry}/fourteen"', 'for = ["higress"]']
    for name, module in plugins.items():
        (folder / f"{name}.wasm").symlink_to(module)
        lines += [f"[plugins.{name}]", f'module = "{name}.wasm"', f'image = "{name}:${{VERSION}}"', 'tags = ["latest"]']
    (folder / "wasmimg.toml").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("engine", ENGINES)
def test_each_is_pushed_under_both_tags(
    engine: str, project: Path, plugins: dict[str, Path], registry: str, environment: dict[str, str]
) -> None:
    words = ("-e", engine, "-f", "docker", "--push", "--json")
    out = build(*words, environment={**environment, "VERSION": engine}, cwd=project)
    results = {one["plugin"]: one for one in json.loads(out)}
    assert set(results) == set(plugins)
    for name, module in plugins.items():
        found = [reader.from_registry(f"{registry}/fourteen/{name}:{tag}") for tag in (engine, "latest")]
        assert {one.digest for one in found} == {results[name]["digests"]["manifest"]}
        reader.assert_shape(found[0], "docker", module.read_bytes())
    assert not any(name.startswith("wasmimg-") for name in containers(environment))


def test_without_a_terminal_there_are_plain_lines(
    project: Path, plugins: dict[str, Path], environment: dict[str, str]
) -> None:
    words = ("build", "-e", "embedded", "-o", "oci:out")
    said = wasmimg(*words, environment={**environment, "VERSION": "1"}, cwd=project)
    assert said.code == 0
    assert "\x1b" not in said.err
    assert "\r" not in said.err
    for name in plugins:
        assert re.search(rf"^{re.escape(name)}: done, sha256:[0-9a-f]{{64}}$", said.err, re.M), said.err
    assert len(said.out.splitlines()) == len(plugins) * 2
    assert len(json.loads((project / "out" / "index.json").read_bytes())["manifests"]) == len(plugins)


def test_on_a_terminal_there_is_a_display_that_moves(
    project: Path, plugins: dict[str, Path], environment: dict[str, str]
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*WASMIMG, "build", "-e", "embedded", "-o", "oci:out"],
        cwd=project,
        env={**environment, "VERSION": "1", "TERM": "xterm-256color", "COLUMNS": "120"},
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = _everything(ours, process)
    assert process.returncode == 0, shown
    assert "\x1b[" in shown
    for name in plugins:
        assert name in shown


def test_one_that_fails_does_not_stop_the_others(
    project: Path, plugins: dict[str, Path], environment: dict[str, str]
) -> None:
    broken = sorted(plugins)[3]
    (project / f"{broken}.wasm").unlink()
    (project / f"{broken}.wasm").write_text("not a module")
    words = ("build", "-e", "embedded", "-o", "oci:out", "-q")
    said = wasmimg(*words, environment={**environment, "VERSION": "1"}, cwd=project)
    assert said.code == 3
    assert f"error: {broken}: " in said.err
    assert len(json.loads((project / "out" / "index.json").read_bytes())["manifests"]) == len(plugins) - 1


def _everything(terminal: int, process: subprocess.Popen[bytes]) -> str:
    parts = []
    while True:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if ready:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # Linux's word for the end of a terminal
                break
            if not data:
                break
            parts.append(data)
        elif process.poll() is not None:
            break
    process.wait()
    os.close(terminal)
    return b"".join(parts).decode(errors="replace")
