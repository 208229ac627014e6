"""Findings as SARIF, for code hosts that show them beside the code.

Source: OASIS SARIF 2.1.0, sections 3.13 (log), 3.14 (run), 3.27 (result) and 3.49 (rule).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from wasmimg.examination import Checked, as_text
from wasmimg.module.codes import CODES
from wasmimg.version import __version__

__all__ = ["as_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(checked: Iterable[Checked]) -> dict[str, Any]:
    """A SARIF log of one run; what could not be read is told as a notification of the run."""
    everything = list(checked)
    used = sorted({finding.code for one in everything for finding in one.findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "fullDescription": {"text": CODES[code].about},
            "help": {"text": CODES[code].mend},
        }
        for code in used
    ]
    results = [
        {
            "ruleId": finding.code,
            "ruleIndex": used.index(finding.code),
            "level": finding.level,
            "message": {"text": f"{finding.message}. Try: {finding.fix}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(one.name)}}}],
        }
        for one in everything
        for finding in one.findings
    ]
    unread = [
        {"level": "error", "message": {"text": f"{as_text(one.name)}: {one.error.message}"}}
        for one in everything
        if one.error is not None
    ]
    driver = {"name": "wasmimg", "version": __version__, "semanticVersion": __version__, "rules": rules}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": not unread, "toolExecutionNotifications": unread}],
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _uri(name: str) -> str:
    """A file relative to this folder, where it can be, as code hosts want it; an image as it is named."""
    if os.path.isabs(name):
        inside = os.path.relpath(name)
        return quote(os.fsencode(name if inside.startswith("..") else inside), safe="/")
    return quote(os.fsencode(name), safe="/:@")
