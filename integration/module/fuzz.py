"""Mutated modules by the million: whatever a file holds, check answers.

    python -m integration.module.fuzz [--seconds S | --modules N] [--seed S] [MODULE...]

The seeds are the zoo and MODULEs of up to 64 KiB. Any exception but ours ends it with the module in
hexadecimal. At the end it prints how many were checked and the most memory that was held, in KiB.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from wasmimg.module.contents import read_contents
from wasmimg.module.hosts import Host, load_host
from wasmimg.module.rules import check_module

LARGEST_SEED = 64 * 1024  # bytes
# Bytes where readers go wrong: ends of numbers, kinds, forms, flags, and the largest numbers there are.
EDGES = bytes([0, 1, 2, 3, 4, 7, 0x0B, 0x40, 0x4E, 0x50, 0x60, 0x63, 0x64, 0x6F, 0x70, 0x7B, 0x7F, 0x80, 0xFF])
NUMBERS = (
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x00",
    b"\xff\xff\x03",
)


def mutations(seeds: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """One mutated seed after the other, without an end."""
    while True:
        module = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            if len(module) > 8:
                _mutate(module, seeds, chance)
        yield bytes(module)


def _mutate(module: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    at = chance.randrange(8, len(module))
    match chance.randrange(8):
        case 0:
            module[at] ^= 1 << chance.randrange(8)
        case 1:
            module[at] = chance.choice(EDGES)
        case 2:
            del module[at : at + chance.choice((1, 1, 2, 5, 20))]
        case 3:
            module[at:at] = bytes([chance.choice(EDGES)]) * chance.choice((1, 1, 2, 5))
        case 4:
            module[at : at + 1] = chance.choice(NUMBERS)
        case 5:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            module[at:at] = other[start : start + chance.choice((2, 8, 30))]
        case 6:
            start = chance.randrange(8, len(module))
            module[at : at + 8] = module[start : start + 8]
        case _:
            del module[at:]


def check_many(modules: Iterator[bytes], hosts: Sequence[Host], wanted: Callable[[int], bool]) -> int:
    """Check modules while ``wanted`` says so of their number; returns how many."""
    count = 0
    while wanted(count):
        module = next(modules)
        try:
            for finding in check_module(memoryview(module), hosts):
                assert finding.message
            read_contents(memoryview(module))
        except BaseException:
            print(f"after {count}: {module.hex()}", file=sys.stderr)
            raise
        count += 1
    return count


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("modules", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--modules", dest="count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    words = parser.parse_args()
    # The zoo holds modules of megabytes, and those are none of what check needs: it stays in a process of its own.
    collected = subprocess.run([sys.executable, "-c", _COLLECT], stdout=subprocess.PIPE, check=True).stdout
    seeds = [bytes.fromhex(line) for line in collected.decode().split()]
    seeds += [data for path in words.modules if len(data := path.read_bytes()) <= LARGEST_SEED]
    end = time.monotonic() + words.seconds
    hosts = [load_host("istio"), load_host("higress"), load_host("envoy", "1.20")]
    print(f"seed {words.seed}, {len(seeds)} modules to begin with", flush=True)
    checked = check_many(
        mutations(seeds, random.Random(words.seed)),
        hosts,
        (lambda count: count < words.count) if words.count else (lambda count: time.monotonic() < end),
    )
    most = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert most is not None
    print(f"checked {checked} modules, at most {most[1]} KiB")
    return 0


_COLLECT = f"""
from tests.module.zoo import ZOO
for one in ZOO:
    if len(one.module) <= {LARGEST_SEED}:
        print(one.module.hex() or "00")
"""

if __name__ == "__main__":
    sys.exit(main())
