"""``check``: many modules, in files and in images, before they go anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from wasmimg.checking import check_data, check_file, is_module_file
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ModuleTooLarge, UsageError, WasmimgError
from wasmimg.extraction import extract
from wasmimg.module.findings import Finding
from wasmimg.stores.places import has_prefix
from wasmimg.transfer import Means

__all__ = ["Checked", "as_text", "check_all"]

_PATTERN = frozenset("*?[")


class Checked(NamedTuple):
    """One module or image, as it was named; ``error`` is there when it could not be read."""

    name: str
    findings: tuple[Finding, ...]
    error: WasmimgError | None = None

    @property
    def loads(self) -> bool:
        """Whether nothing speaks against it."""
        return self.error is None and all(finding.level != "error" for finding in self.findings)


def check_all(
    names: Sequence[str],
    consumers: tuple[Consumer, ...],
    silenced: Mapping[Path, tuple[str, ...]],
    means: Means,
) -> Iterator[Checked]:
    """Check files, images (SOURCE) and patterns such as ``build/*.wasm``, each as soon as it is asked for.

    ``silenced`` are codes by the resolved path of a file. What cannot be read is an answer, too; raises
    UsageError only for a pattern that fits nothing.
    """
    for name in _expanded(names):
        try:
            if is_module_file(name):
                findings = check_file(Path(name), consumers, silenced.get(Path(os.path.realpath(name)), ()))
            else:
                findings = _check_image(name, consumers, means)
        except ModuleTooLarge as error:
            yield Checked(name, (Finding("error", "WI107", error.message, error.hint or ""),))
        except WasmimgError as error:
            yield Checked(name, (), error)
        else:
            yield Checked(name, findings)


def as_text(name: str) -> str:
    """A file name for JSON, which is UTF-8: other bytes in it become ``\\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _expanded(names: Sequence[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        if not name:
            raise UsageError("a name is empty", hint="is a variable unset?")
        if has_prefix(name) or os.path.lexists(name) or not _PATTERN & set(name):
            found.append(name)
            continue
        from glob import glob

        matches = sorted(glob(name, recursive=True))
        if not matches:
            raise UsageError(f"no file fits the pattern {name}")
        found.extend(matches)
    return list(dict.fromkeys(found))


def _check_image(source: str, consumers: tuple[Consumer, ...], means: Means) -> tuple[Finding, ...]:
    found = extract(source, consumers[0], means)
    return check_data(memoryview(found.data), consumers)
