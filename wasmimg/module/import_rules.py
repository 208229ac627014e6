"""What a module asks of its host, and whether the host has it.

Source: proxy-wasm/proxy-wasm-cpp-host src/v8/v8.cc link; V8 compares types with
their groups and parents (measured on Envoy 1.40).
"""

from __future__ import annotations

from collections.abc import Iterator

from wasmimg.module.findings import Finding
from wasmimg.module.hosts import TITLES, WASI_MODULES, load_lineage
from wasmimg.module.judging import HOSTS, Subject, enumerated, shown
from wasmimg.module.outline import Import
from wasmimg.module.valtypes import in_words

__all__ = ["check_imports"]

_FAILED = "Failed to load Wasm module due to"
_FIRST_TIERS = 2  # of WASI: what proxies have since 2021 is worth no word


def check_imports(subject: Subject) -> Iterator[Finding]:
    """The findings for all imports; those for one reason are told together."""
    host, hosts = subject.host, (str(subject.host),)
    offered = host.functions(subject.abi)
    missing: dict[tuple[str, str, str, str], list[Import]] = {}
    recent: dict[str, list[str]] = {}
    grouped: list[str] = []
    for one in subject.outline.imports:
        if one.kind == "global":
            missing.setdefault(
                ("WI134", "the global ", "", "link the module statically, without -fPIC and dynamic linking"), []
            ).append(one)
        elif one.kind != "function":
            continue
        elif str(one) not in offered:
            missing.setdefault(_why_missing(one, subject), []).append(one)
        elif offered[str(one)] != one.type:
            want, have = in_words(one.type), in_words(offered[str(one)])
            yield Finding(
                "error",
                "WI133",
                f"it imports {one} as {want}, which is {have} in {HOSTS}",
                _mend_type(one, offered[str(one)], subject),
                f"{_FAILED} an import type mismatch: {one}, want: {want}, but host exports: {have}",
                hosts,
            )
        elif not one.plain:
            grouped.append(str(one))
        elif host.newest and one.module in WASI_MODULES and host.tier_of(one.name) >= _FIRST_TIERS:
            since = load_lineage(host.name).since(str(one), one.type, subject.abi)
            if since is not None and since.release != load_lineage(host.name).hosts[0].release:
                recent.setdefault(f"{since.release} ({since.date[:7]})", []).append(str(one))
    for (code, what, why, fix), imports in missing.items():
        names = list(dict.fromkeys(map(str, imports)))
        reason = f": {why}" if why else ""
        yield Finding(
            "error",
            code,
            f"it imports {what}{enumerated(names)}, unknown to {HOSTS}{reason}",
            fix,
            f"{_FAILED} a missing import: {shown(names[0])}",
            hosts,
        )
    if grouped:
        yield Finding(
            "error",
            "WI133",
            f"it imports {enumerated(list(dict.fromkeys(grouped)))} with a type that is open (sub) or of a group (rec), "
            f"to V8 another one than that of {HOSTS}",
            "give it a type by itself, as a compiler without garbage-collected types does",
            "Failed to create new Wasm instance",
            hosts,
        )
    for release, names in recent.items():
        yield Finding(
            "warning",
            "WI135",
            f"it imports {enumerated(list(dict.fromkeys(names)))}, known to {TITLES[host.name]} only since {release}",
            f"say which release is to load it, as in --for {host.name}@{release.split()[0]}",
            hosts=hosts,
        )


def _mend_type(one: Import, offered: str, subject: Subject) -> str:
    if one.type == offered.replace("i", "I"):
        return "build for wasm32: addresses in proxy-wasm are 32 bits wide"
    if one.type == offered.replace("I", "ii") and subject.toolchain().name in ("emscripten", ""):
        return "link with emcc -sWASM_BIGINT, which passes an i64 whole instead of in two halves"
    if one.module in WASI_MODULES:
        return f"leave out what calls {one.name}: the proxy has it with a type that is not WASI's own"
    return "build with an SDK of the proxy's age"


def _why_missing(one: Import, subject: Subject) -> tuple[str, str, str, str]:
    """The code, what is imported, why it is missing and the way out."""
    host, name = subject.host, str(one)
    lineage = load_lineage(host.name)
    since = lineage.since(name, one.type, subject.abi)
    if since is not None:
        release = f"{TITLES[host.name]} {since.release} ({since.date[:7]})"
        return (
            "WI132",
            "",
            f"new in {release}",
            f"build with an older toolchain, or load it into {release} or newer",
        )
    abis = [abi for abi in host.abis if name in host.functions(abi)]
    if abis:
        why = f"of ABI {enumerated(abis)}, where the module is marked for {subject.abi}"
        return "WI131", "", why, "use one SDK, with the marker of its own ABI"
    others = [other for other in TITLES if name in load_lineage(other).hosts[-1].functions(subject.abi)]
    if others == ["higress"]:
        fix = "load it into Higress and say so with --for higress, or leave out what needs it"
        return "WI136", "", "in Higress's fork alone", fix
    from wasmimg.module.toolchain import environment_of

    environment = environment_of(one.module, one.name, one.type)
    if environment is not None:
        return "WI137", "", environment.what, environment.fix
    near = []
    if one.module == "env" and one.name.startswith("proxy_"):
        from difflib import get_close_matches

        near = get_close_matches(name, host.functions(subject.abi), 1, 0.85)
    if near:
        return "WI130", "", "", f"did you mean {near[0]}?"
    if one.module == "env":
        fix = "link with what defines it, or leave out what needs it (an undefined symbol becomes an import)"
    else:
        fix = f"build without what needs the module {shown(one.module)!r}; a plugin is offered env and {' and '.join(WASI_MODULES)}"
    return "WI130", "", "", fix
