"""The module is read once, whole, and what happens to the file after that is of no matter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmimg.errors import ModuleRefused, UsageError
from wasmimg.module import file as module_file
from wasmimg.module.file import open_module

MODULE = b"\0asm\1\0\0\0" + bytes(100_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "plugin.wasm").write_bytes(MODULE)
    return tmp_path / "plugin.wasm"


@pytest.mark.parametrize("change", ["truncated", "grown", "removed", "replaced"])
def test_a_change_after_it_was_opened_does_not_reach_the_build(change: str, path: Path) -> None:
    with open_module(path) as data:
        if change == "truncated":
            os.truncate(path, 0)
        elif change == "grown":
            with open(path, "ab") as file:
                file.write(b"more")
        else:
            path.unlink()
            if change == "replaced":
                path.write_bytes(b"other")
        assert bytes(data) == MODULE


def test_a_change_while_it_is_read_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    true = module_file._read

    def slow(descriptor: int, target: memoryview) -> bool:
        whole = true(descriptor, target)
        os.truncate(path, 10)
        return whole

    monkeypatch.setattr(module_file, "_read", slow)
    with pytest.raises(UsageError, match="was written to while it was read"), open_module(path):
        raise AssertionError("it was opened")


def test_an_empty_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with open_module(tmp_path / "empty") as data:
        assert len(data) == 0


def test_a_file_far_too_large_is_refused_unread(path: Path) -> None:
    os.truncate(path, 5 << 30)
    with pytest.raises(ModuleRefused, match="proxies read at most"), open_module(path):
        raise AssertionError("it was opened")
