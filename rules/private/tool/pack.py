"""Packs wasmimg and the wheels that it imports into one executable file: a zip with a line for sh before it.

    pack.py --output FILE [--source NAME=FILE]... [--wheel FILE]...    (or @FILE, with one argument a line)

Nothing of the machine is in that file but bytecode of its Python. Another one compiles the sources beside it.
"""

from __future__ import annotations

import argparse
import marshal
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import MAGIC_NUMBER, source_hash

LAUNCHER = b'#!/bin/sh\nexec python3 -I -S "$0" "$@"\n'
UNCHECKED_HASH = (1).to_bytes(4, "little")  # PEP 552: the bytecode is not compared with the source
PLATFORM = re.compile(r"(manylinux|musllinux|macosx)_?\d.*?_(x86_64|aarch64|arm64)$")
SYSTEMS = {"manylinux": "linux-glibc", "musllinux": "linux-musl", "macosx": "darwin"}
LICENCE = re.compile(r"\.dist-info/(?:licenses/.*)?(?:LICEN[CS]E|NOTICE)[^/]*$")
# What actions import. The rest is for registries and terminals, and may take a moment longer to start.
COMPILED = ("wasmimg/", "click/", "deflate/", "toml/")


def native_folder(wheel: str) -> str:
    """Where wasmimg/bazel/zipped.py looks for the compiled modules of the wheel with this file name."""
    python, abi, platform = wheel[: -len(".whl")].split("-")[-3:]
    match = PLATFORM.match(platform)
    if match is None:
        sys.exit(f"error: {wheel} is for a platform that is not known here")
    return f"native/{python}-{abi}/{SYSTEMS[match[1]]}-{match[2]}"


def read_wheel(path: str) -> Iterator[tuple[str, bytes]]:
    """Name in the tool, and content, of each file in a wheel that runs or is a licence."""
    with zipfile.ZipFile(path) as wheel:
        for name in wheel.namelist():
            if name.endswith(".so"):
                folder = native_folder(os.path.basename(path))
                yield f"{folder}/{name.split('.')[0]}.so", wheel.read(name)
            elif name.endswith(".py") or LICENCE.search(name):
                yield name, wheel.read(name)


def bytecode(name: str, source: bytes) -> bytes:
    """What a ``.pyc`` file holds. Marshal's version 2 gives the same bytes whenever it is run."""
    code = compile(source, name, "exec", dont_inherit=True)
    return MAGIC_NUMBER + UNCHECKED_HASH + source_hash(source) + marshal.dumps(code, 2)


def collect(sources: Sequence[str], wheels: Sequence[str]) -> dict[str, bytes]:
    """Every file of the tool by its name in it. Ends the process when two differ and have one name."""
    files = {}
    for source in sources:
        name, _, path = source.partition("=")
        with open(path, "rb") as file:
            files[name] = file.read()
    for wheel in wheels:
        for name, content in read_wheel(wheel):
            if files.setdefault(name, content) != content:
                sys.exit(f"error: {wheel} has another {name} than what was packed before it")
    return files


def write_tool(output: str, files: Mapping[str, bytes]) -> None:
    """Write the tool: sorted, and not deflated, since that would depend on the machine's zlib."""
    with open(output, "wb") as file:
        file.write(LAUNCHER)
        with zipfile.ZipFile(file, "w") as tool:
            for name, content in sorted(files.items()):
                tool.writestr(zipfile.ZipInfo(name), content)
                if name.startswith(COMPILED) and name.endswith(".py"):
                    tool.writestr(zipfile.ZipInfo(name + "c"), bytecode(name, content))
    os.chmod(output, 0o755)


def main() -> None:
    """Read the arguments and pack."""
    parser = argparse.ArgumentParser(fromfile_prefix_chars="@")
    parser.add_argument("--output", required=True)
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("--wheel", action="append", default=[])
    options = parser.parse_args()
    write_tool(options.output, collect(options.source, options.wheel))


if __name__ == "__main__":
    main()
