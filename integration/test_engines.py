"""Every engine makes the same shape in every place, by skopeo's word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "add-header" / "plugin.wasm"


@pytest.mark.parametrize("form", ["oci", "docker"])
@pytest.mark.parametrize("engine", ["buildah", "embedded"])
def test_layout(engine: str, form: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "wasmimg",
        "build",
        str(EXAMPLE),
        "-e",
        engine,
        "-f",
        form,
        "-o",
        f"oci:{tmp_path}/layout",
    ]
    subprocess.run(command, check=True, env=dict(os.environ))
    raw = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{tmp_path}/layout"], check=True, capture_output=True
    ).stdout
    (layer,) = json.loads(raw)["layers"]
    assert layer["mediaType"].endswith("tar+gzip" if form == "oci" else "diff.tar.gzip")
