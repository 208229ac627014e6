"""Would a proxy load it: modules and the modules in images, before they go anywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ModuleRefused, ModuleTooLarge, UsageError, WasmimgError
from wasmimg.module.file import open_module
from wasmimg.module.findings import Finding
from wasmimg.module.rules import check_module
from wasmimg.stores.places import has_prefix

if TYPE_CHECKING:
    from wasmimg.config import Config
    from wasmimg.transfer import Means

__all__ = ["Checked", "as_text", "check_all", "check_data", "check_file", "is_module_file", "refusal_of", "silences"]

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


def check_data(
    data: memoryview, consumers: Iterable[Consumer] = (), silence: Iterable[str] = ()
) -> tuple[Finding, ...]:
    """The findings for the bytes of a module that are not silenced."""
    found = check_module(data, [one.host() for one in consumers])
    silenced = frozenset(silence)
    return tuple(one for one in found if one.code not in silenced) if silenced else found


def check_file(path: Path, consumers: Iterable[Consumer] = (), silence: Iterable[str] = ()) -> tuple[Finding, ...]:
    """The findings for the module at ``path``; raises UsageError and ModuleRefused when it cannot be read."""
    with open_module(path) as module:
        return check_data(module, consumers, silence)


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


def is_module_file(name: str) -> bool:
    """Whether an argument names a module file, be it there or not, and no image.

    What looks like a path is one, also when it is not there: a registry would be asked for it in vain.
    """
    if has_prefix(name):
        return False
    if os.path.lexists(name):
        # What a folder is called that holds an OCI layout is told where images are opened.
        return not os.path.exists(os.path.join(name, "oci-layout"))
    return "/" not in name or name.startswith((".", "/")) or name.endswith(".wasm")


def as_text(name: str) -> str:
    """A file name for JSON, which is UTF-8: other bytes in it become ``\\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def silences(config: Config, environment: Mapping[str, str]) -> dict[Path, tuple[str, ...]]:
    """The codes that each plugin of wasmimg.toml silences, by the resolved path of its module."""
    from wasmimg.config import expand

    found: dict[Path, tuple[str, ...]] = {}
    for plugin in config.plugins:
        if plugin.silence:
            try:
                module = expand(plugin.module, environment, "")
            except UsageError:  # an unset variable in the path of another plugin is no fault of this one
                continue
            path = Path(os.path.realpath(config.folder / module))  # resolve() has no answer to a loop of links
            found[path] = (*found.get(path, ()), *plugin.silence)
    return found


def refusal_of(what: str, findings: Iterable[Finding]) -> ModuleRefused | None:
    """The error for ``what`` when there are errors among the findings, and None otherwise."""
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return None
    return ModuleRefused(what, reason="\n".join(f"{one.code}: {one.message}" for one in errors), hint=errors[0].fix)


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
    from wasmimg.extraction import extract

    found = extract(source, consumers[0], means)
    return check_data(memoryview(found.data), consumers)
