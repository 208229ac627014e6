"""Carrying out a plan: what is staged, what is repeated, and that everything is cleaned up."""

from __future__ import annotations

import functools
import os
import stat
import tarfile
import tempfile
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from tests.engines.orders import order
from wasmimg import retry, runner
from wasmimg.engines.base import WORK, Dockerfile, Plan, Staged, Step
from wasmimg.engines.docker import DockerFacts, plan_docker
from wasmimg.errors import EngineFailed, FileSystemFailed, NetworkFailed, NotAllowed
from wasmimg.events import Event
from wasmimg.image.media_types import Format
from wasmimg.retry import Policy
from wasmimg.runner import Runner

BYTES = b"\0asm\1\0\0\0" + bytes(range(256)) * 300
CLEAN = Step("remove the container", ("engine", "rm", "c"))
PUSH = Step("push it", ("engine", "push"), network=True)
BUSY = "echo 'received unexpected HTTP status: 503 Service Unavailable' >&2; exit 1"


class _Bench:
    """A temporary folder, fake engines, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.fakes = Fakes(folder)
        self.told: list[Event] = []

    def runner(self, plan: Plan, policy: Policy | None = None, **environment: str) -> Runner:
        return Runner(
            plan,
            environment={"PATH": self.fakes.path, **environment},
            policy=policy or Policy(idle_timeout=5.0),
            tell=self.told.append,
        )

    def texts(self, kind: str) -> list[str]:
        return [event.text for event in self.told if event.kind == kind]

    def verbs(self) -> list[str]:
        return [call[1] for call in self.fakes.calls()]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Bench:
    made = _Bench(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(made.temporary))
    monkeypatch.setattr(runner, "run", functools.partial(retry.run, sleep=lambda pause: None))
    return made


def _listing(path: Path) -> dict[str, tuple[bytes, int, int]]:
    with tarfile.open(path) as tar:
        found = {}
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = (file.read(), member.mode, int(member.mtime))
            assert (member.isreg(), member.uid, member.gid, member.uname, member.gname) == (True, 0, 0, "", "")
    return found


def test_files_are_staged_regular_and_readable_and_of_the_images_time(bench: _Bench) -> None:
    before = os.umask(0o077)
    try:
        with bench.runner(Plan("x", staged=(Staged("Dockerfile", "FROM scratch\n"), Staged("sub/p.wasm")))) as running:
            running.stage(memoryview(BYTES), 86400)
            for name, data in (("Dockerfile", b"FROM scratch\n"), ("sub/p.wasm", BYTES)):
                found = (running.work / name).lstat()
                assert (running.work / name).read_bytes() == data
                assert stat.S_ISREG(found.st_mode)
                assert (stat.S_IMODE(found.st_mode), found.st_mtime) == (0o644, 86400)
    finally:
        os.umask(before)


def test_the_work_folder_is_the_users_alone_and_goes(bench: _Bench) -> None:
    with bench.runner(Plan("x", staged=(Staged("plugin.wasm"),))) as running:
        running.stage(memoryview(BYTES), 0)
        assert stat.S_IMODE(running.work.stat().st_mode) == 0o700
        assert running.work.parent == bench.temporary
    assert list(bench.temporary.iterdir()) == []


@pytest.mark.parametrize("source", ["plugin.wasm", "sub dir/é.wasm", "-x.wasm", "context.tar", "image.tar", "work"])
def test_docker_gets_a_context_of_two_files_whatever_the_module_is_called(source: str, bench: _Bench) -> None:
    bench.fakes.add("docker", 'cat >"$record/context.tar"')
    dockerfile = Dockerfile(f'FROM scratch\nCOPY ["{source}", "./plugin.wasm"]\n', source)
    plan = plan_docker(order("r.io/p/q:1", form=Format.DOCKER, dockerfile=dockerfile), DockerFacts())
    with bench.runner(plan) as running:
        running.stage(memoryview(BYTES), 5)
        running.run(plan.steps[0])
    assert _listing(bench.fakes.record / "context.tar") == {
        "Dockerfile": (dockerfile.text.encode(), 0o644, 5),
        source: (BYTES, 0o644, 5),
    }


def test_the_same_module_gives_the_same_context(bench: _Bench) -> None:
    bench.fakes.add("docker", 'cat >>"$record/contexts"')
    plan = plan_docker(order("r.io/p/q:1", form=Format.DOCKER), DockerFacts())
    for _ in range(2):
        with bench.runner(plan) as running:
            running.stage(memoryview(BYTES), 5)
            running.run(plan.steps[0])
    both = (bench.fakes.record / "contexts").read_bytes()
    assert both[: len(both) // 2] == both[len(both) // 2 :]


def test_the_work_folder_stands_for_its_sign(bench: _Bench) -> None:
    bench.fakes.add("engine")
    with bench.runner(Plan("x")) as running:
        running.run(Step("go", ("engine", f"oci:{WORK}/layout")))
        assert bench.fakes.calls() == [["engine", f"oci:{running.work}/layout"]]


def test_a_step_gets_its_environment_and_speaks_english(bench: _Bench) -> None:
    bench.fakes.add("engine", 'env >"$record/environment"')
    step = Step("go", ("engine",), environment=(("GONE", None), ("NEW", "a b"), ("OLD", "changed")))
    with bench.runner(Plan("x"), GONE="1", OLD="1", KEPT="1", LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8") as running:
        running.run(step)
    found = (bench.fakes.record / "environment").read_text().splitlines()
    assert {"NEW=a b", "OLD=changed", "KEPT=1", "LC_ALL=C"} <= set(found)
    assert not any(line.startswith("GONE=") for line in found)


def test_what_is_done_and_said_is_told(bench: _Bench) -> None:
    bench.fakes.add("engine", "echo one; echo two >&2")
    with bench.runner(Plan("x")) as running:
        running.run(Step("build it", ("engine",)))
    assert bench.told[0] == Event("step", "build it")
    assert sorted(bench.texts("output")) == ["one", "two"]


def test_a_push_is_repeated_and_each_time_told(bench: _Bench) -> None:
    bench.fakes.add("engine", f'echo x >>"$record/tries"; [ "$(wc -l <"$record/tries")" -ge 3 ] || {{ {BUSY}; }}')
    with bench.runner(Plan("x", cleanup=(CLEAN,))) as running:
        running.run(PUSH)
    assert bench.verbs() == ["push", "push", "push", "rm"]
    assert len(bench.texts("retry")) == 2
    assert "503 Service Unavailable" in bench.texts("retry")[0]


@pytest.mark.parametrize("attempts", [1, 2, 3])
def test_a_push_is_tried_as_often_as_the_policy_says(attempts: int, bench: _Bench) -> None:
    bench.fakes.add("engine", BUSY)
    with bench.runner(Plan("x"), Policy(attempts=attempts)) as running, pytest.raises(NetworkFailed):
        running.run(PUSH)
    assert bench.verbs() == ["push"] * attempts


def test_a_push_that_is_not_allowed_is_not_repeated(bench: _Bench) -> None:
    bench.fakes.add("engine", "echo 'unauthorized: authentication required' >&2; exit 1")
    with bench.runner(Plan("x")) as running, pytest.raises(NotAllowed):
        running.run(PUSH)
    assert bench.verbs() == ["push"]


def test_a_step_on_this_machine_is_not_repeated(bench: _Bench) -> None:
    bench.fakes.add("engine", BUSY)
    with bench.runner(Plan("x")) as running, pytest.raises(NetworkFailed):
        running.run(PUSH._replace(network=False))
    assert bench.verbs() == ["push"]


@pytest.mark.parametrize("error", [EngineFailed("x"), KeyboardInterrupt(), SystemExit(1), ValueError("a bug")])
def test_clean_up_runs_whatever_ended_the_build(error: BaseException, bench: _Bench) -> None:
    def build() -> None:
        with bench.runner(Plan("x", cleanup=(CLEAN, CLEAN))) as running:
            running.run(PUSH)
            raise error

    bench.fakes.add("engine")
    with pytest.raises(type(error)):
        build()
    assert bench.verbs() == ["push", "rm", "rm"]
    assert list(bench.temporary.iterdir()) == []


def test_clean_up_runs_when_the_step_itself_failed(bench: _Bench) -> None:
    bench.fakes.add("engine", '[ "$1" = rm ] || { echo broken >&2; exit 125; }')
    with pytest.raises(EngineFailed), bench.runner(Plan("x", cleanup=(CLEAN,))) as running:
        running.run(Step("go", ("engine", "from")))
    assert bench.verbs() == ["from", "rm"]
    assert bench.texts("warning") == []


def test_an_interrupt_during_a_step_ends_it_and_cleans_up(bench: _Bench) -> None:
    bench.fakes.add("engine", f'[ "$1" = rm ] || {{ sleep 0.1; kill -INT {os.getpid()}; sleep 30; }}')
    with pytest.raises(KeyboardInterrupt), bench.runner(Plan("x", cleanup=(CLEAN,))) as running:
        running.run(Step("go", ("engine", "from")))
    assert bench.verbs() == ["from", "rm"]
    assert list(bench.temporary.iterdir()) == []


def test_an_interrupt_does_not_cut_the_clean_up_short(bench: _Bench) -> None:
    bench.fakes.add("engine", f'[ "$1" = push ] || {{ kill -INT {os.getpid()}; sleep 0.05; }}')
    with bench.runner(Plan("x", cleanup=(CLEAN, CLEAN))) as running:
        running.run(PUSH)
    assert bench.verbs() == ["push", "rm", "rm"]
    assert list(bench.temporary.iterdir()) == []


def test_nothing_is_cleaned_up_that_never_began(bench: _Bench) -> None:
    bench.fakes.add("engine")
    with bench.runner(Plan("x", cleanup=(CLEAN,))):
        pass
    assert bench.verbs() == []


def test_a_clean_up_that_fails_is_a_warning_with_the_line_to_type(bench: _Bench) -> None:
    bench.fakes.add("engine", '[ "$1" != rm ] || { echo "device busy" >&2; exit 125; }')
    with bench.runner(Plan("x", cleanup=(CLEAN,))) as running:
        running.run(PUSH)
    assert bench.texts("warning") == ["remove the container failed (device busy); by hand: engine rm c"]
    assert list(bench.temporary.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        'Error: removing container "c": container not known',
        "Error response from daemon: No such image: wasmimg-1:build",
    ],
)
def test_a_clean_up_of_what_was_never_made_is_no_warning(words: str, bench: _Bench) -> None:
    bench.fakes.add("engine", f"[ \"$1\" != rm ] || {{ echo '{words}' >&2; exit 1; }}")
    with bench.runner(Plan("x", cleanup=(CLEAN,))) as running:
        running.run(PUSH)
    assert bench.texts("warning") == []


def test_a_clean_up_whose_program_is_gone_is_a_warning(bench: _Bench) -> None:
    bench.fakes.add("engine", 'rm "$0"')
    with bench.runner(Plan("x", cleanup=(CLEAN, CLEAN))) as running:
        running.run(PUSH)
    assert len(bench.texts("warning")) == 2


def test_without_a_temporary_folder_it_is_the_file_system(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(bench.temporary / "gone"))
    with pytest.raises(FileSystemFailed, match="no temporary folder can be made"):
        bench.runner(Plan("x"))


@pytest.mark.parametrize("busy, calls", [(1, 2), (2, 3), (3, 3)])
def test_a_build_that_others_were_in_the_way_of_is_done_again(busy: int, calls: int, bench: _Bench) -> None:
    said = 'Error: locating just-written image "containers-storage:[overlay@/r]localhost/a:build": image not known'
    bench.fakes.add(
        "engine",
        f"n=$(cat {bench.temporary}/n 2>/dev/null || echo 0); echo $((n+1)) >{bench.temporary}/n\n"
        f"[ $n -ge {busy} ] || {{ echo '{said}' >&2; exit 125; }}",
    )
    step = Step("build the image", ("engine", "build"))
    with bench.runner(Plan("x"), Policy(attempts=3)) as running:
        if busy < 3:
            running.run(step)
        else:
            with pytest.raises(EngineFailed, match="engine build failed"):
                running.run(step)
    assert bench.verbs() == ["build"] * calls
    assert len(bench.texts("retry")) == calls - 1
