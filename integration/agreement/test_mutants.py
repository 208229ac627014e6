"""What we say of damaged images is what the real fetchers do with them."""

from __future__ import annotations

import re
import time
from random import Random

import pytest

from integration.agreement.comparing import Pair, house, pairs
from integration.agreement.mutants import found, mutant
from integration.fetchers import Fetcher
from tests.stores.fake_registry import FakeRegistry

_SEED = 6
_MANY = 300
# Istio 1.22 stands on go-containerregistry 0.19, which has no artifactType, and other words for a digest
# that is no string or has two colons. Our readers are those of 0.21, which users run.
_OLDER = re.compile(r'could not (retrieve manifest|fetch image): (invalid syntax|cannot parse hash: ".*")$')


def test_we_and_they_say_the_same(fetchers: dict[str, Fetcher], capsys: pytest.CaptureFixture[str]) -> None:
    start, random = time.monotonic(), Random(_SEED)
    with FakeRegistry() as registry:
        references = {str(one): house(registry, f"mutants/{one}", mutant(random)) for one in range(_MANY)}
        compared = pairs(references, fetchers)
    unequal = [str(pair) for pair in compared if not pair.equal and not _is_of_its_age(pair)]
    taken = sum(pair.theirs.accepted for pair in compared)
    with capsys.disabled():
        print(
            f"\n{_MANY} damaged images of seed {_SEED}, {taken} of {len(compared)} times taken:",
            f"{len(compared) - len(unequal)} verdicts are equal ({time.monotonic() - start:.1f} s)",
        )
    assert not unequal, "\n".join(unequal)
    assert len(compared) // 10 < taken < len(compared) * 9 // 10


def test_what_they_brought_to_light_stays_so(fetchers: dict[str, Fetcher]) -> None:
    with FakeRegistry() as registry:
        references = {name: house(registry, f"found/{name}", parts) for name, parts in found().items()}
        compared = pairs(references, fetchers)
    assert all(pair.equal for pair in compared), "\n".join(map(str, compared))
    assert {pair.shape for pair in compared if pair.theirs.accepted} == {"inline-layer-as-numbers"}


def _is_of_its_age(pair: Pair) -> bool:
    if pair.consumer != "istio@1.22" or pair.ours.verdict.accepted:
        return False
    return "Manifest.artifactType" in pair.ours.verdict.words or _OLDER.search(pair.theirs.error) is not None
