"""The zoo says of every module what a real Envoy 1.40 makes of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration.calling import clean_environment, succeed
from integration.envoy.asking import Answer, ask_together, envoy_program, running
from tests.module.zoo import ZOO, Specimen


def test_it_is_the_envoy_that_the_zoo_is_about() -> None:
    assert "/1.40." in succeed(envoy_program(), "--version", environment=clean_environment())


@pytest.mark.parametrize("specimen", [pytest.param(one, id=one.name) for one in ZOO])
def test_envoy_does_what_the_zoo_says(specimen: Specimen, answers: Mapping[str, Answer]) -> None:
    answer = answers[specimen.name]
    assert answer.fate == specimen.fate, answer.log
    if not specimen.loads:
        assert specimen.words, "a refusal without Envoy's words"
        assert any(specimen.words in line for line in answer.words), answer.words


def test_every_fault_is_there_and_every_name_once() -> None:
    assert [name for name, count in Counter(one.name for one in ZOO).items() if count > 1] == []
    fates = Counter(one.fate for one in ZOO)
    assert all(fates[fate] for fate in ("header", "silent", "fails", "dies", "refused", "crashes")), fates
    assert len(ZOO) >= 120


def test_an_envoy_is_ended_also_when_a_test_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with running(ZOO[0].module, tmp_path) as envoy:
            assert envoy.request() is not None
            pids.append(envoy.pid)
            raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_one_that_does_not_load_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = next(one for one in ZOO if one.fate == "refused")
    deadly = next(one for one in ZOO if one.fate == "dies")
    for other in (bad, deadly):
        assert ask_together([ZOO[0].module, other.module], tmp_path) is None
    together = ask_together([ZOO[0].module, ZOO[0].module], tmp_path)
    assert together is not None
    assert [one.fate for one in together] == ["header", "header"]
