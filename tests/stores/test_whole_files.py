"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wasmimg.errors import FileSystemFailed
from wasmimg.stores.files import file_system, write_whole


def _chunks_then(error: BaseException) -> Iterator[bytes]:
    yield b"half"
    raise error


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_chunks_are_the_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "out", [b"one", b"", b"two"])
    assert (tmp_path / "out").read_bytes() == b"onetwo"
    assert _names(tmp_path) == ["out"]


def test_what_was_there_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"something much longer")
    write_whole(tmp_path / "out", [b"new"])
    assert (tmp_path / "out").read_bytes() == b"new"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), ValueError("bug"), KeyboardInterrupt()],
    ids=["disk full", "bug", "interrupt"],
)
@pytest.mark.parametrize("before", [b"old", None])
def test_a_failure_midway_leaves_what_was_there_and_no_more(
    tmp_path: Path, error: BaseException, before: bytes | None
) -> None:
    if before is not None:
        (tmp_path / "out").write_bytes(before)
    with pytest.raises(type(error)):
        write_whole(tmp_path / "out", _chunks_then(error))
    assert _names(tmp_path) == ([] if before is None else ["out"])
    assert before is None or (tmp_path / "out").read_bytes() == before


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failure_at_the_end_leaves_what_was_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "broken disk")

    (tmp_path / "out").write_bytes(b"old")
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="broken disk"):
        write_whole(tmp_path / "out", [b"new"])
    assert ((tmp_path / "out").read_bytes(), _names(tmp_path)) == (b"old", ["out"])


def _noted(name: str, call: Callable[..., object], order: list[str]) -> Callable[..., object]:
    def noting(*arguments: object) -> object:
        order.append(name)
        return call(*arguments)

    return noting


def test_the_bytes_are_on_disk_before_the_name_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    order: list[str] = []
    for call in ("fsync", "replace"):
        monkeypatch.setattr(os, call, _noted(call, getattr(os, call), order))
    write_whole(tmp_path / "out", [b"new"])
    assert order[:2] == ["fsync", "replace"]


@pytest.mark.parametrize("umask, mode", [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o000, 0o666)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "out", [b"x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == mode


@pytest.mark.parametrize("name", ["x" * 255, "\u00e4" * 127, "a b\n'c"], ids=["long", "long in bytes", "odd"])
def test_any_name_that_the_file_system_takes_will_do(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, [b"x"])
    assert _names(tmp_path) == [name]


def test_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    contents = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "out", [data])) for data in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "out").read_bytes() in contents
    assert _names(tmp_path) == ["out"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_class_9_and_says_what_to_do(code: int) -> None:
    with (
        pytest.raises(FileSystemFailed, match="the thing cannot be written") as caught,
        file_system("the thing cannot be written"),
    ):
        raise OSError(code, os.strerror(code))
    assert caught.value.exit_code == 9
    assert "make room" in (caught.value.hint or "")


def test_the_file_in_question_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileSystemFailed) as caught, file_system("the thing cannot be read"):
        (tmp_path / "gone").read_bytes()
    assert str(tmp_path / "gone") in caught.value.message
    assert "No such file" in caught.value.message


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(KeyError), file_system("the thing cannot be read"):
        raise KeyError
