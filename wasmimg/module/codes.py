"""What ``check`` can find: one table of codes, of which ``docs/findings`` is generated."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CODES", "Code"]


class Code(NamedTuple):
    """One kind of finding: ``title`` in a few words, ``about`` what happens and why, ``mend`` the way out."""

    title: str
    about: str
    mend: str


_CORRUPT = "Envoy says `Failed to parse corrupted Wasm module`."
_BYTECODE = "Envoy says `Failed to load Wasm bytecode`."
_INSTANCE = "Envoy says `Failed to create new Wasm instance`."
_MISSING = "Envoy says `Failed to load Wasm module due to a missing import: MODULE.NAME`."

CODES = {
    "WI100": Code(
        "The file is no WebAssembly module",
        f"It does not start with the bytes 00 61 73 6d. {_CORRUPT} What the file is instead is told where it can be seen.",
        "Name the file that the compiler wrote, as it wrote it: not compressed, not the text format, not an archive around it.",
    ),
    "WI101": Code(
        "The file is empty",
        "It has no bytes. Envoy refuses it without a reason.",
        "Build the plugin again, and look at what its compiler said.",
    ),
    "WI102": Code(
        "The header is cut short",
        "A module has a header of 8 bytes, and the file is shorter. Fetchers say `fetched Wasm binary from URL is invalid`.",
        "Build or copy it again.",
    ),
    "WI103": Code(
        "The file is a component",
        "Components (WASI preview 2) wrap core modules. Fetchers look at the first four bytes, which are the same, so they "
        "take the image; then the proxy says `Missing or unknown Proxy-Wasm ABI version`.",
        "Build for wasm32-wasip1 instead of wasm32-wasip2, and leave out the step that makes a component of it "
        "(cargo component, wasm-tools component new, jco, componentize-py).",
    ),
    "WI104": Code(
        "The header has another version",
        f"All core modules have version 1. {_BYTECODE}",
        "Build it with a released toolchain.",
    ),
    "WI105": Code(
        "The module is damaged",
        "A section is cut short, out of order, or does not hold what it says. The message names the byte. "
        f"{_CORRUPT} Or, where only V8 looks: `Failed to load Wasm bytecode`.",
        "Build it again, or copy it again in binary mode: an upload that ended early and a text-mode copy are the usual causes.",
    ),
    "WI106": Code(
        "The module is empty",
        "There is a header and no section.",
        "Build the plugin; this file holds no code.",
    ),
    "WI107": Code(
        "The module is too large",
        "Istio and Envoy Gateway read at most 256 MiB of the layer's tar, and Higress too.",
        "Strip it (`wasm-opt --strip-debug -Os`), or load data at run time.",
    ),
    "WI110": Code(
        "No ABI marker",
        "A proxy-wasm plugin exports a function named `proxy_abi_version_0_2_1` (or 0_2_0, 0_1_0), which is never called: its "
        "name says what the module is made for. Without it Envoy says `Missing or unknown Proxy-Wasm ABI version`. "
        "The SDKs export it; a module without it was mostly built for something else, or its linker dropped the export.",
        "Build on a proxy-wasm SDK, and see that the linker keeps its exports.",
    ),
    "WI111": Code(
        "An ABI that the proxy does not know",
        "The marker is there and names an ABI that this proxy does not have. `proxy_abi_version_0_2_100` is Higress's private "
        "ABI: Istio and Envoy do not load such a module, and say `Missing or unknown Proxy-Wasm ABI version`.",
        "Build it with an SDK for the proxy that is to load it, or tell wasmimg who that is: `--for higress`.",
    ),
    "WI112": Code(
        "Several ABI markers",
        "The proxy takes the first one in the order of the exports, and leaves the others.",
        "Export one marker; two mostly come of two SDKs in one module.",
    ),
    "WI113": Code(
        "An old ABI",
        "ABI 0.1.0 is of 2020. Proxies still load it; SDKs no longer do anything for it.",
        "Move to an SDK for ABI 0.2.1.",
    ),
    "WI114": Code(
        "The ABI marker takes or gives something",
        "Only its name is looked at, so the module loads; but no SDK makes such a marker.",
        "Export it as a function without parameters and results.",
    ),
    "WI115": Code(
        "An object file",
        "The section `linking` is there: the compiler wrote an object file, and nothing linked it. A proxy may load it, and its "
        "addresses are not those of a finished module.",
        "Link it: clang without `-c`, or `wasm-ld --no-entry`.",
    ),
    "WI120": Code(
        "No way to hand memory to the module",
        "The proxy copies headers and bodies into memory that the module allocates, through an exported `malloc` or "
        "`proxy_on_memory_allocate`. Without either it says `Wasm module is missing malloc function.`",
        "Export one of them; the SDKs do.",
    ),
    "WI121": Code(
        "An export of the wrong type",
        "The proxy calls this function and expects exact parameters and results. It says `Bad function signature for: NAME, "
        "want: ... but the module exports: ...`. ABI 0.1.0 and 0.2 differ in `proxy_on_request_headers` and "
        "`proxy_on_response_headers`.",
        "Give it the type that is asked for, or use one SDK with the marker of its own ABI.",
    ),
    "WI122": Code(
        "No memory to work in",
        "The module exports no memory and imports none. Envoy loads it without a word and then dies at the first request, "
        "with `Caught Segmentation fault`: all of the proxy, not the plugin alone.",
        "Export the memory.",
    ),
    "WI123": Code(
        "The memory is not exported as `memory`",
        "Envoy's V8 takes any memory. Other hosts of proxy-wasm look for that name.",
        "Export it under the name `memory`.",
    ),
    "WI124": Code(
        "A program instead of a library",
        "The module has `_start` and no `_initialize`. Go's `_start` runs main and then exits; an exit is not allowed "
        "there, and the proxy says `Function: _start failed: Uncaught Error: restricted_callback`.",
        "Build with `-buildmode=c-shared`: `GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o plugin.wasm`.",
    ),
    "WI125": Code(
        "A callback that nobody calls",
        "The name of this export begins like a callback's, and the proxy has none of that name: it is never called.",
        "Correct the name, or leave it if another proxy calls it.",
    ),
    "WI126": Code(
        "A plugin without callbacks",
        "The module loads, and none of its functions is ever called.",
        "Export the callbacks, such as `proxy_on_request_headers`; a linker that drops what nobody calls is the usual cause.",
    ),
    "WI130": Code(
        "A function that the proxy does not have",
        f"{_MISSING} The names must be equal, the module's included.",
        "Leave out what needs it; the message names the function, and where it can be told the toolchain.",
    ),
    "WI131": Code(
        "A function of another ABI",
        f"The proxy has this function for modules of another ABI only. {_MISSING}",
        "Use one SDK, with the marker of its own ABI.",
    ),
    "WI132": Code(
        "A WASI function that this release does not have",
        f"Newer toolchains need more of WASI than older proxies have. {_MISSING}",
        "Build with an older toolchain, or load it into the release that is named.",
    ),
    "WI133": Code(
        "A function of another type",
        "The proxy has this function with other parameters or results. It says `Failed to load Wasm module due to an "
        "import type mismatch: ...`. A function type that is open (`sub`) or in a group of several (`rec`) is another one, "
        "too, and then it says `Failed to create new Wasm instance`.",
        "Use an SDK of the proxy's age.",
    ),
    "WI134": Code(
        "An import that is no function",
        f"A proxy offers functions, a memory and a table. A global is refused. {_MISSING}",
        "Link the module statically (emcc: without -sMAIN_MODULE and -sSIDE_MODULE; clang: without -fPIC).",
    ),
    "WI135": Code(
        "WASI functions that older releases do not have",
        "The newest release has them. An older one would refuse the module with a missing import.",
        "Name the release that is to load it (`--for istio@1.24`), and this is an error or nothing.",
    ),
    "WI136": Code(
        "A function of Higress alone",
        f"Higress's fork of the host library has functions for Redis, for upstream hosts and for injected data. {_MISSING}",
        "Load it into Higress (`--for higress`), or leave out what needs them.",
    ),
    "WI137": Code(
        "A function of another environment",
        "The module was built for a browser, for JavaScript or for another runtime, which would have offered this function. "
        f"{_MISSING}",
        "Build for wasm32-wasip1 (Rust, C, C++), GOOS=wasip1 (Go) or with `--use abort=` (AssemblyScript).",
    ),
    "WI138": Code(
        "An imported or exported tag",
        "A tag is the type of an exception. Envoy dies when it loads a module that imports or exports one: all of the proxy, "
        "not the plugin alone.",
        "Build without exceptions, or link what defines the tag; one that the module keeps to itself is fine.",
    ),
    "WI139": Code(
        "A type that no proxy passes on",
        "Envoy knows numbers, funcref and externref at the border between module and proxy. A function, global or table that is "
        "imported or exported with another type (v128, anyref, exnref, a reference to a type of its own) makes it die when it "
        "loads the module: all of the proxy, not the plugin alone. Inside of the module such types are fine.",
        "Pass plain numbers between module and proxy.",
    ),
    "WI140": Code(
        "More memory than a proxy gives",
        f"The module asks for more than 16384 pages (1 GiB) at the start. {_INSTANCE}",
        "Ask for less at the start; a memory may grow.",
    ),
    "WI141": Code(
        "A 64-bit memory",
        "Envoy 1.40 loads it. Addresses in proxy-wasm are 32 bits wide, and other hosts refuse such a memory.",
        "Build for wasm32.",
    ),
    "WI142": Code(
        "A shared memory",
        "Envoy 1.40 loads it. A proxy has no threads for a plugin, and other hosts refuse it.",
        "Build without -pthread and without atomics.",
    ),
    "WI143": Code(
        "Several memories",
        "Envoy 1.40 loads it and works in the one that is exported last, which may not be the one that the code works in. "
        "Other hosts refuse it.",
        "Build with one memory.",
    ),
    "WI145": Code(
        "Two imported memories or tables",
        "Envoy makes one of each for a module that imports it, and dies of the second when it loads the module.",
        "Build with one, or keep them to the module.",
    ),
    "WI146": Code(
        "An imported memory or table of a kind that no proxy makes",
        "A proxy makes a plain memory or table for a module that imports one: not a shared one, not one with 64-bit addresses, "
        f"not a table that cannot be empty. {_INSTANCE}",
        "Let the module define its own (emcc: without -sIMPORTED_MEMORY; clang: without --import-memory).",
    ),
    "WI150": Code(
        "Precompiled code",
        "A section `precompiled_...` holds machine code for one build of Envoy. Istio, Envoy Gateway and Higress do not allow "
        "it: the proxy cuts it out, with every custom section behind it.",
        "Ship the module as the compiler made it.",
    ),
    "WI151": Code(
        "Much debug information",
        "More than half of the module is debug information, which every proxy pulls and none uses.",
        "Strip it: `wasm-opt --strip-debug`, `-ldflags=-s` (Go, TinyGo: `-no-debug`), `strip = true` (Cargo).",
    ),
    "WI152": Code(
        "A damaged name section",
        f"The proxy reads the names of functions for its back-traces. {_CORRUPT}",
        "Strip it (`wasm-opt --strip-debug`, `wasm-strip`), or build again.",
    ),
    "WI144": Code(
        "A start section",
        "The function that it names is run before the proxy is ready: if it calls a function of the host, even to log, Envoy "
        "dies when it loads the module.",
        "Export `_initialize` instead, which is called when the proxy is ready (AssemblyScript: `--exportStart _initialize`; clang "
        "with wasi-libc: `-mexec-model=reactor`). Linkers also write a start section for `--shared-memory`: build without threads.",
    ),
    "WI160": Code(
        "Data outside of the memory",
        f"A segment lies behind the end of the memory or table that it fills. {_INSTANCE}",
        "Give the module more memory at the start (`--initial-memory`), or build it again.",
    ),
}
