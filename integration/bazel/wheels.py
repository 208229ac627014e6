"""Fetching wheels as pip is set up to fetch them, whatever platform they are for."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from integration.calling import clean_environment, succeed

__all__ = ["download"]


def download(wheel: str, sha256: str, folder: Path) -> Path:
    """Fetch a wheel by its file name, and check it."""
    name, version, python, abi, platform = wheel.removesuffix(".whl").split("-")
    number = python.replace("cp3", "3.") if python.startswith("cp") else "3.13"
    words = [*(sys.executable, "-m", "pip", "download"), "--quiet", "--no-deps", "--only-binary=:all:"]
    words += [f"--python-version={number}", *(f"--platform={one}" for one in platform.split("."))]
    if abi != "none":
        words += ["--implementation=cp", f"--abi={abi}"]
    succeed(*words, f"--dest={folder}", f"{name}=={version}", environment=clean_environment())
    assert hashlib.sha256((folder / wheel).read_bytes()).hexdigest() == sha256, wheel
    return folder / wheel
