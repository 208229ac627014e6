"""What Envoy makes of the whole zoo, asked once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration.envoy.asking import Answer, ask, ask_together
from tests.module.zoo import ZOO, Specimen

_TOGETHER = 24  # modules in one Envoy


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Answer]:
    """What Envoy makes of each member of the zoo, by name.

    Those that are to load without harm are asked together, which takes a third of the time, and
    one by one if they do not; all others are asked one by one.
    """
    root = tmp_path_factory.mktemp("envoy")
    calm = [one for one in ZOO if one.fate in ("header", "silent")]
    groups = [calm[start : start + _TOGETHER] for start in range(0, len(calm), _TOGETHER)]
    groups += [[one] for one in ZOO if one.fate not in ("header", "silent")]

    def answer(place: int) -> dict[str, Answer]:
        try:
            return _ask(groups[place], root / str(place))
        finally:
            shutil.rmtree(root / str(place), ignore_errors=True)

    # An Envoy waits half of its time: twice as many as there are cores keep them busy.
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        found = list(pool.map(answer, range(len(groups))))
    return {name: one for some in found for name, one in some.items()}


def _ask(group: list[Specimen], folder: Path) -> dict[str, Answer]:
    together = ask_together([one.module for one in group], folder) if len(group) > 1 else None
    if together is None:
        together = [ask(one.module, folder) for one in group]
    return {one.name: answer for one, answer in zip(group, together, strict=True)}
