"""The generated pages are those of the tables."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_generated_pages_are_those_of_the_tables() -> None:
    pages: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["pages"]()
    assert pages
    for path, text in pages.items():
        assert path.read_text() == text, f"{path.name}: run python docs/generate.py"
    assert {path.name for path in (ROOT / "docs" / "findings").iterdir()} == {
        path.name for path in pages if path.parent.name == "findings"
    }
