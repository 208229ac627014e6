"""What is wrong with a module, as findings with a stable code.

The proxy-wasm rules (ABI, imports, callbacks) build on these: first of all the file must
be a whole core module of a size that a fetcher reads.
"""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.reader import MalformedModule, read_sections, sniff

__all__ = ["MODULE_LIMIT", "TAR_LIMIT", "Finding", "check_module"]

# Istio and Envoy Gateway stop reading the decompressed tar stream of a layer here
# (istio pkg/wasm/imagefetcher.go, ISTIO_WASM_MAX_BINARY_SIZE_BYTES; gateway internal/wasm).
TAR_LIMIT = 256 * 1024 * 1024

# The limit counts the decompressed tar: one header of 512 bytes stands before the module.
MODULE_LIMIT = TAR_LIMIT - 512


class Finding(NamedTuple):
    """``level`` is error, warning or note; ``code`` is stable; ``fix`` says what to do."""

    level: str
    code: str
    message: str
    fix: str


def check_module(data: memoryview) -> tuple[Finding, ...]:
    """All findings for the module ``data``; none means that a proxy can at least read it."""
    kind = sniff(data)
    if kind != "core":
        return (_not_core(kind, data),)
    findings: list[Finding] = []
    try:
        sections = read_sections(data)
    except MalformedModule as error:
        return (
            Finding(
                "error", "WI105", f"the module is damaged: {error}", "build it again, or copy it again in binary mode"
            ),
        )
    if not sections:
        findings.append(
            Finding(
                "error",
                "WI106",
                "the module is empty: a header and no section",
                "build the plugin; this file holds no code",
            )
        )
    if len(data) > MODULE_LIMIT:
        findings.append(
            Finding(
                "error",
                "WI107",
                f"the module has {len(data)} bytes; with its tar header that is more than the {TAR_LIMIT} bytes (256 MiB) that proxies read",
                "strip it (wasm-opt --strip-debug -Os), or load data at run time",
            )
        )
    return tuple(findings)


def _not_core(kind: str, data: memoryview) -> Finding:
    if kind == "empty":
        return Finding("error", "WI101", "the file is empty", "build the plugin again; its compiler wrote nothing")
    if kind == "truncated":
        return Finding(
            "error",
            "WI102",
            f"the file ends after {len(data)} bytes, before the 8 of a module's header",
            "build or copy it again",
        )
    if kind == "component":
        return Finding(
            "error",
            "WI103",
            "it is a component; proxies load core modules, and would take this image and then fail with 'Missing or unknown Proxy-Wasm ABI version'",
            "build for wasm32-wasip1, without the component step (cargo component, wasm-tools component, wasip2)",
        )
    if kind == "version":
        version = int.from_bytes(bytes(data[4:8]), "little")
        return Finding(
            "error",
            "WI104",
            f"it is of WebAssembly version {version}, and proxies load version 1",
            "build it with a released toolchain",
        )
    return Finding(
        "error",
        "WI100",
        f"it is no WebAssembly module: {kind}",
        "name what the compiler wrote: a file that ends in .wasm and starts with the bytes 00 61 73 6d",
    )
