"""A disk that is full is class 9; the input is untouched and nothing half-written stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.calling import HIGRESS, call, clean_environment, containers, left_over, succeed, wasmimg
from integration.conftest import ENGINES


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    succeed("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder, environment=clean_environment())
    yield folder
    call("umount", folder, environment=clean_environment())


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_no_room_for_the_output(kind: str, small_disk: Path, plugin: Path, environment: dict[str, str]) -> None:
    said = wasmimg(
        "build", plugin, *HIGRESS, "-e", "embedded", "-o", f"{kind}:{small_disk}/out", environment=environment
    )
    assert said.code == 9, said.err
    assert "No space left on device" in said.err
    assert left_over(small_disk) == []


def test_no_room_in_a_layout_keeps_what_is_there(
    small_disk: Path, plugin: Path, example: Path, environment: dict[str, str]
) -> None:
    layout = f"oci:{small_disk}/out"
    assert wasmimg("build", example, "-e", "embedded", "-o", layout, environment=environment).code == 0
    before = {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()}
    assert wasmimg("build", plugin, *HIGRESS, "-e", "embedded", "-o", layout, environment=environment).code == 9
    assert {path: path.read_bytes() for path in small_disk.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("engine", [one for one in ENGINES if one != "embedded"])
def test_no_room_in_the_temporary_folder(
    engine: str, small_disk: Path, plugin: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    full = {**environment, "TMPDIR": str(small_disk)}
    said = wasmimg("build", plugin, *HIGRESS, "-e", engine, "-o", f"oci:{tmp_path}/out", environment=full)
    assert said.code == 9, said.err
    assert not (tmp_path / "out").exists()
    assert left_over(small_disk) == []
    assert not any(name.startswith("wasmimg-") for name in containers(environment))


@pytest.mark.parametrize("engine", [one for one in ENGINES if one not in ("docker", "embedded")])
def test_no_room_for_what_the_engine_writes_there(
    engine: str, small_disk: Path, example: Path, registry: str, environment: dict[str, str], tmp_path: Path
) -> None:
    module = tmp_path / "plugin.wasm"
    size = 600_000
    # The module has room, and its layer beside it has not.
    number = bytes([size + 2 & 0x7F | 0x80, size + 2 >> 7 & 0x7F | 0x80, size + 2 >> 14])
    module.write_bytes(example.read_bytes() + b"\0" + number + b"\1x" + os.urandom(size))
    full = {**environment, "TMPDIR": str(small_disk)}
    reference = f"{registry}/full/{engine}:1"
    said = wasmimg("build", module, "-e", engine, "-t", reference, "--push", environment=full)
    assert said.code == 9, said.err
    assert "make room" in said.err
    assert left_over(small_disk) == []
    assert not any(name.startswith("wasmimg-") for name in containers(environment))
