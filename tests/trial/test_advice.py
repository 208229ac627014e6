"""What is said to an end that is not a good one."""

from __future__ import annotations

import pytest

from wasmimg.trial.advice import advise
from wasmimg.trial.report import DIED, HELD, HUNG, REFUSED, TRAPPED, UNANSWERED

_START = "Wasm VM failed Failed to start base Wasm"
_CONFIGURE = "Wasm VM failed Failed to configure base Wasm plugin"
_INITIALIZE = "Wasm VM failed Failed to initialize Wasm code"
_FAILED = "Function: {} failed: Uncaught RuntimeError: unreachable\n{}"


@pytest.mark.parametrize(
    ("words", "meaning", "fix"),
    [
        (_START, "proxy_on_vm_start returned false", "return true (1)"),
        (_FAILED.format("proxy_on_vm_start", _START), "fails when it starts, in proxy_on_vm_start", ""),
        (_CONFIGURE, "proxy_on_configure returned false", "--plugin-config-file"),
        (_FAILED.format("proxy_on_configure", _CONFIGURE), "fails while it reads its configuration", "--plugin-config"),
        (_FAILED.format("_initialize", _INITIALIZE), "fails when it starts, in _initialize", ""),
        (
            f"Function: _start failed: Uncaught Error: restricted_callback\n{_INITIALIZE}",
            "the module calls what it may not call yet",
            "Rust with crate-type cdylib, C and C++ with -mexec-model=reactor",
        ),
    ],
)
def test_a_plugin_that_does_not_start(words: str, meaning: str, fix: str) -> None:
    advice = advise(REFUSED, words, 30, starting=True)
    assert meaning in advice.meaning
    assert fix in advice.fix
    assert bool(fix) == bool(advice.fix)


@pytest.mark.parametrize("outcome", [DIED, HELD, HUNG, TRAPPED, UNANSWERED])
def test_every_bad_end_has_a_meaning(outcome: str) -> None:
    assert advise(outcome, "", 30).meaning
