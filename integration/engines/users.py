"""Running a command as an ordinary user, or in a sandbox, with nothing of this machine changed."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from integration.calling import clean_environment

__all__ = ["USERS", "Seat", "seat_of"]

_ID = 4321
_NAME = "plugin-author"
# The files that give a user a name and ranges of ids are this machine's; in a mount namespace they are ours.
_AS_USER = f"""
mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/subid" /etc/subuid && mount --bind "$0/subid" /etc/subgid &&
exec setpriv --reuid={_ID} --regid={_ID} --clear-groups --inh-caps=-all "$@"
"""
# Everything is read-only but one folder, there is no network, and who looks like root is not.
_SANDBOX = """
mount --bind "$0" "$0" && mount -t proc proc /proc &&
for point in $(awk '{print $5}' /proc/self/mountinfo | sort -r); do
  case "$point" in "$0" | /proc* | /sys* | /dev*) ;; *) mount -o remount,bind,ro "$point" || : ;; esac
done 2>/dev/null
exec "$@"
"""
USERS = ("root", "rootless", "rootless without ids", "sandbox")


class Seat(NamedTuple):
    """Where a user sits: words in front of each command, the environment, and a folder to write to."""

    prefix: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path


@contextmanager
def seat_of(user: str, of_root: Mapping[str, str], folder: Path) -> Iterator[Seat]:
    """The seat of one of USERS; ``of_root`` is the environment of root, who works in ``folder``."""
    if user == "root":
        yield Seat((), of_root, folder)
        return
    root = Path(tempfile.mkdtemp(prefix="wu-"))  # pytest's folders are closed to others
    root.chmod(0o755)
    try:
        for name in ("home", "run", "tmp", "work"):
            (root / name).mkdir(mode=0o700)
            os.chown(root / name, *((0, 0) if user == "sandbox" else (_ID, _ID)))
        path = {"PATH": clean_environment()["PATH"]}
        if user == "sandbox":
            shell = ("unshare", "-Urmpfn", "sh", "-c", _SANDBOX, f"{root}/work")
            yield Seat(shell, {**path, "TMPDIR": f"{root}/work"}, root / "work")
            return
        (root / "passwd").write_text(Path("/etc/passwd").read_text() + f"{_NAME}:x:{_ID}:{_ID}::{root}/home:/bin/sh\n")
        owner = _NAME if user == "rootless" else "somebody-else"
        (root / "subid").write_text(f"{owner}:500000:65536\n")
        own = {"HOME": f"{root}/home", "XDG_RUNTIME_DIR": f"{root}/run", "TMPDIR": f"{root}/tmp"}
        try:
            yield Seat(("unshare", "-m", "sh", "-c", _AS_USER, str(root)), {**path, **own}, root / "work")
        finally:
            with suppress(OSError, ValueError):  # podman keeps a process that holds its namespace
                os.kill(int((root / "run" / "libpod" / "tmp" / "pause.pid").read_text()), signal.SIGKILL)
    finally:
        shutil.rmtree(root, ignore_errors=True)
