"""A hundred images by Bazel 4.2.3: in sandboxes, without, and by persistent workers, side by side.

    python benchmarks/bazel_hundred_images.py [--images N] [--rounds N] [--size BYTES]

Each round cleans and builds all ways by turns, so that a busy machine slows all of them. A time is that of
the images and their verification alone: the tool and the modules are there before. Needs bazel (Debian's
bazel-bootstrap) and a package index for the wheels of the tool.
"""

from __future__ import annotations

import argparse
import random
import re
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from integration.bazel.calling import Workspace  # noqa: E402
from integration.bazel.setup import copy_repository, fetch_wheels, write_bazelrc  # noqa: E402

WAYS = {
    "linux-sandbox": ["--spawn_strategy=linux-sandbox"],
    "processwrapper-sandbox": ["--spawn_strategy=processwrapper-sandbox"],
    "local": ["--spawn_strategy=local"],
    "worker": ["--extra_toolchains=@wasmimg//rules:worker_toolchain", "--worker_max_instances=2"],
    "worker, sandboxed": [
        "--extra_toolchains=@wasmimg//rules:worker_toolchain",
        "--worker_max_instances=2",
        "--worker_sandboxing",
    ],
}


def leb128(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def write_modules(folder: Path, images: int, size: int) -> None:
    """Plugins that differ: the example with a custom section of its own."""
    example = (ROOT / "examples" / "add-header" / "plugin.wasm").read_bytes()
    rules = ['load("@wasmimg//rules:defs.bzl", "wasm_image")', ""]
    for number in range(images):
        # About as compressible as code: half of it is noise.
        noise = random.Random(number).randbytes(size // 2)
        body = b"\x04data" + noise + bytes(size // 2)
        (folder / f"{number}.wasm").write_bytes(example + b"\0" + leb128(len(body)) + body)
        rules.append(f'wasm_image(name = "image{number}", module = "{number}.wasm")')
    (folder / "BUILD.bazel").write_text("\n".join(rules) + "\n")


def seconds(workspace: Workspace, words: list[str], images: int) -> float:
    workspace.succeed("clean")
    workspace.succeed("build", "@wasmimg//rules:wasmimg", *words)
    # The tool is built for the machine that runs actions, and by its first use as that.
    workspace.succeed("build", "//hundred:image0", *words)
    ran = workspace.succeed("build", "//hundred:all", *words)
    assert sum(ran.actions.values()) == 2 * (images - 1), ran.err
    match = re.search(r"Elapsed time: ([\d.]+)s", ran.err)
    assert match is not None
    return float(match[1])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=101)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--size", type=int, default=1024, help="bytes of a module")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "wheels").mkdir()
        bazelrc = write_bazelrc(folder / "bazelrc", fetch_wheels(folder / "wheels"))
        place = copy_repository(folder / "wasmimg") / "integration" / "bazel" / "workspace"
        (place / "hundred").mkdir()
        write_modules(place / "hundred", options.images, options.size)
        workspace = Workspace(place, folder / "base", bazelrc)
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        try:
            for _ in range(options.rounds):
                for way, words in WAYS.items():
                    times[way].append(seconds(workspace, words, options.images))
        finally:
            workspace.shut_down()
            for path in (folder / "base").rglob("*"):
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o755)
    built = options.images - 1
    print(f"{built} images of {options.size:,} bytes and their verification, {options.rounds} rounds")
    for way, found in times.items():
        median = statistics.median(found)
        print(
            f"{way:24} median {median:6.2f} s  best {min(found):6.2f} s  {1000 * median / built:6.1f} ms an image"
            f"  {median / statistics.median(times['worker']):5.2f} x worker"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
