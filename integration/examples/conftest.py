"""What the tests of the examples share."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.examples.building import build_examples


@pytest.fixture(scope="session")
def built_examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The module of each example, by the name of its plugin."""
    return build_examples(tmp_path_factory.mktemp("built"))
