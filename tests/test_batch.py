"""Several builds at once: each has its outcome, and an interrupt leaves nothing of any."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests.cli.calling import EXAMPLE, write_big_module
from tests.engines.fakes import Fakes
from wasmimg.batch import Outcome, build_all
from wasmimg.driver import Built, build
from wasmimg.errors import ModuleRefused, WasmimgError
from wasmimg.events import Event
from wasmimg.job import Job, Request, plan_jobs

BIG = 64 * 1024 * 1024


class _Heard:
    """What was told while building, by the name of the plugin."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Event]] = []
        self.outcomes: list[tuple[str, Outcome]] = []

    def listen(self, job: Job, event: Event) -> None:
        self.events.append((job.plugin, event))

    def finished(self, job: Job, outcome: Outcome) -> None:
        self.outcomes.append((job.plugin, outcome))


def _jobs(folder: Path, engine: str = "embedded", **modules: bytes | int) -> tuple[Job, ...]:
    """A job for each module, given as bytes, or as the size of one that is nearly all zeros."""
    text = ""
    for name, content in modules.items():
        if isinstance(content, bytes):
            (folder / f"{name}.wasm").write_bytes(content)
        else:
            write_big_module(folder / f"{name}.wasm", content)
        text += f"[plugins.{name}]\nmodule = '{name}.wasm'\nimage = 'r.io/acme/{name}:1'\n"
    (folder / "wasmimg.toml").write_text(text)
    jobs, _ = plan_jobs(Request(engine=engine, outputs=("oci:out",)), {}, folder)
    return jobs


def _left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".wasm" and path.name != "wasmimg.toml"}


def test_one_job_is_built_here(tmp_path: Path) -> None:
    heard = _Heard()
    (outcome,) = build_all(_jobs(tmp_path, one=EXAMPLE.read_bytes()), {}, heard.listen, heard.finished)
    assert isinstance(outcome, Built)
    assert heard.outcomes == [("one", outcome)]
    assert ("one", Event("step", "build the image")) in heard.events


def test_one_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    heard = _Heard()
    example = EXAMPLE.read_bytes()
    jobs = _jobs(tmp_path, first=example, bad=b"\0asm\x0d\0\1\0", last=example + b"\0\2\1x")
    outcomes = build_all(jobs, {}, heard.listen, heard.finished, at_once=2)
    first, bad, last = outcomes
    assert isinstance(first, Built)
    assert isinstance(last, Built)
    assert [first.plugin, last.plugin] == ["first", "last"]
    assert isinstance(bad, ModuleRefused)
    assert "WI103" in (bad.reason or "")
    assert "wasm32-wasip1" in (bad.hint or "")
    assert dict(heard.outcomes) == dict(zip(["first", "bad", "last"], outcomes, strict=True))
    assert {name for name, event in heard.events if event.kind == "step"} == {"first", "last"}
    alone = build(jobs[0]._replace(outputs=(jobs[0].outputs[0]._replace(path=tmp_path / "alone"),)), {})
    assert first.manifest_digest == alone.manifest_digest


def test_a_worker_that_dies_is_an_error_of_its_job_alone(tmp_path: Path) -> None:
    heard = _Heard()

    def listen(job: Job, event: Event) -> None:
        if job.plugin == "big" and event.kind == "note":
            for child in multiprocessing.active_children():
                os.kill(child.pid or 0, signal.SIGKILL)

    jobs = _jobs(tmp_path, big=BIG, small=EXAMPLE.read_bytes())
    big, small = build_all(jobs, {}, listen, heard.finished, at_once=1)
    assert isinstance(small, Built)
    assert isinstance(big, WasmimgError)
    assert "ended by itself" in big.message
    assert big.reason == "status -9"


def test_a_bug_in_a_worker_is_an_error_of_its_job_and_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = _Heard()
    first, second = _jobs(tmp_path, first=EXAMPLE.read_bytes(), second=EXAMPLE.read_bytes())
    broken = first._replace(spec=None)  # type: ignore[arg-type]
    bug, built = build_all((broken, second), {}, heard.listen, heard.finished, at_once=2)
    assert isinstance(built, Built)
    assert isinstance(bug, WasmimgError)
    assert (bug.exit_code, "a bug in wasmimg: AttributeError" in bug.message) == (1, True)
    assert "--plugin first --debug" in (bug.hint or "")
    assert capfd.readouterr().err == ""


def test_an_interrupt_ends_all_and_leaves_nothing(tmp_path: Path) -> None:
    def listen(job: Job, event: Event) -> None:
        if event.kind == "step":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_all(_jobs(tmp_path, a=BIG, b=BIG), {}, listen, _Heard().finished, at_once=2)
    assert multiprocessing.active_children() == []
    assert _left(tmp_path) == set()


def test_an_interrupt_removes_the_containers_of_all(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("buildah", '[ "$1" != copy ] || { sleep 0.1; echo copying; exec sleep 5; }')
    jobs = _jobs(tmp_path, "buildah", a=EXAMPLE.read_bytes(), b=EXAMPLE.read_bytes())
    copying: set[str] = set()

    def listen(job: Job, event: Event) -> None:
        if event == Event("output", "copying"):
            copying.add(job.plugin)
        if len(copying) == 2:
            raise KeyboardInterrupt

    environment = {"PATH": fakes.path, "TMPDIR": str(tmp_path)}
    with pytest.raises(KeyboardInterrupt):
        build_all(jobs, environment, listen, _Heard().finished, at_once=2)
    begun = {call[call.index("--name") + 1] for call in fakes.calls() if call[1] == "from"}
    removed = {call[2] for call in fakes.calls() if call[1] == "rm"}
    assert len(begun) == 2
    assert removed == begun
