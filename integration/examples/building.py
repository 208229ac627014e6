"""The examples, built from their sources with the toolchains that .ci/run installs.

A missing toolchain is an error and not a skip.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from integration.calling import call, clean_environment, succeed

ROOT = Path(__file__).parent.parent.parent


class Example(NamedTuple):
    """A folder in examples/: the plugin it makes, and the programs that make it."""

    folder: str
    plugin: str
    programs: tuple[str, ...]


EXAMPLES = (
    Example("add-header", "hello-wat", ("wat2wasm",)),
    Example("c", "hello-c", ("clang", "wasm-ld")),
    Example("go", "hello-go", ("go",)),
    Example("assemblyscript", "hello-as", ("node", "npm")),
    Example("rust", "hello-rust", ("rustc", "wasm-ld")),
)


def copy_sources(folder: Path) -> Path:
    """A copy of examples/ in ``folder``, with the include at the place where they look for it."""
    built = shutil.ignore_patterns("node_modules", "*.oci", "*.image", ".*.wasmimg", "hello-*.wasm")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=built)
    shutil.copytree(ROOT / "rules" / "make", folder / "rules" / "make")
    return folder / "examples"


def toolchains() -> dict[str, str]:
    """An environment in which every compiler is found; go, node and npm are those of PyPI, beside this Python."""
    environment = clean_environment(GOTOOLCHAIN="local", GOFLAGS="", GOWORK="off")
    scripts = Path(sys.executable).parent
    environment["PATH"] = f"{scripts}:{_rustc(environment).parent}:{environment['PATH']}"
    for program in {program for example in EXAMPLES for program in example.programs}:
        assert shutil.which(program, path=environment["PATH"]), f"{program} is missing: .ci/run installs it"
    return environment


def build_examples(folder: Path) -> dict[str, Path]:
    """The path of each example's module, by the name of the plugin; they are built in ``folder``."""
    sources, environment = copy_sources(folder), toolchains()
    found = {}
    for example in EXAMPLES:
        module = sources / example.folder / f"{example.plugin}.wasm"
        succeed("make", "-C", module.parent, module.name, environment=environment)
        found[example.plugin] = module
    return found


def _rustc(environment: Mapping[str, str]) -> Path:
    """A rustc that has the library of the target: the first on PATH may be one without."""
    for folder in environment["PATH"].split(":"):
        program = Path(folder, "rustc")
        if program.is_file():
            said = call(
                program, "--print", "target-libdir", "--target", "wasm32-unknown-unknown", environment=environment
            )
            if said.code == 0 and any(Path(said.out.strip()).glob("libcore-*.rlib")):
                return program
    raise AssertionError("no rustc with the target wasm32-unknown-unknown: .ci/run installs it")
