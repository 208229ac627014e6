"""Building the newest Docker: daemon, containerd, runc, buildx and the client, from their Go modules.

It takes some five minutes on two cores, so it is begun in the background as soon as it is known that
it will be needed: python -m integration.newest_docker.building.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from integration.fetchers.building import find_go

__all__ = ["CLIENT", "PROGRAMS", "cache_folder", "docker_folder", "is_built"]

_PATIENCE = 2400.0  # seconds for one program without any cache
_GO = (1, 26)


class Program(NamedTuple):
    """A main package at a version; ``needs_c`` is whether it has parts in C."""

    name: str
    package: str
    version: str
    needs_c: bool = False


# The longest first: two are built at a time.
PROGRAMS = (
    Program("dockerd", "github.com/moby/moby/v2/cmd/dockerd", "v2.0.0-beta.24"),
    Program("buildx", "github.com/docker/buildx/cmd/buildx", "v0.38.2"),
    Program("containerd", "github.com/containerd/containerd/v2/cmd/containerd", "v2.4.2"),
    Program("containerd-shim-runc-v2", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2", "v2.4.2"),
    Program("runc", "github.com/opencontainers/runc", "v1.5.2", needs_c=True),
)
# It has no go.mod, but one for its vendor folder; the proxy lacks a module that 29.9.3 needs.
CLIENT = Program("docker", "github.com/docker/cli", "v29.9.2+incompatible")


def cache_folder() -> Path:
    """Where what takes minutes to make is kept, outside of the work tree."""
    named = os.environ.get("WASMIMG_TEST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(base) / "wasmimg-integration"


def docker_folder() -> Path:
    """The folder of the programs, built if they are not there; whoever comes second waits for the first."""
    target = _target()
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
                fresh = Path(temporary, "bin")
                fresh.mkdir()
                _build(fresh)
                fresh.rename(target)
    return target


def is_built() -> bool:
    """Whether nothing is left to be done."""
    return _target().exists()


def _target() -> Path:
    pins = "\n".join(f"{one.package}@{one.version}" for one in (*PROGRAMS, CLIENT))
    return cache_folder() / f"docker-{hashlib.sha256(pins.encode()).hexdigest()[:16]}"


def _build(folder: Path) -> None:
    go = str(find_go(_GO))
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(_install, go, one, folder) for one in PROGRAMS]
        running.append(pool.submit(_build_client, go, folder))
        for one in running:
            one.result()
    plugins = folder / "cli-plugins"
    plugins.mkdir()
    (folder / "buildx").rename(plugins / "docker-buildx")


def _install(go: str, program: Program, folder: Path) -> None:
    environment = {**_environment(program), "GOBIN": str(folder), "GOFLAGS": "-trimpath -buildvcs=false"}
    _run([go, "install", "-ldflags=-s -w", f"{program.package}@{program.version}"], environment, folder)


def _build_client(go: str, folder: Path) -> None:
    environment = _environment(CLIENT)
    said = _run([go, "mod", "download", "-json", f"{CLIENT.package}@{CLIENT.version}"], environment, folder)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        source = Path(temporary, "cli")
        shutil.copytree(json.loads(said)["Dir"], source, ignore=shutil.ignore_patterns("vendor", "docs", "e2e"))
        for path in (source, *source.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)  # Go's module cache is read-only
        (source / "vendor.mod").rename(source / "go.mod")
        (source / "vendor.sum").rename(source / "go.sum")
        stamp = f"-X {CLIENT.package}/cli/version.Version={CLIENT.version.strip('v').partition('+')[0]}"
        flags = {"GOFLAGS": "-mod=readonly -trimpath -buildvcs=false"}
        argv = [go, "build", f"-ldflags=-s -w {stamp}", "-o", str(folder / CLIENT.name), "./cmd/docker"]
        _run(argv, {**environment, **flags}, source)


def _environment(program: Program) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("GOROOT", "GOFLAGS", "GOBIN")}
    kept |= {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "1" if program.needs_c else "0"}
    if program.needs_c and shutil.which("gcc") is None:
        kept["CC"] = "clang"
    return kept


def _run(argv: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        argv, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    assert done.returncode == 0, f"{' '.join(argv)} failed:\n{done.stderr[-4000:]}"
    return done.stdout


if __name__ == "__main__":
    os.nice(10)  # what runs meanwhile measures time
    docker_folder()
