"""Which Go builds the fetchers: Debian 12 has one that is too old."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from integration.calling import clean_environment, succeed
from integration.fetchers.building import PROGRAMS, find_go, wanted_go


@pytest.mark.parametrize("program", PROGRAMS)
def test_where_there_is_no_go_or_an_old_one_it_is_that_of_pypi(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = wanted_go(PROGRAMS[program])
    monkeypatch.setenv("PATH", str(tmp_path))
    without = find_go(wanted)
    assert "go version go1." in succeed(without, "version", environment=clean_environment(GOTOOLCHAIN="local"))
    old = tmp_path / "go"
    old.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    old.chmod(0o755)
    assert shutil.which("go") == str(old)
    assert find_go(wanted) == without
    assert find_go((1, 19)) == old


def test_what_nobody_has_is_an_error() -> None:
    with pytest.raises(AssertionError, match=r"Go 9\.0 is missing"):
        find_go((9, 0))
