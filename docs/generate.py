"""Write the pages that are made from tables: python docs/generate.py.

A test compares them with the tables, so that neither can change alone.
"""

from __future__ import annotations

from pathlib import Path

from wasmimg.module.codes import CODES

FOLDER = Path(__file__).parent


def pages() -> dict[Path, str]:
    """Each generated page and its text."""
    found = {FOLDER / "findings" / f"{code}.md": _page(code) for code in CODES}
    found[FOLDER / "findings" / "README.md"] = _index()
    return found


def _page(code: str) -> str:
    one = CODES[code]
    return (
        f"# {code}: {one.title[0].lower()}{one.title[1:]}\n\n{one.about}\n\n## What to do\n\n{one.mend}\n\n"
        f'## To silence it\n\nIn `wasmimg.toml`, in the table of the plugin: `silence = ["{code}"]`\n'
    )


def _index() -> str:
    rows = "\n".join(f"| [{code}]({code}.md) | {one.title} |" for code, one in CODES.items())
    return (
        "# What `wasmimg check` finds\n\n"
        "A finding is an error when the proxy would refuse the module or die of it, a warning when it would load and may not "
        "do what it should, and a note otherwise. Codes are stable.\n\n"
        f"| code | finding |\n|---|---|\n{rows}\n"
    )


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
