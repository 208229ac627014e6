"""docs/make.md, as a reader follows it: its files are written, and its commands typed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from integration.calling import succeed
from tests.make.running import INCLUDE, MODULE, ROOT

PAGE = (ROOT / "docs" / "make.md").read_text()
HOST = "localhost:5000"  # of the page; the registry of the tests is elsewhere


class Section(NamedTuple):
    """What the page has a reader write, and type."""

    files: dict[str, str]
    typed: list[tuple[str, str]]  # a command, and what is shown of its output


def _sections() -> dict[str, Section]:
    found = {}
    for text in re.split(r"^## ", PAGE, flags=re.M)[1:]:
        files = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", text, re.M | re.S))
        typed = []
        for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
            typed += re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.M)
        if files:
            found[text.partition("\n")[0]] = Section(files, typed)
    return found


SECTIONS = _sections()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .venv of a reader who has followed the start of the page."""
    folder = tmp_path_factory.mktemp("reader")
    (first, _), (second, _) = SECTIONS["From zero"].typed[:2]
    assert (first, second) == ("python3 -m venv .venv", ".venv/bin/pip install wasmimg")
    words = f"{first} && {second} --quiet --disable-pip-version-check".replace("install wasmimg", f"install {ROOT}")
    subprocess.run(["sh", "-c", words], cwd=folder, check=True)
    return folder / ".venv"


def test_every_makefile_of_the_page_is_tried() -> None:
    assert len(re.findall(r"^```make$", PAGE, re.M)) == sum("Makefile" in one.files for one in SECTIONS.values()) == 4


@pytest.mark.parametrize("title", SECTIONS)
def test_a_reader_who_does_as_it_says(
    title: str, installed: Path, registry: str, environment: dict[str, str], tmp_path: Path
) -> None:
    section = SECTIONS[title]
    folder = tmp_path / "project"
    (folder / "build").mkdir(parents=True)
    (folder / ".venv").symlink_to(installed)
    for module in ("add-header.wasm", "plugin.wasm", "build/basic_auth.wasm", "build/rate_limit.wasm"):
        (folder / module).write_bytes(MODULE)
    (folder / "plugin.c").write_bytes((ROOT / "examples" / "c" / "plugin.c").read_bytes())
    for name, text in section.files.items():
        (folder / name).write_text(text.replace(HOST, registry))
    for command, shown in section.typed:
        if "venv" not in command:
            out = succeed(
                "sh", "-c", f"{{ {command.replace(HOST, registry)}; }} 2>&1", environment=environment, cwd=folder
            )
            assert not shown or out.replace(registry, HOST) == shown, command


def test_pip_brings_the_include(installed: Path) -> None:
    assert (installed / "include" / "wasmimg.mk").read_bytes() == INCLUDE.read_bytes()


def test_the_page_and_the_include_name_the_same_variables() -> None:
    variables = re.compile(r"WASMIMG(?:_[A-Z]+)*\b")
    head = INCLUDE.read_text().partition("\nifneq")[0]
    table = re.findall(r"^\| `(WASMIMG\w*)` \|", PAGE, re.M)
    assert set(variables.findall(head)) == set(table)
    code = INCLUDE.read_text().replace("_$1", "_NAME").partition("\nifneq")[2]
    assert set(re.findall(r"WASMIMG(?:_[A-Z]+)*(?=[):]|(?: \?=))", code)) == set(table)
