"""What Debian's Bazel 4.2.3 needs to build with the rules of this repository and without a network."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration.bazel.wheels import download
from tests.rules.starlark import ROOT, constant

__all__ = ["copy_repository", "fetch_wheels", "write_bazelrc"]

# Of the repository, what users of the rules get, and the workspaces that use them.
_PARTS = (
    ".bazelignore",
    ".bazelrc",
    "BUILD.bazel",
    "MODULE.bazel",
    "WORKSPACE",
    "examples",
    "integration/bazel",
    "rules",
    "wasmimg",
)


def copy_repository(target: Path, repository: Path = ROOT) -> Path:
    """Copy what Bazel reads to ``target``, a new folder; returns it."""
    for part in _PARTS:
        source = repository / part
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__", "bazel-*"))
        else:
            shutil.copy2(source, target / part)
    return target


def fetch_wheels(folder: Path) -> Path:
    """Fetch the pinned wheels into ``folder``, for --distdir; returns it."""
    pins: dict[str, tuple[str, str]] = constant(ROOT / "rules" / "private" / "wheels.bzl", "WHEELS")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: download(name, pins[name][1], folder), pins))
    return folder


def write_bazelrc(file: Path, wheels: Path) -> Path:
    """Write the flags of docs/bazel.md for Bazel 4.2, and some that make it readable; returns ``file``."""
    stubs = ROOT / "integration" / "bazel" / "stubs"
    lines = [
        *(f"build --override_repository={folder.name}={folder}" for folder in sorted(stubs.iterdir())),
        f"build --distdir={wheels}",
        "build --experimental_run_validations --nosandbox_debug --incompatible_strict_action_env",
        "build --sandbox_default_allow_network=false",
        "build --color=no --curses=no --noshow_progress --verbose_failures",
        "startup --max_idle_secs=600 --host_jvm_args=-Xmx1g",
    ]
    file.write_text("\n".join(lines) + "\n")
    return file
