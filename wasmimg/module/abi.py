"""Which proxy-wasm ABI a module says it is made for.

Source: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc getAbiVersion.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["MARKER", "abis_of", "marker_of"]

MARKER = "proxy_abi_version_"


def abis_of(functions: Iterable[str]) -> list[str]:
    """The ABI of each marker among the names of exported functions, as in ``0.2.1``, in their order."""
    return [_abi(name) for name in functions if name.startswith(MARKER)]


def _abi(marker: str) -> str:
    abi = marker.removeprefix(MARKER).replace("_", ".")
    # proxy_abi_version_0.2.1 is no marker, and must not pass for one
    return abi if marker_of(abi) == marker else repr(marker.removeprefix(MARKER))


def marker_of(abi: str) -> str:
    """The name of the export that stands for ``abi``."""
    return MARKER + abi.replace(".", "_")
