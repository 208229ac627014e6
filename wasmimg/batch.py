"""Several images at once, each in a process of its own.

Processes and not threads: ``sh`` forks, which a process with threads must not do, and only a
main thread can be interrupted.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from wasmimg.driver import Built, build
from wasmimg.errors import WasmimgError
from wasmimg.events import Event
from wasmimg.interrupts import heed_signals, held_back, uninterrupted
from wasmimg.job import Job

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

__all__ = ["Outcome", "build_all"]

Outcome = Built | WasmimgError
Listener = Callable[[Job, Event], None]
Finisher = Callable[[Job, Outcome], None]
_GRACE = 30.0  # seconds for a worker to clean up


def build_all(
    jobs: tuple[Job, ...], environment: Mapping[str, str], listener: Listener, finished: Finisher, *, at_once: int = 0
) -> tuple[Outcome, ...]:
    """Build every job, ``at_once`` at a time (0: one a core); what became of each, in order.

    ``listener`` hears every event and ``finished`` every outcome as it comes. One that fails
    does not stop the others. An interrupt ends all of them, each after its clean-up, and is
    raised again.
    """
    if len(jobs) == 1:
        outcome = _outcome(jobs[0], environment, lambda event: listener(jobs[0], event))
        finished(jobs[0], outcome)
        return (outcome,)
    import multiprocessing
    from multiprocessing.connection import Connection, wait

    outcomes: dict[int, Outcome] = {}
    waiting = list(enumerate(jobs))
    running: dict[Connection, tuple[SpawnProcess, int]] = {}
    context = multiprocessing.get_context("spawn")
    limit = at_once or os.cpu_count() or 1
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                index, job = waiting.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                worker = context.Process(target=_work, args=(job, dict(environment), theirs))
                with held_back():
                    _start(worker)
                    running[ours] = (worker, index)
                theirs.close()
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                worker, index = running[ready]
                try:
                    message = ready.recv()
                except (EOFError, OSError):  # nothing, or half a message
                    worker.join()
                    outcomes[index] = WasmimgError(
                        f"{jobs[index].module}: the worker ended by itself", reason=f"status {worker.exitcode}"
                    )
                    message = None
                if isinstance(message, Event):
                    listener(jobs[index], message)
                    continue
                if message is not None:
                    outcomes[index] = message
                finished(jobs[index], outcomes[index])
                worker.join()
                del running[ready]
                ready.close()
    finally:
        with uninterrupted():
            _end([worker for worker, _ in running.values()])
    return tuple(outcomes[index] for index in range(len(jobs)))


def _start(worker: SpawnProcess) -> None:
    """Start a worker that a Ctrl-C at the terminal does not reach: it is told by us."""
    if not hasattr(signal, "pthread_sigmask"):
        worker.start()
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        worker.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(workers: list[SpawnProcess]) -> None:
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(_GRACE)
        if worker.is_alive():
            worker.kill()
            worker.join()


def _work(job: Job, environment: dict[str, str], out: Connection) -> None:
    heed_signals()
    try:
        try:
            out.send(_outcome(job, environment, out.send))
        except BrokenPipeError:  # whoever started us is gone
            os._exit(1)
        except Exception as error:
            bug = f"this is a bug in wasmimg: {type(error).__name__}: {error}"
            hint = f"run it again with --plugin {job.plugin} --debug, and report what it prints"
            out.send(WasmimgError(bug, hint=hint))
    except KeyboardInterrupt:
        os._exit(130)


def _outcome(job: Job, environment: Mapping[str, str], tell: Callable[[Event], None]) -> Outcome:
    try:
        return build(job, environment, tell)
    except WasmimgError as error:
        return error
