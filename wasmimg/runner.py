"""Carrying out the steps of a plan: staging, retries, clean-up that always runs."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from wasmimg.engines.base import WORK, Plan, Step
from wasmimg.engines.process import Limits, run_command
from wasmimg.errors import StoreBusy, WasmimgError
from wasmimg.events import Event, Tell, told_retries
from wasmimg.interrupts import uninterrupted
from wasmimg.retry import Policy, run
from wasmimg.stores.files import file_system

__all__ = ["Runner"]

# A step that stays on this machine may work in silence for longer than a registry may.
_LOCAL_PATIENCE = 3


class Runner:
    """The temporary folder of one plan. Use it in a ``with`` block: at its end, whatever the
    reason, the plan's clean-up runs and the folder goes."""

    def __init__(self, plan: Plan, *, environment: Mapping[str, str], policy: Policy, tell: Tell) -> None:
        self._plan = plan
        self._environment = environment
        self._policy = policy
        self._tell = tell
        self._began = False
        with file_system("no temporary folder can be made"):
            self.work = Path(tempfile.mkdtemp(prefix="wasmimg-"))

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Called in reverse, each whatever became of the one before.
        with uninterrupted(), ExitStack() as cleaning:
            cleaning.callback(shutil.rmtree, self.work, ignore_errors=True)
            for step in reversed(self._plan.cleanup) if self._began else ():
                cleaning.callback(self._clean, step)

    def stage(self, module: memoryview, epoch: int) -> None:
        """Put the plan's files into the folder: regular, mode 0644, time ``epoch``."""
        with file_system("the build cannot be staged"):
            for staged in self._plan.staged:
                path = self.work / staged.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with open(path, "xb") as file:
                    file.write(module if staged.text is None else self.locate(staged.text).encode())
                path.chmod(0o644)
                os.utime(path, (epoch, epoch))

    def locate(self, text: str) -> str:
        """``text`` with the folder's path in it."""
        return text.replace(WORK, str(self.work))

    def run(self, step: Step) -> None:
        """Run ``step``; one that talks to a registry is repeated by the policy."""
        self._began = True
        self._tell(Event("step", step.purpose))
        context = self._context(step) if step.context else None
        idle = self._policy.idle_timeout * (1 if step.network else _LOCAL_PATIENCE)

        def attempt() -> None:
            run_command(
                tuple(self.locate(word) for word in step.argv),
                environment=self._environment_of(step),
                stdin=context,
                limits=Limits(idle),
                network=step.network,
                whole=step.whole,
                on_line=lambda line: self._tell(Event("output", line)),
            )

        if step.network:
            run(attempt, self._policy, on_retry=told_retries(self._tell))
        else:
            self._patiently(attempt)

    def _patiently(self, attempt: Callable[[], None]) -> None:
        """Call ``attempt``, and again while others are in the way in the engine's store."""
        for _ in range(self._policy.attempts - 1):
            try:
                return attempt()
            except StoreBusy as error:
                self._tell(Event("retry", f"{error.reason or error.message}; again"))
        return attempt()

    def _context(self, step: Step) -> Path:
        """The staged files as a tar, which docker reads on standard input."""
        with file_system("the build cannot be staged"):
            descriptor, path = tempfile.mkstemp(".tar", dir=self.work)  # no fixed name: the module may have any
            with (
                open(descriptor, "wb") as target,
                tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar,
            ):
                for name in step.context:
                    info = tar.gettarinfo(self.work / name, arcname=name)
                    info.uid = info.gid = 0
                    info.uname = info.gname = ""
                    info.mtime = int(info.mtime)
                    with open(self.work / name, "rb") as file:
                        tar.addfile(info, file)
        return Path(path)

    def _environment_of(self, step: Step) -> dict[str, str]:
        # Messages are classified by their English words; what an engine that was ended has left
        # in its temporary folder goes with ours.
        environment = {**self._environment, "LC_ALL": "C", "TMPDIR": str(self.work)}
        if step.argv[0] in ("buildah", "podman"):
            from wasmimg.engines.buildah import readable_by_buildah

            environment = readable_by_buildah(environment)
        for name, value in step.environment:
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = self.locate(value)
        return environment

    def _clean(self, step: Step) -> None:
        limits = Limits(self._policy.idle_timeout * _LOCAL_PATIENCE)
        try:
            ended = run_command(step.argv, environment=self._environment_of(step), limits=limits, check=False)
        except WasmimgError as error:
            said = error.message
        else:
            said = ended.stderr.strip()
            # It was never made: a step before it failed.
            if ended.status == 0 or "not known" in said or "No such image" in said:
                return
        self._tell(Event("warning", f"{step.purpose} failed ({said}); by hand: {' '.join(step.argv)}"))
