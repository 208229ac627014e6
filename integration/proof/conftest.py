"""A plugin from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.calling import clean_environment, succeed
from integration.examples.building import copy_sources
from integration.services import program


@pytest.fixture(scope="session")
def c_plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in C, just compiled; its header is ``x-wasmimg``, with its configuration or ``hello-c``."""
    for name in ("clang", "wasm-ld"):
        program(name)
    folder = copy_sources(tmp_path_factory.mktemp("proof")) / "c"
    succeed("make", "-C", folder, "hello-c.wasm", environment=clean_environment())
    return folder / "hello-c.wasm"
