"""``check --for envoy@1.40`` agrees with Envoy 1.40 on every module of the zoo.

What Envoy does is in the zoo; integration/envoy asks it again on every run.
"""

from __future__ import annotations

import pytest

from tests.module.zoo import ZOO, Specimen
from wasmimg.module.hosts import load_host
from wasmimg.module.rules import check_module

WITHOUT_WORDS = {"empty"}  # Envoy gives no reason
# Envoy loads them, and lives as long as nothing of a request has to be handed over: refused all the same.
SAFE_SIDE = {"memory-none-no-callback", "memory-none-quiet"}


def test_the_zoo_is_large_and_of_both_kinds() -> None:
    assert len(ZOO) >= 60
    assert sum(one.loads for one in ZOO) >= 60
    assert sum(not one.loads for one in ZOO) >= 60


@pytest.mark.parametrize("specimen", [pytest.param(one, id=ascii(one.name)) for one in ZOO])
def test_check_says_what_envoy_does(specimen: Specimen) -> None:
    findings = check_module(memoryview(specimen.module), [load_host("envoy", "1.40")])
    errors = [one for one in findings if one.level == "error"]
    if specimen.name in SAFE_SIDE:
        assert [one.code for one in errors] == ["WI122"]
        return
    if specimen.running:  # the reason why only running can tell
        assert not errors
        return
    assert bool(errors) == (specimen.fate in ("refused", "crashes", "dies"))
    if errors and specimen.name not in WITHOUT_WORDS:
        words = specimen.words.replace("\x1b", "\\x1b")  # as control characters are shown
        assert any(words in one.words or (one.words and one.words in words) for one in errors)
