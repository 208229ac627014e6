"""What we say of every shape of the zoo is what the real fetchers do with it."""

from __future__ import annotations

import time

import pytest

from integration.agreement.comparing import house, pairs, table
from integration.fetchers import Fetcher
from integration.registry.zoo import ZOO
from tests.stores.fake_registry import FakeRegistry


def test_we_and_they_say_the_same(fetchers: dict[str, Fetcher], capsys: pytest.CaptureFixture[str]) -> None:
    start = time.monotonic()
    with FakeRegistry() as registry:
        references = {animal.name: house(registry, f"zoo/{animal.name}", animal.parts) for animal in ZOO}
        compared = pairs(references, fetchers)
    with capsys.disabled():
        print(table(compared, time.monotonic() - start))
    assert len(compared) == len(ZOO) * len(fetchers) == len({animal.name for animal in ZOO}) * 2
    assert {pair.theirs.accepted for pair in compared} == {True, False}
    unequal = [str(pair) for pair in compared if not pair.equal]
    assert not unequal, "\n".join(unequal)
