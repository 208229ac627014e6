"""Would a proxy load a module: the rules, with what is silenced left out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ModuleRefused, UsageError
from wasmimg.module.file import open_module
from wasmimg.module.findings import Finding
from wasmimg.module.rules import check_module
from wasmimg.stores.places import has_prefix

if TYPE_CHECKING:
    from wasmimg.config import Config

__all__ = ["check_data", "check_file", "is_module_file", "refusal_of", "silences"]


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
