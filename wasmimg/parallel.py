"""Work that leaves the interpreter (hashing, deflating), on all cores."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence

__all__ = ["run_all"]


def run_all(tasks: Sequence[Callable[[], None]]) -> None:
    """Run ``tasks``, begun in order, on as many threads as there are cores; the first error is raised here."""
    queue = iter(tasks)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            while not errors:
                with lock:
                    task = next(queue, None)
                if task is None:
                    return
                task()
        except BaseException as error:  # handed to the caller below
            errors.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(len(tasks), _cores()) - 1)]
    try:
        for thread in threads:
            thread.start()
        work()
        for thread in threads:
            thread.join()
    except BaseException as error:  # an interrupt between two tasks: no further one is begun
        errors.append(error)
        for thread in threads:
            if thread.is_alive():
                thread.join()
    if errors:
        raise errors[0]


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1
