"""The retry policy: what is repeated, how often, how long after, and until when."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from wasmimg.errors import (
    EngineFailed,
    FileSystemFailed,
    ImageRefused,
    NetworkFailed,
    NoEngine,
    NotAllowed,
    UsageError,
    WasmimgError,
)
from wasmimg.retry import Kind, Policy, classify_status, run

_PATIENT = Policy(attempts=3, deadline=1000.0)


def _busy(retry_after: float | None = None) -> NetworkFailed:
    return NetworkFailed("busy", transient=True, retry_after=retry_after)


class _Work:
    """Fails with each of ``failures`` in turn, then gives ``done``."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return "done"


def _run(work: Callable[[], str], policy: Policy = _PATIENT) -> tuple[str, list[float]]:
    pauses: list[float] = []
    return run(work, policy, sleep=pauses.append), pauses


def test_work_that_succeeds_is_done_once_and_at_once() -> None:
    work = _Work()
    assert _run(work) == ("done", [])
    assert work.calls == 1


def test_a_transient_failure_is_repeated_until_it_passes() -> None:
    work = _Work(_busy(), _busy())
    result, pauses = _run(work)
    assert (result, work.calls, len(pauses)) == ("done", 3, 2)


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_attempts_count_the_first_one(attempts: int) -> None:
    work = _Work(*[_busy() for _ in range(10)])
    with pytest.raises(NetworkFailed):
        _run(work, _PATIENT._replace(attempts=attempts))
    assert work.calls == attempts


def test_the_last_error_is_raised_as_it_is() -> None:
    last = NetworkFailed("last", reason="because", hint="so", transient=True)
    with pytest.raises(NetworkFailed) as caught:
        _run(_Work(_busy(), _busy(), last))
    assert caught.value is last


@pytest.mark.parametrize(
    "error",
    [
        NetworkFailed("permanent"),
        NotAllowed("401"),
        EngineFailed("broken"),
        NoEngine("none"),
        ImageRefused("404"),
        UsageError("wrong"),
        FileSystemFailed("full"),
        KeyboardInterrupt(),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_nothing_but_a_transient_failure_is_repeated(error: BaseException) -> None:
    work = _Work(error)
    with pytest.raises(type(error)) as caught:
        _run(work)
    assert caught.value is error
    assert work.calls == 1


def test_a_permanent_failure_ends_the_repeating() -> None:
    work = _Work(_busy(), NotAllowed("403"), _busy())
    with pytest.raises(NotAllowed):
        _run(work)
    assert work.calls == 2


@pytest.mark.parametrize("asked, paused", [(0.0, 0.0), (7.5, 7.5), (30.0, 30.0), (3600.0, 30.0), (-5.0, 0.0)])
def test_the_pause_that_a_registry_asks_for_is_kept_up_to_half_a_minute(asked: float, paused: float) -> None:
    assert _run(_Work(_busy(retry_after=asked))) == ("done", [paused])


def test_own_pauses_grow_and_stay_below_eight_seconds() -> None:
    work = _Work(*[_busy() for _ in range(11)])
    _, pauses = _run(work, Policy(attempts=12, deadline=1000.0))
    assert all(0 <= pause <= min(0.5 * 2**number, 8) for number, pause in enumerate(pauses))


def test_own_pauses_differ_so_that_builds_do_not_come_back_together() -> None:
    firsts = {_run(_Work(_busy(), _busy()))[1][1] for _ in range(5)}
    assert len(firsts) > 1


def test_no_attempt_begins_after_the_deadline() -> None:
    def work() -> str:
        calls.append(1)
        time.sleep(0.02)
        raise _busy(retry_after=0.0)

    calls: list[int] = []
    with pytest.raises(NetworkFailed, match="busy"):
        run(work, Policy(attempts=10, deadline=0.01), sleep=lambda pause: None)
    assert len(calls) == 1


def test_a_pause_that_would_end_after_the_deadline_is_not_begun() -> None:
    work = _Work(_busy(retry_after=25.0))
    pauses: list[float] = []
    with pytest.raises(NetworkFailed):
        run(work, Policy(attempts=3, deadline=20.0), sleep=pauses.append)
    assert (work.calls, pauses) == (1, [])


def test_an_attempt_that_outlasts_the_deadline_still_counts() -> None:
    def work() -> str:
        time.sleep(0.02)
        return "late"

    assert run(work, Policy(attempts=1, deadline=0.001), sleep=lambda pause: None) == "late"


def test_every_repetition_is_told_with_its_reason_and_pause() -> None:
    told: list[tuple[str, float]] = []

    def on_retry(error: WasmimgError, pause: float) -> None:
        told.append((error.message, pause))

    errors = (
        NetworkFailed("first", transient=True, retry_after=1.0),
        NetworkFailed("second", transient=True, retry_after=2.0),
    )
    run(_Work(*errors), _PATIENT, on_retry=on_retry, sleep=lambda pause: None)
    assert told == [("first", 1.0), ("second", 2.0)]


def test_the_last_failure_is_raised_and_not_told() -> None:
    told: list[str] = []
    with pytest.raises(NetworkFailed):
        run(
            _Work(_busy(), _busy()),
            Policy(attempts=2),
            on_retry=lambda error, pause: told.append(error.message),
            sleep=lambda pause: None,
        )
    assert told == ["busy"]


def test_the_policy_without_a_file_is_the_documented_one() -> None:
    assert Policy() == Policy(attempts=3, deadline=120.0, idle_timeout=20.0)


@pytest.mark.parametrize("status", [408, 425, 429, 499, 500, 502, 503, 504, *range(520, 530)])
def test_statuses_that_may_pass(status: int) -> None:
    assert classify_status(status) is Kind.TRANSIENT


@pytest.mark.parametrize("status", [401, 403])
def test_statuses_that_refuse_access(status: int) -> None:
    assert classify_status(status) is Kind.AUTH


@pytest.mark.parametrize("status", [400, 402, 404, 405, 406, 409, 410, 411, 413, 415, 416, 422, 501, 505, 511])
def test_statuses_that_will_not_pass(status: int) -> None:
    assert classify_status(status) is Kind.PERMANENT
