"""The ABI marker, and what a host looks for among the exports.

Sources: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc getAbiVersion, src/wasm.cc getFunctions,
src/v8/v8.cc getModuleFunctionImpl.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmimg.module.abi import MARKER, abis_of, marker_of
from wasmimg.module.findings import Finding
from wasmimg.module.hosts import TITLES, Host, load_lineage
from wasmimg.module.judging import HOSTS, Subject, enumerated, is_plugin, shown
from wasmimg.module.valtypes import in_words

__all__ = ["check_exports", "check_marker"]

_NO_MARKER = "Missing or unknown Proxy-Wasm ABI version"
_EXPORT_MARKER = {
    "go": "export it with //go:wasmexport proxy_abi_version_0_2_1, as proxy-wasm-go-sdk does, and build with GOOS=wasip1 "
    "GOARCH=wasm go build -buildmode=c-shared",
    "tinygo": "export it with //export proxy_abi_version_0_2_1, as proxy-wasm-go-sdk does, and build with tinygo build "
    "-target=wasip1 -buildmode=c-shared",
    "rust": 'build on the crate proxy-wasm, with crate-type = ["cdylib"], and with cargo build --release --target wasm32-wasip1',
    "clang": 'export it with __attribute__((export_name("proxy_abi_version_0_2_1"))), or link with -Wl,--export=proxy_abi_version_0_2_1',
    "assemblyscript": 'add export * from "@gcoredev/proxy-wasm-sdk-as/assembly/proxy" (or the SDK in use) to the entry file, and build with --use abort=abort_proc_exit',
    "emscripten": "build on proxy-wasm-cpp-sdk, and link with emcc -sSTANDALONE_WASM --no-entry",
    "go-js": "build with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared, on proxy-wasm-go-sdk",
    "wasm-bindgen": "build on the crate proxy-wasm with cargo build --release --target wasm32-wasip1, without wasm-bindgen",
    "": "build on a proxy-wasm SDK (C++, Rust, Go, AssemblyScript), and see that the linker keeps its exports",
}
_KEEP_EXPORT = {
    "": "export {}",
    "go": "name {} in a //go:wasmexport line",
    "tinygo": "name {} in an //export line",
    "rust": 'export {}: mark it #[no_mangle] pub extern "C", and set crate-type = ["cdylib"]',
    "clang": 'export {}: mark it __attribute__((export_name("{}"))), or link with -Wl,--export={}',
    "assemblyscript": "export {} from the entry file",
    "emscripten": "link with -sEXPORTED_FUNCTIONS=_{}",
}


def check_marker(subject: Subject) -> Iterator[Finding]:
    """Which ABI the host takes the module for."""
    host, hosts = subject.host, (str(subject.host),)
    abis = abis_of(subject.outline.functions)
    known = [abi for abi in abis if abi in host.abis]
    if known:
        if len(set(abis)) > 1:
            yield Finding(
                "warning",
                "WI112",
                f"it exports markers for the ABIs {enumerated(abis)}; {known[0]} is what counts in {HOSTS}",
                "export one marker",
                hosts=hosts,
            )
        if known[0] == "0.1.0":
            yield Finding(
                "warning",
                "WI113",
                "it is made for ABI 0.1.0 of 2020, which SDKs no longer serve",
                "move to an SDK for ABI 0.2.1",
            )
        if subject.outline.functions[marker_of(known[0])] != ">":
            yield Finding(
                "warning",
                "WI114",
                f"{marker_of(known[0])} takes or gives something, and is only a name",
                "export it as a function without parameters and results",
            )
    elif abis:
        yield _unknown_abi(abis, host)
    else:
        other = next((item for item in subject.outline.others.items() if item[0].startswith(MARKER)), None)
        title = subject.toolchain().title
        built = f"; it is built by {shown(title)}" if title else ""
        what = (
            f"exports {shown(other[0])} as a {other[1].kind}, and a marker is a function"
            if other
            else "has no proxy-wasm ABI marker (it exports no function proxy_abi_version_0_2_1)"
        )
        purpose = "" if is_plugin(subject.outline) else ": it is no plugin for a proxy"
        yield Finding("error", "WI110", f"it {what}{purpose}{built}", _advice(_EXPORT_MARKER, subject, ""), _NO_MARKER)


def _unknown_abi(abis: list[str], host: Host) -> Finding:
    abi = abis[0]
    others = [name for name in TITLES if name != host.name and abi in load_lineage(name).hosts[-1].abis]
    own = load_lineage(host.name).since_abi(abi)
    if own is not None:
        message = f"it is made for ABI {abi}, unknown to {HOSTS}: it came with {TITLES[host.name]} {own.release}"
        fix = f"load it into {TITLES[host.name]} {own.release}, or build it for ABI {host.abis[-1]}"
    elif others == ["higress"]:
        message = (
            f"it is made for Higress: its marker {marker_of(abi)} stands for Higress's private ABI {abi}, "
            f"which is unknown to {HOSTS}"
        )
        fix = "load it into Higress and say so with --for higress, or build it with an SDK for ABI 0.2.1 (Higress's wasm-go makes modules for 0.2.100 alone)"
    else:
        message = f"it is made for ABI {shown(abi)}, which is unknown to {HOSTS}"
        fix = f"build it with an SDK for one of the ABIs {enumerated(host.abis)}"
    return Finding("error", "WI111", message, fix, _NO_MARKER, (str(host),))


def check_exports(subject: Subject) -> Iterator[Finding]:
    """The types of what the host calls, and what is missing or never called."""
    functions, hosts = subject.outline.functions, (str(subject.host),)
    starting = subject.host.starting()
    wanted = ["_initialize", *(("main", "__main_void") if "_initialize" in functions else ("_start",))]
    wanted = [name for name in wanted if name not in subject.host.without]
    wanted.append("malloc" if "malloc" in functions else "proxy_on_memory_allocate")
    if wanted[-1] not in functions:
        yield Finding(
            "error",
            "WI120",
            "it exports neither malloc nor proxy_on_memory_allocate, so that no header can be handed to it",
            _advice(_KEEP_EXPORT, subject, "malloc"),
            "Wasm module is missing malloc function.",
        )
    callbacks = subject.host.callbacks(subject.abi)
    for name, signature in (*((name, starting[name]) for name in wanted), *callbacks.items()):
        if functions.get(name, signature) != signature:
            want, have = in_words(signature), in_words(functions[name])
            yield Finding(
                "error",
                "WI121",
                f"{name} is {have}, and is called as {want} by {HOSTS}{_by_abi(subject, name)}",
                f"give {name} the type {want}",
                f"Bad function signature for: {name}, want: {want}, but the module exports: {have}",
                hosts,
            )
    yield from _check_names(subject, callbacks)
    if "_start" in functions and "_initialize" not in functions:
        yield from _check_program(subject)


def _check_program(subject: Subject) -> Iterator[Finding]:
    toolchain = subject.toolchain()
    if toolchain.name in ("go", "tinygo"):
        exits = any(one.name == "proc_exit" for one in subject.outline.imports)
        sure = toolchain.name == "go" and exits
        yield Finding(
            "error" if sure else "warning",
            "WI124",
            f"it is a program and no library: {toolchain.title} gave it _start and no _initialize, and "
            + ("exits after main, which is not allowed there" if sure else "may exit after main"),
            "build with tinygo build -target=wasip1 -buildmode=c-shared"
            if toolchain.name == "tinygo"
            else "build with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared",
            "Function: _start failed: Uncaught Error: restricted_callback" if sure else "",
        )


def _by_abi(subject: Subject, name: str) -> str:
    others = [
        abi
        for abi in subject.host.abis
        if abi != subject.abi and subject.host.callbacks(abi).get(name) == subject.outline.functions[name]
    ]
    return f" in ABI {subject.abi}; it has the type of ABI {others[0]}" if others else ""


def _check_names(subject: Subject, callbacks: dict[str, str]) -> Iterator[Finding]:
    names = [
        name
        for name in subject.outline.functions
        if name.startswith("proxy_on_") and name != "proxy_on_memory_allocate"
    ]
    if subject.marked and not names:
        yield Finding(
            "warning",
            "WI126",
            "it exports no callback (proxy_on_...), so that it loads and does nothing",
            "export what the proxy is to call, such as proxy_on_request_headers",
        )
    for name in names:
        if name in callbacks:
            continue
        elsewhere = next(
            (other for other in TITLES if name in load_lineage(other).hosts[-1].callbacks(subject.abi)), None
        )
        if elsewhere is None and any(name in subject.host.callbacks(abi) for abi in subject.host.abis):
            why, fix = f"it is not of ABI {subject.abi}", "use one SDK, with the marker of its own ABI"
        elif elsewhere is not None:
            why, fix = f"only {TITLES[elsewhere]} calls it", "leave it, if the plugin works without"
        else:
            from difflib import get_close_matches

            near = get_close_matches(name, callbacks, 1)
            why = "no callback has that name"
            fix = f"did you mean {near[0]}?" if near else "correct the name"
        level = "note" if elsewhere is not None else "warning"
        yield Finding(
            level, "WI125", f"{shown(name)} is never called by {HOSTS}: {why}", fix, hosts=(str(subject.host),)
        )


def _advice(table: dict[str, str], subject: Subject, name: str) -> str:
    text = table.get(subject.toolchain().name) or table[""]
    return text.replace("{}", name)
