"""What crosses the border between module and proxy in a shape for which Envoy has no place, and dies.

Measured on Envoy 1.40; what it is built on, WebAssembly/wasm-c-api include/wasm.hh (ValKind, ExternKind),
has no such types.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmimg.module.findings import Finding
from wasmimg.module.judging import enumerated
from wasmimg.module.outline import Outline

__all__ = ["check_boundary"]

_PLAIN = frozenset("iIfFrx>")
_DIES = "Envoy dies when it loads the module"
_WORDS = "unreachable code"  # V8's, as a fatal error


def check_boundary(outline: Outline) -> Iterator[Finding]:
    """Imports and exports of which Envoy dies."""
    odd = {signature for signature in set(outline.functions.values()) if not _PLAIN.issuperset(signature)}
    strange = [
        *(str(one) for one in outline.imports if not _PLAIN.issuperset(one.type)),
        *((name for name, signature in outline.functions.items() if signature in odd) if odd else ()),
        *(name for name, other in outline.others.items() if not _PLAIN.issuperset(other.type)),
    ]
    if strange:
        yield Finding(
            "error",
            "WI139",
            f"it imports or exports {enumerated(strange)} with v128 or a reference narrower than funcref: {_DIES}",
            "pass plain numbers (i32, i64, f32, f64) between module and proxy",
            _WORDS,
        )
    tags = [
        *(str(one) for one in outline.imports if one.kind == "tag"),
        *(name for name, other in outline.others.items() if other.kind == "tag"),
    ]
    if tags:
        yield Finding(
            "error",
            "WI138",
            f"it imports or exports the tag {enumerated(tags)}: {_DIES}",
            "build without exceptions (-fno-exceptions), or keep the tag to the module (emcc: without -sMAIN_MODULE)",
            _WORDS,
        )
    for kind, many in (("memory", "memories"), ("table", "tables")):
        count = sum(one.kind == kind for one in outline.imports)
        if count > 1:
            yield Finding(
                "error",
                "WI145",
                f"it imports {count} {many}: {_DIES}",
                "build with one, or keep them to the module",
                "Caught Segmentation fault",
            )
