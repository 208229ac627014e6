"""What is wrong with a module, for those who are to load it, as findings with a stable code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wasmimg.module.abi import abis_of
from wasmimg.module.boundary_rules import check_boundary
from wasmimg.module.export_rules import check_exports, check_marker
from wasmimg.module.findings import Finding
from wasmimg.module.host_reader import words_for
from wasmimg.module.hosts import Host, load_host
from wasmimg.module.import_rules import check_imports
from wasmimg.module.judging import Subject, is_plugin, merged
from wasmimg.module.limits import MODULE_LIMIT, TAR_LIMIT
from wasmimg.module.memory_rules import check_memories, check_sections, check_size_of_memory
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import Outline, read_outline
from wasmimg.module.reader import sniff

__all__ = ["Finding", "check_module"]


def check_module(data: memoryview, hosts: Sequence[Host] = ()) -> tuple[Finding, ...]:
    """All findings for the module ``data``, the errors first; without an error every host loads it.

    Without ``hosts`` the newest Istio is meant. What only running it can tell (a trap, invalid
    code, a refusal in proxy_on_configure) is not among them.
    """
    kind = sniff(data)
    if kind != "core":
        return (_not_core(kind, data),)
    if len(data) == 8:
        return (
            Finding(
                "error",
                "WI106",
                "the module is empty: a header and no section",
                "build the plugin; this file holds no code",
                words_for(data),
            ),
        )
    too_large = tuple(_check_size(data))
    try:
        outline = read_outline(data)
    except MalformedModule as error:
        return (
            Finding(
                "error",
                "WI105",
                f"the module is damaged: {error}",
                "build it again, or copy it again in binary mode",
                words_for(data),
            ),
            *too_large,
        )
    return merged((*too_large, *_check(data, outline, hosts or (load_host("istio"),))))


def _check(data: memoryview, outline: Outline, hosts: Sequence[Host]) -> Iterator[Finding]:
    findings = _check_plugin(data, outline, hosts)
    if is_plugin(outline):
        yield from findings
    else:  # it was made for something else: what might go wrong besides is of no interest
        yield from (one for one in findings if one.level == "error")


def _check_plugin(data: memoryview, outline: Outline, hosts: Sequence[Host]) -> Iterator[Finding]:
    abis = abis_of(outline.functions)
    yield from check_boundary(outline)
    yield from check_memories(outline)
    yield from check_sections(data, outline)
    for host in hosts:
        known = [abi for abi in abis if abi in host.abis]
        abi = known[0] if known else "0.2.1"
        subject = Subject(data, outline, host, abi, bool(abis))
        yield from check_marker(subject)
        yield from check_exports(subject)
        yield from check_imports(subject)
        yield from check_size_of_memory(subject)


def _check_size(data: memoryview) -> Iterator[Finding]:
    if len(data) > MODULE_LIMIT:
        yield Finding(
            "error",
            "WI107",
            f"the module has {len(data)} bytes; with its tar header that is more than the {TAR_LIMIT} bytes (256 MiB) that proxies read",
            "strip it (wasm-opt --strip-debug -Os), or load data at run time",
        )


def _not_core(kind: str, data: memoryview) -> Finding:
    words = words_for(data)
    if kind == "empty":
        return Finding("error", "WI101", "the file is empty", "build the plugin again; its compiler wrote nothing")
    if kind == "truncated":
        return Finding(
            "error",
            "WI102",
            f"the file ends after {len(data)} bytes, before the 8 of a module's header",
            "build or copy it again",
            words,
        )
    if kind == "component":
        return Finding(
            "error",
            "WI103",
            "it is a component; proxies load core modules, and would take this image and then fail",
            "build for wasm32-wasip1, without the component step (cargo component, wasm-tools component, wasip2)",
            words,
        )
    if kind == "version":
        version = int.from_bytes(bytes(data[4:8]), "little")
        return Finding(
            "error",
            "WI104",
            f"it is of WebAssembly version {version}, and proxies load version 1",
            "build it with a released toolchain",
            words,
        )
    return Finding(
        "error",
        "WI100",
        f"it is no WebAssembly module: {kind}",
        "name what the compiler wrote: a file that ends in .wasm and starts with the bytes 00 61 73 6d",
        words,
    )
