"""Which proxy-wasm ABI a module says it is made for.

Source: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc getAbiVersion.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["MARKER", "abis_of", "marker_of"]

MARKER = "proxy_abi_version_"


def abis_of(functions: Iterable[str]) -> list[str]:
    """The ABI of each marker among the names of exported functions, as in ``0.2.1``, in their order."""
    return [name.removeprefix(MARKER).replace("_", ".") for name in functions if name.startswith(MARKER)]


def marker_of(abi: str) -> str:
    """The name of the export that stands for ``abi``."""
    return MARKER + abi.replace(".", "_")
