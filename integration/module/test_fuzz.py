"""A minute of mutated modules: no exception but ours, and no more than 64 MB."""

from __future__ import annotations

import re
import sys

from integration.calling import clean_environment, succeed

SECONDS = 60
MOST = 64 * 1024  # KiB
LEAST_MODULES = 50_000


def test_any_bytes_get_an_answer() -> None:
    words = (sys.executable, "-m", "integration.module.fuzz", "--seconds", SECONDS)
    out = succeed(*words, environment=clean_environment())
    print(out)
    found = re.search(r"checked (\d+) modules, at most (\d+) KiB", out)
    assert found
    assert int(found[1]) >= LEAST_MODULES
    assert int(found[2]) <= MOST
