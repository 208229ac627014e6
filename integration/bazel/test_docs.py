"""docs/bazel.md, done as it says: its files in a new workspace, and its commands."""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.bazel.calling import Workspace
from tests.rules.starlark import ROOT

PAGE = (ROOT / "docs" / "bazel.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def _block(start: str) -> str:
    """The first block of code after ``start``."""
    match = _BLOCK.search(PAGE, PAGE.index(start))
    assert match is not None
    return match[2]


@pytest.fixture(scope="module")
def from_zero(
    repository: Path,
    example: Path,
    registry: str,
    tmp_path_factory: pytest.TempPathFactory,
    open_workspace: Callable[[Path, str], Workspace],
) -> Workspace:
    """A workspace of the files on the page, with wasmimg from an archive."""
    folder = tmp_path_factory.mktemp("zero")
    archive = folder / "wasmimg-0.1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("BUILD.bazel", "MODULE.bazel", "WORKSPACE", "rules", "wasmimg"):
            tar.add(repository / name, f"wasmimg-0.1.0/{name}")
    place = folder / "workspace"
    place.mkdir()
    workspace = _block("in `WORKSPACE`:").replace("URL", f"file://{archive}")
    (place / "WORKSPACE").write_text(
        workspace.replace("SHA256", hashlib.sha256(archive.read_bytes()).hexdigest()), encoding="utf-8"
    )
    build = _block("Then in `BUILD.bazel`:").replace("localhost:5000", registry)
    genrules = [_block("so it writes an archive:"), _block("so keep it out of shared caches.")]
    (place / "BUILD.bazel").write_text("\n".join([build, *genrules]), encoding="utf-8")
    shutil.copy2(example, place / "add_header.wasm")
    return open_workspace(place, "zero")


def test_the_commands_do_what_the_page_shows(from_zero: Workspace, registry: str) -> None:
    transcript = PAGE[PAGE.index("```console\n") + len("```console\n") :]
    done = 0
    for command, shown in re.findall(r"^\$ (.*)\n((?:[^$`].*\n)*)", transcript.partition("```")[0], re.M):
        program, *words = command.replace("localhost:5000", registry).split()
        if program == "cat":
            said = (from_zero.folder / words[0]).read_text()
        else:
            assert program == "bazel"
            said = from_zero.succeed(*words).out
        if shown:
            assert said.splitlines() == shown.replace("localhost:5000", registry).splitlines()
        done += 1
    assert done == 4


def test_the_genrules_of_the_page_work(from_zero: Workspace) -> None:
    ran = from_zero.succeed("build", "//:by_genrule", "//:by_buildah", "//:image.digest", "--spawn_strategy=sandboxed")
    assert set(ran.actions) <= {"linux-sandbox"}
    wanted = from_zero.output("image.digest").read_text()
    assert from_zero.output("by_genrule.digest").read_text() == wanted
    assert from_zero.output("by_buildah.tar").stat().st_size > 0
