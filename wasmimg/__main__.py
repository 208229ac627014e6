"""``python -m wasmimg`` and the script ``wasmimg``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    if sys.argv[1:] == ["--version"]:  # without the cost of a command line
        from wasmimg.version import __version__

        print(f"wasmimg {__version__}")
        return 0
    import gc

    # What start-up makes stays until the end: looking through it again and again costs a tenth of it.
    gc.set_threshold(50_000)
    from wasmimg.cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
