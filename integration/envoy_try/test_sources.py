"""The plugin in an image, wherever that is, as its consumer takes it."""

from __future__ import annotations

from pathlib import Path

from integration.calling import build, wasmimg


def test_an_image_in_a_registry_and_in_a_layout(
    registry: str, tried_plugins: dict[str, Path], calm: dict[str, str], tmp_path: Path
) -> None:
    reference = f"{registry}/tried:1"
    layout = f"oci:{tmp_path}/out"
    build(tried_plugins["refusing"], "-e", "embedded", "-t", reference, "--push", "-o", layout, environment=calm)
    for source in (reference, f"docker://{reference}", layout):
        said = wasmimg("try", source, environment=calm)
        assert (said.code, said.err) == (0, "")
        assert said.out.startswith(f"{source}: loaded by Envoy 1.")
        assert "GET /: 403 (200 without the plugin)" in said.out


def test_an_image_that_is_not_there(registry: str, calm: dict[str, str]) -> None:
    assert wasmimg("try", f"docker://{registry}/nothing:1", environment=calm).code == 8


def test_a_locked_registry(locked_registry: str, calm: dict[str, str]) -> None:
    said = wasmimg(
        "try", f"{locked_registry}/a/b:1", "--username", "eve", "--password-stdin", stdin="no", environment=calm
    )
    assert said.code == 6
