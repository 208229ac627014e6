"""One module, one manifest digest: nothing of the machine or the user is in it."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration.calling import HIGRESS, WASMIMG, succeed


def digest(form: str, module: Path, folder: Path, environment: Mapping[str, str], *how: str, umask: int = 0o022) -> str:
    """The manifest digest of the image of ``module``; ``how`` starts Python in another way."""
    out = folder / f"out-{len(list(folder.iterdir()))}"
    words = [*(how or WASMIMG), "build", module, *HIGRESS, "-e", "embedded", "-f", form, "-o", f"oci:{out}", "-q"]
    said = succeed(*words, environment=environment, cwd=folder, umask=umask)
    return said.strip().rpartition("@")[2]


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_user_folder_umask_and_locale(form: str, plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    first = digest(form, plugin, tmp_path, environment)
    elsewhere = tmp_path / "a folder"
    elsewhere.mkdir()
    copy = elsewhere / "other name.wasm"
    shutil.copy(plugin, copy)
    copy.chmod(0o600)
    os.utime(copy, (1_700_000_000, 1_700_000_000))
    assert digest(form, copy, elsewhere, environment, umask=0o077) == first
    foreign = {**environment, "TZ": "Asia/Kolkata", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}
    assert digest(form, copy, elsewhere, foreign) == first
    other_user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *WASMIMG)
    theirs = elsewhere / "theirs"
    theirs.mkdir()
    for path in (*elsewhere.parents, elsewhere):
        if path.stat().st_uid == os.geteuid() and tmp_path.parent.parent in (path, *path.parents):
            path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    copy.chmod(0o644)
    os.chown(theirs, 65534, 65534)
    assert digest(form, copy, theirs, {**environment, "HOME": "/nonexistent"}, *other_user, umask=0o077) == first
    assert (theirs / "out-0" / "index.json").stat().st_uid == 65534


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_one_core(form: str, plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    alone = ("taskset", "-c", "0", *WASMIMG)
    assert digest(form, plugin, tmp_path, environment, *alone) == digest(form, plugin, tmp_path, environment)


def test_pythons(plugin: Path, environment: dict[str, str], tmp_path: Path) -> None:
    """Every Python on this machine that wasmimg is for; the one that runs this is always there."""
    first = digest("oci", plugin, tmp_path, environment)
    others = _other_pythons()
    for python in others:
        venv = tmp_path / f"venv-{others.index(python)}"
        succeed(python, "-m", "venv", venv, environment=environment)
        pip = (f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        succeed(*pip, Path(__file__).parent.parent.parent, environment=environment)
        assert digest("oci", plugin, tmp_path, environment, f"{venv}/bin/wasmimg") == first, python
    print(f"the same digest on {sys.version.split()[0]} and {', '.join(others) or 'no other Python'}")


def _other_pythons() -> list[str]:
    """Programs that are another Python that wasmimg runs on, one a minor version."""
    found = []
    for minor in range(10, 15):
        if minor == sys.version_info.minor:
            continue
        # pyenv keeps them off PATH; its stand-ins there fail.
        kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
        program = next(map(str, kept.glob(f"3.{minor}.*/bin/python3")), None) or shutil.which(f"python3.{minor}")
        if program is None:
            continue
        try:
            version = succeed(
                program, "-c", "import sys, venv, ensurepip; print(sys.version_info.minor)", environment={}
            )
        except AssertionError:  # a stub of a version manager, or without venv
            continue
        if version.strip() == str(minor):
            found.append(program)
    return found
