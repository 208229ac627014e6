"""wasmimg as one file, which is what Bazel's actions run: a zip with everything that it imports.

Python cannot import a compiled module from a zip. Those for every platform are in it, and the one for
this machine is loaded from memory: the tool is the same file everywhere, and leaves none behind.
rules/private/tool/pack.py makes the zip.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from importlib.abc import Loader
else:
    Loader = object  # importlib.abc would be a quarter of the start

__all__ = ["NativeModules", "main", "native_folder"]


class Archive(Protocol):
    """The part of ``zipimport.zipimporter`` that is needed here."""

    def get_data(self, pathname: str, /) -> bytes:
        """The bytes of a file in the zip; raises OSError."""


def main() -> int:
    """Run the command line from the zip; a call with a single ``@FILE`` is an action and prints no result."""
    from zipimport import zipimporter

    sys.meta_path.insert(0, NativeModules(zipimporter(sys.path[0])))
    # An action may depend on nothing that Bazel does not know, as a wasmimg.toml above its folder is.
    os.environ.setdefault("WASMIMG_CONFIG", os.devnull)
    from wasmimg.__main__ import main as run

    if len(sys.argv) == 2 and sys.argv[1].startswith("@"):
        from wasmimg.bazel.action import run_quietly

        return run_quietly(run)
    return run()


def native_folder() -> str:
    """The folder in the zip with the compiled modules for this Python and platform."""
    python = "cp310-cp310" if sys.version_info < (3, 11) else "cp311-abi3"
    system = sys.platform
    if system == "linux":
        system = "linux-glibc" if _has_glibc() else "linux-musl"
    free = "-free-threaded" if "t" in getattr(sys, "abiflags", "") else ""
    return f"native/{python}/{system}-{os.uname().machine}{free}"


class NativeModules:
    """Finds ``deflate._deflate`` in the zip: an entry for ``sys.meta_path``.

    ``backports.zstd`` would be a wheel for each Python and platform, and is left out: no image of
    Bazel's rules needs it.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The module ``name`` if it is a compiled one; raises NoEngine where there is none for here."""
        if name == "backports":
            raise _no_zstd()
        if name != "deflate._deflate":
            return None
        file = f"{native_folder()}/{name.replace('.', '/')}.so"
        try:
            data = self._archive.get_data(file)
        except OSError:
            raise _no_module(file) from None
        return ModuleSpec(name, _Loader(data))


class _Loader(Loader):
    def __init__(self, data: bytes) -> None:
        self._data = data

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        try:
            with _in_memory(self._data) as path:
                return _load(spec.name, path)
        except (AttributeError, ImportError, OSError):  # not Linux, or one that runs no code from memory
            with _in_file(self._data) as path:
                return _load(spec.name, path)

    def exec_module(self, module: ModuleType) -> None:
        ExtensionFileLoader(module.__name__, "").exec_module(module)


def _load(name: str, path: str) -> ModuleType:
    loader = ExtensionFileLoader(name, path)
    return loader.create_module(ModuleSpec(name, loader, origin=path))


@contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    descriptor = os.memfd_create("wasmimg")
    with open(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


@contextmanager
def _in_file(data: bytes) -> Iterator[str]:
    import tempfile

    with tempfile.NamedTemporaryFile(suffix=".so") as file:
        file.write(data)
        file.flush()
        yield file.name


def _no_module(file: str) -> Exception:
    from wasmimg.errors import NoEngine

    return NoEngine(
        f"wasmimg's tool for Bazel does not run with this python3: it has no {file}",
        hint="use another python3, or register a toolchain of your own",
    )


def _no_zstd() -> ImportError:
    from wasmimg.errors import UsageError

    class LeftOut(UsageError, ImportError):
        """Both: urllib3 asks for zstd, too, and goes on without."""

    return LeftOut(
        "the layer is compressed with zstd, which wasmimg's tool for Bazel does not read",
        hint="use wasmimg as pip installs it, or Python 3.14",
    )


def _has_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (OSError, ValueError):  # musl knows no such name
        return False
