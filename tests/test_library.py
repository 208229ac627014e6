"""The library: its names, and that importing it costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import wasmimg
from wasmimg.version import __version__

HEAVY = ("click", "urllib3", "sh", "toml", "tenacity", "rich", "deflate", "multiprocessing")


def _loaded(script: str) -> set[str]:
    """Which of HEAVY a fresh interpreter has imported after ``script``."""
    tail = f"\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script + tail], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("name", wasmimg.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(wasmimg, name) is not None


def test_a_star_import_takes_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from wasmimg import *", names)
    assert set(wasmimg.__all__) <= set(names)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'wasmimg' has no attribute 'bild'"):
        wasmimg.bild  # noqa: B018


def test_an_import_that_is_not_there_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        exec("from wasmimg import bild")


def test_importing_the_library_imports_nothing_heavy() -> None:
    assert _loaded("import wasmimg") == set()


def test_asking_for_the_version_imports_nothing_heavy() -> None:
    script = "import sys; sys.argv = ['wasmimg', '--version']; from wasmimg.__main__ import main; main()"
    assert _loaded(script) == set()


def test_the_version_is_the_packages() -> None:
    assert wasmimg.__version__ == __version__
    assert all(part.isdigit() for part in __version__.split(".")[:2])
