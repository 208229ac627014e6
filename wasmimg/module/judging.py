"""What the rules share: a module under judgement, and how its names are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.module.abi import MARKER
from wasmimg.module.findings import LEVELS, Finding
from wasmimg.module.hosts import Host, load_host
from wasmimg.module.outline import Outline
from wasmimg.text import plain

if TYPE_CHECKING:
    from wasmimg.module.toolchain import Toolchain
__all__ = ["HOSTS", "Subject", "enumerated", "is_plugin", "merged", "shown"]

HOSTS = "\0"  # in a message: where the names of the hosts go, once it is known for which ones it holds
_LISTED = 12


class Subject(NamedTuple):
    """A well-formed module and the host that is to load it.

    ``abi`` is the one that the host takes it for; if it refuses the marker or there is none, the
    nearest one that the other rules can go by.
    """

    data: memoryview
    outline: Outline
    host: Host
    abi: str
    marked: bool

    def toolchain(self) -> Toolchain:
        """What the module was made by; it matters only when something is wrong."""
        from wasmimg.module.toolchain import guess

        return guess(self.data, self.outline)


def is_plugin(outline: Outline) -> bool:
    """Whether a module means to be a plugin, however wrong it is: something in it bears a name of the ABI."""
    if any(name.startswith((MARKER, "proxy_on_")) for name in (*outline.functions, *outline.others)):
        return True
    offered = load_host("envoy").functions("0.2.1")
    return any(one.name.startswith("proxy_") and str(one) in offered for one in outline.imports)


def shown(name: str) -> str:
    """``name`` for a terminal: short, and without control characters."""
    text = plain(name)
    return text if len(text) <= 120 else f"{text[:117]}..."


def enumerated(names: Sequence[str]) -> str:
    """``a, b and c``; of a long list only the beginning."""
    few = [shown(name) for name in names[:_LISTED]]
    if len(names) > _LISTED:
        return f"{', '.join(few)} and {len(names) - _LISTED} more"
    return " and ".join(filter(None, (", ".join(few[:-1]), *few[-1:])))


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, with all hosts that it holds for; errors first, then in the order of the codes."""
    found: dict[Finding, list[str]] = {}
    for one in findings:
        hosts = found.setdefault(one._replace(hosts=()), [])
        hosts.extend(host for host in one.hosts if host not in hosts)
    return tuple(
        one._replace(message=one.message.replace(HOSTS, enumerated(hosts)), hosts=tuple(hosts))
        for one, hosts in sorted(found.items(), key=lambda item: (LEVELS.index(item[0].level), item[0].code))
    )
