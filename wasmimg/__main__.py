"""``python -m wasmimg`` and the script ``wasmimg``."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        _open_streams()
        code = _run(sys.argv[1:])
    except KeyboardInterrupt:  # while starting, or a second one at the end
        _complain("interrupted")
        code = 130
    except OSError as error:
        code = _unwritten(error)
    return _settled(code)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:  # without the cost of a command line
        from wasmimg.version import __version__

        print(f"wasmimg {__version__}")
        return 0
    import gc

    # What start-up makes stays until the end: looking through it again and again costs a tenth of it.
    gc.set_threshold(50_000)
    from wasmimg.interrupts import heard_again, no_longer_heed

    try:
        with heard_again():
            from wasmimg.cli import run

            return run(arguments)
    finally:
        no_longer_heed()
        gc.freeze()  # the interpreter would look through all of it once more before it ends


def _open_streams() -> None:
    """Open those standard streams that are closed: the next file to be opened would become one."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest free one, hence that of the stream
            setattr(sys, name, open(descriptor, "w" if number else "r"))  # noqa: SIM115 (it stays open)


def _settled(code: int) -> int:
    """``code``, with nothing left that the interpreter could end otherwise for."""
    # One that hit an eval(), as namedtuple has, is remembered though it was heeded, and Python ends
    # itself by SIGINT; the next eval() forgets it (CPython Python/pythonrun.c, run_eval_code_obj).
    eval("0")
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if code == 0 and stream is sys.stdout:
                code = _unwritten(error)
    return code


def _unwritten(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):  # who reads it has seen enough
        return 0
    _complain(f"the result cannot be written to stdout: {error.strerror}")
    return 9


def _complain(text: str) -> None:
    from contextlib import suppress

    with suppress(OSError):
        print(f"error: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
