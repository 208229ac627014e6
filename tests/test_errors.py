"""Every error keeps its words, its class and its exit code, across processes too."""

from __future__ import annotations

import copy
import pickle

import pytest

from wasmimg import errors
from wasmimg.errors import NetworkFailed, WasmimgError

EXIT_CODES = {
    "WasmimgError": 1,
    "UsageError": 2,
    "ModuleRefused": 3,
    "NoEngine": 4,
    "EngineFailed": 5,
    "NotAllowed": 6,
    "NetworkFailed": 7,
    "ImageRefused": 8,
    "FileSystemFailed": 9,
    "Interrupted": 130,
}


def _kind(name: str) -> type[WasmimgError]:
    kind: type[WasmimgError] = getattr(errors, name)
    assert issubclass(kind, WasmimgError)
    return kind


@pytest.mark.parametrize("name", EXIT_CODES)
def test_exit_codes_are_those_of_the_contract(name: str) -> None:
    assert _kind(name)("x").exit_code == EXIT_CODES[name]


def test_every_error_has_its_row_in_the_contract() -> None:
    assert set(errors.__all__) == set(EXIT_CODES)


@pytest.mark.parametrize("name", EXIT_CODES)
def test_an_error_pickles_whole(name: str) -> None:
    error = _kind(name)("what é\n", reason="why", hint="how")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert (str(again), again.args, again.exit_code) == (str(error), error.args, error.exit_code)


def test_a_network_error_keeps_what_a_retry_needs() -> None:
    error = NetworkFailed("busy", reason="429", transient=True, retry_after=2.5)
    again = pickle.loads(pickle.dumps(error))
    assert (again.transient, again.retry_after, again.reason, again.hint) == (True, 2.5, "429", None)


@pytest.mark.parametrize("name", EXIT_CODES)
def test_an_error_copies_whole(name: str) -> None:
    error = _kind(name)("what", reason="why", hint="how")
    assert vars(copy.copy(error)) == vars(copy.deepcopy(error)) == vars(error)


def test_an_error_is_its_message_and_no_more_is_required() -> None:
    error = WasmimgError("it failed")
    assert (str(error), error.message, error.reason, error.hint) == ("it failed", "it failed", None, None)


def test_a_network_error_is_not_repeated_unless_said() -> None:
    assert NetworkFailed("x").transient is False
