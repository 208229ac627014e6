"""Who loads a module, by release: which ABIs, functions and callbacks it has.

The facts are in the JSON files beside this one, each with its source; a new release is one more
line there. ``proxy-wasm.json`` is what all hosts build on, and the others say what a release has of it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from wasmimg.errors import UsageError

__all__ = ["TITLES", "WASI_MODULES", "Host", "Lineage", "load_host", "load_lineage"]

TITLES = {"istio": "Istio", "envoy-gateway": "Envoy Gateway", "higress": "Higress", "envoy": "Envoy"}
WASI_MODULES = ("wasi_snapshot_preview1", "wasi_unstable")  # the same set in both
_PAGES = 1 << 14  # proxy-wasm-cpp-host include/proxy-wasm/limits.h, --wasm_max_mem_pages
_CHANGES = ("functions", "callbacks", "without")


class Host(NamedTuple):
    """One release of a proxy. Types are text as in :mod:`wasmimg.module.valtypes`.

    ``newest`` is True when no release was named, ``backport`` for a patch release that got more than those
    around it; ``wasi`` is the tier in proxy-wasm.json. ``pages`` is the most memory that a module may start
    with (a page has 64 KiB). ``added`` are functions and ``called`` callbacks beside those in that file, and
    ``without`` is what it lacks of them.
    """

    name: str
    release: str
    date: str
    newest: bool
    backport: bool
    abis: tuple[str, ...]
    wasi: int
    pages: int
    added: tuple[tuple[str, str], ...]
    called: tuple[tuple[str, str], ...]
    without: tuple[str, ...]

    def __str__(self) -> str:
        return TITLES[self.name] + ("" if self.newest else f" {self.release}")

    def functions(self, abi: str) -> Mapping[str, str]:
        """What a module of ``abi`` may import, as ``module.name``, and the type of each."""
        return _functions(abi, self.wasi, self.added, self.without)

    def callbacks(self, abi: str) -> dict[str, str]:
        """What the host looks for among the exports of a module of ``abi``, and the type of each."""
        tables = _read("proxy-wasm")["callbacks"]
        found = {**tables[""], **tables.get(abi, {}), **dict(self.called)}
        return {name: signature for name, signature in found.items() if name not in self.without}

    def tier_of(self, function: str) -> int:
        """The tier of a WASI function, 0 being what all hosts have."""
        tiers = _read("proxy-wasm")["wasi"]
        return next((int(tier) for tier, body in tiers.items() if function in body["functions"]), -1)

    def starting(self) -> dict[str, str]:
        """The exports that start a module or give it memory, and the type of each."""
        return dict(_read("proxy-wasm")["starting"])


class Lineage(NamedTuple):
    """All releases of one host that are known, oldest first."""

    name: str
    hosts: tuple[Host, ...]

    def since(self, function: str, signature: str, abi: str) -> Host | None:
        """The oldest release from which on each has ``function``, a full name, of that type."""
        found = None
        for host in reversed(self.hosts):
            if host.backport:
                continue
            if host.functions(abi).get(function) != signature:
                break
            found = host
        return found

    def since_abi(self, abi: str) -> Host | None:
        """The oldest release that knows ``abi``."""
        return next((host for host in self.hosts if abi in host.abis), None)


def load_host(name: str, release: str | None = None) -> Host:
    """The release ``1.24``, the newest one out at the date ``2024``, ``2024-12`` or ``2024-12-31``, or the newest.

    A release between two known ones is like the older one, and one that is newer than all like
    the newest. Raises UsageError for one that is older than all.
    """
    hosts = load_lineage(name).hosts
    if release is None:
        return hosts[-1]._replace(newest=True)
    dated = re.match(r"\d{4}(?:-|$)", release) is not None
    if dated:
        found = [host for host in hosts if host.date[: len(release)] <= release]
    else:
        wanted = _number(release)
        found = [host for host in hosts if _number(host.release) == wanted] or [
            host for host in hosts if _number(host.release)[: len(wanted)] <= wanted
        ]
    if not found:
        raise UsageError(
            f"nothing is known of {TITLES[name]} {'of ' if dated else ''}{release}",
            hint=f"known are the releases from {hosts[0].release} ({hosts[0].date}) on",
        )
    return found[-1] if dated else found[-1]._replace(release=release.removeprefix("v"))


@cache
def load_lineage(name: str) -> Lineage:
    """All releases of the host ``name``, one of TITLES."""
    return Lineage(name, tuple(_hosts(name)))


def _hosts(name: str) -> Iterator[Host]:
    for entry in _read(name)["releases"]:
        base = entry
        if "wasi" not in entry:
            base = next(one for one in _read("envoy")["releases"] if one["release"] == entry["envoy"])
        added, called, without = ({**base.get(key, {}), **entry.get(key, {})} for key in _CHANGES)
        yield Host(
            name=name,
            release=entry["release"],
            date=entry["date"],
            newest=False,
            backport=entry.get("backport", False),
            abis=tuple(entry.get("abis") or base["abis"]),
            wasi=base["wasi"],
            pages=base.get("pages", _PAGES),
            added=tuple(added.items()),
            called=tuple(called.items()),
            without=tuple(without),
        )


@cache
def _functions(abi: str, wasi: int, added: tuple[tuple[str, str], ...], without: tuple[str, ...]) -> Mapping[str, str]:
    tables = _read("proxy-wasm")
    plain = {**tables["functions"][""], **tables["functions"].get(abi, {})}
    found = {f"env.{name}": signature for name, signature in plain.items() if name not in without}
    for tier in range(wasi + 1):
        for name, signature in tables["wasi"][str(tier)]["functions"].items():
            found.update((f"{module}.{name}", signature) for module in WASI_MODULES)
    return {**found, **dict(added)}


def _number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.removeprefix("v").split("."))


@cache
def _read(name: str) -> dict[str, Any]:
    # By the loader, and not from a path: the tool of Bazel's rules is a zip, and a file in it has none of its own.
    assert __spec__ is not None
    loader: Any = __spec__.loader
    found: dict[str, Any] = json.loads(loader.get_data(os.path.join(os.path.dirname(__file__), f"{name}.json")))
    return found
