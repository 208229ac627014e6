"""Looking at a module's file: when there is a new one to load, and when not yet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.calling import EXAMPLE
from wasmimg.events import Event
from wasmimg.module.reader import read_sections
from wasmimg.trial.serving import Watch

SOUND = EXAMPLE.read_bytes()
OTHER = b"\0asm\1\0\0\0\0\x02\x01x"  # a custom section


class _Watched:
    """A file under watch; ``patience`` has passed when a test says so."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.file = folder / "plugin.wasm"
        self.file.write_bytes(SOUND)
        self.told: list[str] = []
        self._now = 0.0
        monkeypatch.setattr("wasmimg.trial.serving.time.monotonic", lambda: self._now)
        self.watch = Watch(self.file, self._tell)

    def _tell(self, event: Event) -> None:
        assert event.kind == "warning"
        self.told.append(event.text)

    def look(self, *, after: float = 0.1) -> bytes | None:
        self._now += after
        return self.watch.changed()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Watched:
    return _Watched(tmp_path, monkeypatch)


def test_nothing_new(watched: _Watched) -> None:
    assert [watched.look(after=5) for _ in range(3)] == [None] * 3
    assert watched.told == []


def test_a_new_file_is_taken_once_when_it_has_come_to_rest(watched: _Watched) -> None:
    watched.file.write_bytes(OTHER)
    assert [watched.look(), watched.look(), watched.look()] == [None, OTHER, None]


def test_one_of_the_same_size_and_time_in_its_place_is_new(watched: _Watched) -> None:
    before = watched.file.stat()
    new = watched.file.with_suffix(".new")
    new.write_bytes(SOUND)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(watched.file)
    assert [watched.look(), watched.look()] == [None, SOUND]


def test_one_that_is_still_written_is_waited_for_in_silence(watched: _Watched) -> None:
    for size in (0, 20, 100):
        watched.file.write_bytes(SOUND[:size])
        assert [watched.look(), watched.look()] == [None, None]
    watched.file.write_bytes(SOUND)
    assert [watched.look(), watched.look()] == [None, SOUND]
    assert watched.told == []


def test_one_that_stays_damaged_is_told_once(watched: _Watched) -> None:
    watched.file.write_bytes(SOUND[:100])
    assert [watched.look(), watched.look(after=1), watched.look(after=1)] == [None] * 3
    assert len(watched.told) == 1
    assert watched.told[0].startswith("the new module is damaged: ")
    watched.file.write_bytes(SOUND)
    assert [watched.look(), watched.look()] == [None, SOUND]


def _cut_between_sections() -> bytes:
    """All sections of the example up to that of the functions, which promises code."""
    sections = read_sections(memoryview(SOUND))
    functions = next(one for one in sections if one.number == 3)
    return SOUND[: functions.start + functions.size]


def test_one_with_whole_sections_that_lacks_others_is_waited_for(watched: _Watched) -> None:
    watched.file.write_bytes(_cut_between_sections())
    assert [watched.look(), watched.look(), watched.look(after=0.5)] == [None] * 3
    watched.file.write_bytes(SOUND)
    assert [watched.look(), watched.look()] == [None, SOUND]
    assert watched.told == []


def test_if_it_stays_so_envoy_shall_judge(watched: _Watched) -> None:
    cut = _cut_between_sections()
    watched.file.write_bytes(cut)
    assert [watched.look(), watched.look(), watched.look(after=1), watched.look()] == [None, None, cut, None]
    assert watched.told == []


def test_one_that_goes_away_is_told_and_taken_when_it_is_back(watched: _Watched) -> None:
    watched.file.unlink()
    assert [watched.look(), watched.look(after=1)] == [None, None]
    assert watched.told == [f"{watched.file} is gone; the plugin from before keeps running"]
    watched.file.write_bytes(OTHER)
    assert [watched.look(), watched.look()] == [None, OTHER]
