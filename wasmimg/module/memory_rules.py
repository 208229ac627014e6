"""Memories, segments and custom sections.

Sources: proxy-wasm/proxy-wasm-cpp-host src/v8/v8.cc link and src/bytecode_util.cc; measured on Envoy 1.40.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmimg.module.findings import Finding
from wasmimg.module.function_names import NAMES, check_function_names
from wasmimg.module.judging import HOSTS, Subject
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import Outline
from wasmimg.module.reader import PRECOMPILED
from wasmimg.module.sizes import sizes_of

__all__ = ["check_memories", "check_sections", "check_size_of_memory"]

_INSTANCE = "Failed to create new Wasm instance"


def check_memories(outline: Outline) -> Iterator[Finding]:
    """The memories of a module, and what is written into them at the start."""
    names = [name for name, other in outline.others.items() if other.kind == "memory"]
    if not names and not outline.imported_memories:
        yield Finding(
            "error",
            "WI122",
            "it exports no memory: Envoy loads it, and dies at the first request",
            "export the memory: clang and rustc do it unless told --import-memory, AssemblyScript unless told --noExportMemory; "
            'in text format it is (memory (export "memory") 1)',
            "Caught Segmentation fault",
        )
    elif "memory" not in names:
        how = f"exported under the name {names[0]!r}" if names else "imported and not exported"
        yield Finding(
            "warning",
            "WI123",
            f"its memory is {how}; hosts other than Envoy look for the export memory",
            "export it as memory",
        )
    for memory in outline.memories:
        if memory.wide:
            yield Finding(
                "warning", "WI141", "its memory has 64-bit addresses, and proxy-wasm's have 32", "build for wasm32"
            )
        if memory.shared:
            yield Finding(
                "warning",
                "WI142",
                "its memory is shared between threads, and a proxy has none for it",
                "build without -pthread and atomics",
            )
    for unmade in outline.unmade:
        yield Finding(
            "error",
            "WI146",
            f"it imports {unmade}, and a proxy makes none",
            "let the module define its own (emcc: without -sIMPORTED_MEMORY; clang: without --import-memory)",
            _INSTANCE,
        )
    if outline.start:
        yield Finding(
            "warning",
            "WI144",
            "it has a start section: Envoy dies when a function of the host is called from there",
            "build without threads (--shared-memory), which need it"
            if any(memory.shared for memory in outline.memories)
            else "export _initialize instead (AssemblyScript: --exportStart _initialize; clang with wasi-libc: -mexec-model=reactor)",
        )
    if len(outline.memories) > 1:
        yield Finding(
            "warning",
            "WI143",
            f"it has {len(outline.memories)} memories, and a proxy works in one",
            "build with one memory",
        )
    for overflow in outline.overflows[:3]:
        yield Finding("error", "WI160", overflow, "give it more memory at the start, or build it again", _INSTANCE)


def check_size_of_memory(subject: Subject) -> Iterator[Finding]:
    """Whether the host gives as much memory as the module asks for at the start."""
    for place, memory in enumerate(subject.outline.memories):
        if memory.least > subject.host.pages:
            imported = place < subject.outline.imported_memories
            yield Finding(
                "error",
                "WI140",
                f"it asks for {memory.least} pages of memory at the start, more than the {subject.host.pages} of {HOSTS}",
                "ask for less at the start (-Wl,--initial-memory=, -sINITIAL_MEMORY=)",
                "Failed to initialize Wasm code" if imported else _INSTANCE,
                (str(subject.host),),
            )


def check_sections(data: memoryview, outline: Outline) -> Iterator[Finding]:
    """Custom sections that a proxy stumbles over, or carries for nothing."""
    names = outline.named(NAMES)
    if names is not None:
        try:
            check_function_names(data, names.start, names.start + names.size)
        except MalformedModule as error:
            yield Finding(
                "error",
                "WI152",
                f"its section of names is damaged: {error}",
                "strip it (wasm-strip, wasm-opt --strip-debug), or build again",
                "Failed to parse corrupted Wasm module",
            )
    if outline.named("linking") is not None:
        yield Finding(
            "warning",
            "WI115",
            "it is an object file, which is not linked",
            "link it: clang without -c, or wasm-ld",
        )
    compiled = next((one for one in outline.sections if one.number == 0 and PRECOMPILED in one.name), None)
    if compiled is not None:
        yield Finding(
            "warning",
            "WI150",
            f"it carries {compiled.size} bytes of precompiled code, which no consumer of images uses",
            "ship the module as the compiler made it",
        )
    sizes = sizes_of(len(data), outline.sections)
    if sizes["debug"] * 2 > len(data) and sizes["debug"] > 1 << 16:
        yield Finding(
            "note",
            "WI151",
            f"{sizes['debug']} of its {len(data)} bytes are debug information",
            "strip it (wasm-opt --strip-debug; Go: -ldflags=-s; TinyGo: -no-debug; Cargo: strip = true)",
        )
