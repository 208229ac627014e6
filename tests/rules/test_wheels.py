"""The default tool holds what the package says it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.rules.starlark import ROOT, constant
from wasmimg.version import __version__

PINS: dict[str, tuple[str, str]] = constant(ROOT / "rules" / "private" / "wheels.bzl", "WHEELS")
# Not in the tool: it reads zstd layers, which no image of the rules has, and is a wheel a Python and a platform.
LEFT_OUT = {"backports-zstd"}


def _dependencies() -> dict[str, str]:
    """Name and version specifier of what pyproject.toml names."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[$(.*?)^\]$", text, re.M | re.S)
    assert block is not None
    lines = re.findall(r'^\s*"([\w.-]+)([^;"]*)', block[1], re.M)
    return {name.lower().replace(".", "-"): specifier.strip() for name, specifier in lines}


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    from packaging.specifiers import SpecifierSet

    versions: dict[str, set[str]] = {}
    for wheel in PINS:
        name, version = wheel.split("-")[:2]
        versions.setdefault(name, set()).add(version)
    needed = _dependencies()
    assert set(versions) == set(needed) - LEFT_OUT
    for name, found in versions.items():
        (version,) = found
        assert version in SpecifierSet(needed[name]), name


def test_every_pin_has_a_hash_and_a_folder() -> None:
    for wheel, (folder, sha256) in PINS.items():
        assert re.fullmatch("[0-9a-f]{64}", sha256), wheel
        assert re.fullmatch("[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{60}", folder), wheel


def test_the_compressor_is_there_for_every_platform() -> None:
    tags = {tuple(wheel.removesuffix(".whl").split("-")[2:]) for wheel in PINS if wheel.startswith("deflate-")}
    platforms = {(python, re.sub(r"_?\d.*_(?=x86|aarch|arm)", "-", platform)) for python, _, platform in tags}
    assert platforms == {
        (python, platform)
        for python in ("cp310", "cp311")
        for platform in (
            *("manylinux-x86_64", "manylinux-aarch64", "musllinux-x86_64", "musllinux-aarch64"),
            *("macosx-x86_64", "macosx-arm64"),
        )
    }


@pytest.mark.parametrize("file", [Path("MODULE.bazel"), Path("examples/bazel/MODULE.bazel")])
def test_the_module_has_the_version_of_the_package(file: Path) -> None:
    assert f'version = "{__version__}"' in (ROOT / file).read_text(encoding="utf-8")
