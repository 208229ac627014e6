"""The embedded engine beside buildah's three documented commands, and what start-up costs.

    python benchmarks/embedded_vs_buildah.py [MODULE] [--rounds N]

Both build one module into a new OCI layout, by turns, so that a busy machine slows both. buildah's
``rm`` is left out of its time. Without MODULE it is the largest of the plugins in PyPI's
gpustack-higress-plugins. Exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

BUILD_TARGET = 0.6  # of buildah's time
START_TARGET = 0.060  # seconds of CPU over bare Python
HOST = ["--for", "higress"]  # of those plugins; it has the ABIs of the other consumers, too
# As installed: with compiled modules, which the first round writes where there are none.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
WASMIMG = str(Path(sysconfig.get_path("scripts")) / "wasmimg")


def largest_plugin() -> Path:
    import gpustack_higress_plugins

    (root,) = gpustack_higress_plugins.__path__
    return max(Path(root).rglob("*.wasm"), key=lambda path: path.stat().st_size)


def timed(*commands: list[str]) -> float:
    """Seconds from the start of the first of ``commands`` to the end of the last."""
    began = time.perf_counter()
    for command in commands:
        subprocess.run(command, check=True, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def embedded(module: Path, folder: Path) -> float:
    return timed([WASMIMG, "build", str(module), *HOST, "-e", "embedded", "-q", "-o", f"oci:{folder}/embedded"])


def buildah(module: Path, folder: Path) -> float:
    container = f"benchmark-{os.getpid()}"
    try:
        return timed(
            ["buildah", "from", "--name", container, "scratch"],
            ["buildah", "copy", "--quiet", container, str(module), "./plugin.wasm"],
            ["buildah", "commit", "--quiet", "--disable-compression=false", container, f"oci:{folder}/buildah"],
        )
    finally:
        subprocess.run(["buildah", "rm", container], check=True, stdout=subprocess.DEVNULL)


def cpu_seconds(command: list[str], rounds: int) -> float:
    """The median CPU time of ``command``, its children's included."""
    times = []
    for _ in range(rounds):
        before = os.times()
        timed(command)
        after = os.times()
        times.append(after.children_user - before.children_user + after.children_system - before.children_system)
    return statistics.median(times)


def show(name: str, times: list[float]) -> None:
    print(f"{name:10} median {1000 * statistics.median(times):6.1f} ms   best {1000 * min(times):6.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("module", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    module = (options.module or largest_plugin()).resolve()
    ours: list[float] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as temporary:
        for turn in range(options.rounds + 1):
            folder = Path(temporary) / str(turn)
            folder.mkdir()
            pair = embedded(module, folder), buildah(module, folder)
            if turn:  # the first one warms the caches up
                ours.append(pair[0])
                theirs.append(pair[1])
            shutil.rmtree(folder)
    ratio = statistics.median(ours) / statistics.median(theirs)
    bare = cpu_seconds([sys.executable, "-c", "pass"], 20)
    start = cpu_seconds([WASMIMG, "--version"], 20) - bare
    print(f"{module.name}, {module.stat().st_size} bytes, {options.rounds} rounds by turns")
    show("embedded", ours)
    show("buildah", theirs)
    print(f"embedded takes {ratio:.2f} of buildah's time (target: at most {BUILD_TARGET})")
    print(
        f"wasmimg --version takes {1000 * start:.0f} ms of CPU over bare Python (target: at most {1000 * START_TARGET:.0f})"
    )
    return 0 if ratio <= BUILD_TARGET and start <= START_TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
