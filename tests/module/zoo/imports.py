"""What a module imports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Import, Module, Section, limits, signature, uleb, vector, word
from tests.module.zoo.hosts import ABIS, BY_ABI, FUNCTIONS, WASI, WASI_MODULES
from tests.module.zoo.specimen import (
    BYTECODE,
    INITIALIZE,
    INSTANCE,
    MISSING,
    SEGFAULT,
    UNREACHABLE,
    Fate,
    Specimen,
    in_words,
    plugin,
    table,
)


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _offered()
    yield from _wrong_types()
    yield from _of_other_abis()
    yield from _foreign()
    yield from _memories()
    yield from _tables()
    yield from _globals_and_tags()
    yield from _names()
    yield from _shapes()


def _with(*imports: Import, **changes: Any) -> bytes:
    return bytes(plugin(imports=imports, **changes))


def _missing(name: str, what: str, *imports: Import) -> Specimen:
    return Specimen(name, what, _with(*imports), "refused", f"{MISSING}{imports[0].module!s}.{imports[0].name!s}")


def _offered() -> Iterator[Specimen]:
    for abi in ABIS:
        every = (*FUNCTIONS.items(), *BY_ABI[abi].items())
        imports = [Import("env", name, type_) for name, type_ in every]
        yield Specimen(f"imports-env-{abi}", f"every function of env in {abi}", _with(*imports, abi=abi))
    for module in WASI_MODULES:
        imports = [Import(module, name, type_) for name, type_ in WASI.items()]
        yield Specimen(f"imports-{module}", f"every function of {module}", _with(*imports))
    yield Specimen("imports-none", "a plugin that imports nothing", bytes(_alone()), "silent")
    both = [Import(module, "fd_write", WASI["fd_write"]) for module in WASI_MODULES]
    yield Specimen("imports-both-wasi", "one function of WASI from both modules", _with(*both))
    yield Specimen("imports-twice", "the same function twice", _with(*(Import("env", "proxy_done", ">i"),) * 2))


def _alone() -> Module:
    quiet = plugin(header=None, imports=())
    functions = tuple(one if one.type != "iii>i" else one._replace(code=b"\x41\0") for one in quiet.functions)
    exports = tuple((name, kind, index - (kind == 0)) for name, kind, index in quiet.exports)
    return plugin(functions=functions, exports=exports, instead=((2, None),))


def _mismatch(module: str, name: str, want: str, offered: str) -> str:
    words = f"Failed to load Wasm module due to an import type mismatch: {module}.{name}, want: "
    return f"{words}{in_words(want)}, but host exports: {in_words(offered)}"


def _wrong_types() -> Iterator[Specimen]:
    listed = [("env", name, type_, "0_2_1") for name, type_ in (FUNCTIONS | BY_ABI["0_2_1"]).items()]
    listed += [("env", name, type_, "0_1_0") for name, type_ in BY_ABI["0_1_0"].items()]
    listed += [("env", name, type_, "0_2_0") for name, type_ in BY_ABI["0_2_0"].items()]
    listed += [(WASI_MODULES[place % 2], name, type_, "0_2_1") for place, (name, type_) in enumerate(WASI.items())]
    for place, (module, name, right, abi) in enumerate(listed):
        wrong = _wrong(right, place)
        made = _with(Import(module, name, wrong), abi=abi)
        words = _mismatch(module, name, wrong, right)
        yield Specimen(f"{module}.{name}-{abi}", f"{name} as {wrong}", made, "refused", words)
    for module, name, wrong, right in _KNOWN_WRONG:
        made = _with(Import(module, name, wrong))
        words = _mismatch(module, name, wrong, right)
        yield Specimen(f"{module}.{name}-as-{wrong}", "a type that tools are known to give it", made, "refused", words)
    for letter in "rx":
        made = _with(Import("env", "proxy_done", f"{letter}>i"))
        words = "Failed to load Wasm module due to an import type mismatch: env.proxy_done, want: "
        yield Specimen(f"import-takes-{letter}", f"a function that takes {letter}", made, "refused", words)


# i64 in two halves (emcc without WASM_BIGINT), WASI as its specification has it, an older SDK
_KNOWN_WRONG = (
    ("wasi_snapshot_preview1", "clock_time_get", "iiii>i", "iIi>i"),
    ("wasi_snapshot_preview1", "fd_seek", "iiiii>i", "iIii>i"),
    ("wasi_unstable", "fd_seek", "iIiI>i", "iIii>i"),
    ("wasi_snapshot_preview1", "path_symlink", "iiiii>i", "iiii>i"),
    ("wasi_snapshot_preview1", "path_link", "iiiiiii>i", "iiiiii>i"),
    ("env", "proxy_grpc_call", "iiiiiiiiii>i", "iiiiiiiiiiii>i"),
    ("env", "proxy_increment_metric", "iii>i", "iI>i"),
    ("env", "proxy_log", "iIi>i", "iii>i"),
    ("env", "proxy_log", "iii>", "iii>i"),
)


def _wrong(right: str, place: int) -> str:
    parameters, results = right.split(">")
    ways = (
        f"{parameters}i>{results}",
        f"{parameters[1:]}>{results}" if parameters else f"i>{results}",
        f"F{parameters[1:]}>{results}",
        f"{parameters}>{'' if results else 'i'}",
        f"{parameters}>I",
    )
    return ways[place % len(ways)]


def _of_other_abis() -> Iterator[Specimen]:
    for abi in ABIS:
        for other in ABIS:
            for name, type_ in BY_ABI[other].items():
                if name not in BY_ABI[abi] and not (other == "0_2_1" and name in BY_ABI["0_2_0"]):
                    made = _with(Import("env", name, type_), abi=abi)
                    yield Specimen(f"{name}-in-{abi}", f"of {other} alone", made, "refused", f"{MISSING}env.{name}")


def _foreign() -> Iterator[Specimen]:
    for module, name, type_ in _FOREIGN:
        yield _missing(f"import-{module}.{name}:{type_}", "unknown to the host", Import(module, name, type_))
    unknown = Import("env", "unknown", ">")
    yield _missing(
        "import-unknown-first",
        "an unknown function before one of a wrong type",
        unknown,
        Import("env", "proxy_log", ">"),
    )
    made = _with(Import("env", "proxy_log", ">"), unknown)
    words = _mismatch("env", "proxy_log", ">", FUNCTIONS["proxy_log"])
    yield Specimen("import-unknown-last", "a function of a wrong type before an unknown one", made, "refused", words)


_FOREIGN = (
    ("env", "proxy_redis_init", "iiiiiiii>i"),
    ("env", "proxy_redis_call", "iiiiii>i"),
    ("env", "proxy_get_upstream_hosts", "iiii>i"),
    ("env", "proxy_set_upstream_override_host", "ii>i"),
    ("env", "proxy_inject_encoded_data_to_filter_chain", "iii>i"),
    ("env", "proxy_dispatch_http_call", "iiiiiiiiii>i"),
    ("env", "proxy_set_buffer", "iiiii>i"),
    ("env", "proxy_Log", "iii>i"),
    ("env", "log", "iii>i"),
    ("env", "fd_write", "iiii>i"),
    ("wasi_snapshot_preview1", "proxy_log", "iii>i"),
    ("wasi_snapshot_preview1", "proc_raise", "i>i"),
    ("wasi_unstable", "proc_raise", "i>i"),
    ("wasi_snapshot_preview1", "thread-spawn", "i>i"),
    ("wasi", "thread-spawn", "i>i"),
    ("wasi_snapshot_preview2", "fd_write", "iiii>i"),
    ("wasi_snapshot_preview1 ", "fd_write", "iiii>i"),
    ("wasi", "fd_write", "iiii>i"),
    ("wasi:cli/environment@0.2.0", "get-environment", "i>"),
    ("wasi:io/streams@0.2.3", "[resource-drop]input-stream", "i>"),
    ("__wbindgen_placeholder__", "__wbindgen_describe", "i>"),
    ("wbg", "__wbg_log_1d3ae0273d8f4f8a", "ii>"),
    ("./index_bg.js", "__wbindgen_throw", "ii>"),
    ("gojs", "runtime.wasmExit", "i>"),
    ("gojs", "syscall/js.valueGet", "i>"),
    ("go", "debug", "i>"),
    ("env", "syscall/js.valueGet", "iiiii>"),
    ("env", "abort", "iiii>"),
    ("env", "abort", ">"),
    ("env", "seed", ">F"),
    ("env", "emscripten_resize_heap", "i>i"),
    ("env", "__cxa_throw", "iii>"),
    ("env", "invoke_vii", "iii>"),
    ("env", "__syscall_openat", "iiii>i"),
    ("env", "exit", "i>"),
    ("env", "pthread_create", "iiii>i"),
    ("env", "setjmp", "i>i"),
    ("a", "a", "i>"),
    ("asyncify", "start_unwind", "i>"),
    ("wasm:js-string", "length", "x>i"),
    ("env", "envoy_resolve_dns_v2", "iii>i"),
    ("envoy", "envoy_resolve_dns", "iii>i"),
    ("", "proxy_log", "iii>i"),
    ("env", "", "iii>i"),
    ("", "", ">"),
    ("env", "größe", ">i"),
    ("env", "a\x1b[31mred", ">i"),
)


def _memories() -> Iterator[Specimen]:
    def one(name: str, what: str, limit: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        changes = {"memories": (), **changes}
        return Specimen(
            f"import-memory-{name}", what, _with(Import("env", "memory", b"\2" + limit), **changes), fate, words
        )

    yield one("only", "a memory that is imported and not exported", limits(1), memory=None)
    yield one("exported", "a memory that is imported and exported", limits(1))
    yield one("with-maximum", "with a maximum", limits(1, 2), memory=None)
    yield one("shared", "shared", limits(1, 2, shared=True), "refused", INSTANCE, memory=None)
    yield one("shared-exported", "shared, and exported", limits(1, 2, shared=True), "refused", INSTANCE)
    yield one("shared-without-maximum", "shared, without a maximum", b"\2\1", "refused", BYTECODE)
    yield one("wide", "with 64-bit addresses", limits(1, wide=True), "refused", INSTANCE, memory=None, data=())
    yield one("empty", "of no page", limits(0), "silent", memory=None, data=())
    yield one("16384", "of 1 GiB", limits(16384), memory=None)
    yield one("16385", "of a page more", limits(16385), "refused", INITIALIZE, memory=None)
    yield one("65536", "of 4 GiB", limits(65536), "refused", INITIALIZE, memory=None)
    yield one("65537", "of a page more than 4 GiB", limits(65537), "refused", BYTECODE, memory=None)
    yield one("maximum-65537", "with a maximum beyond 4 GiB", limits(1, 65537), "refused", BYTECODE, memory=None)
    yield one("reversed", "with a maximum below its minimum", limits(2, 1), "refused", BYTECODE, memory=None)
    yield one(
        "and-own",
        "beside one of its own, which is exported",
        limits(1),
        memories=(limits(1),),
        memory=None,
        names=(("memory", 2, 1),),
        data=(b"\2\1" + b"\x41\x10\x0b" + word("x-wasmimgok"),),
    )
    yield one("bad-flags", "with unknown flags", b"\x10\1", "refused", BYTECODE, memory=None)
    two = (Import("env", "memory", b"\2" + limits(1)), Import("env", "memory2", b"\2" + limits(1)))
    yield Specimen("import-two-memories", "two memories", _with(*two, memories=(), memory=None), "crashes", SEGFAULT)
    other = Import("host", "store", b"\2" + limits(1))
    yield Specimen(
        "import-memory-any-name", "a memory of another module and name", _with(other, memories=(), memory=None)
    )


def _tables() -> Iterator[Specimen]:
    def one(name: str, what: str, type_: bytes, fate: Fate = "header", words: str = "", **changes: Any) -> Specimen:
        made = _with(Import("env", "__indirect_function_table", b"\1" + type_), **changes)
        return Specimen(f"import-table-{name}", what, made, fate, words)

    yield one("empty", "a table of no element", table(b"\x70", 0))
    yield one("ten", "a table of ten", table(b"\x70", 10))
    yield one("with-maximum", "a table with a maximum", table(b"\x70", 1, 10))
    yield one("externref", "a table of external references", table(b"\x6f", 1))
    yield one("filled", "a table that is filled", table(b"\x70", 4), elements=(b"\0\x41\1\x0b\1\1",))
    yield one(
        "filled-beyond",
        "a table that is filled behind its end",
        table(b"\x70", 1),
        "refused",
        INSTANCE,
        elements=(b"\0\x41\1\x0b\1\1",),
    )
    yield one("reversed", "a table with a maximum below its minimum", table(b"\x70", 2, 1), "refused", BYTECODE)
    yield one("largest", "a table of ten million", table(b"\x70", 10_000_000))
    yield one("too-large", "a table of one more", table(b"\x70", 10_000_001), "refused", BYTECODE)
    yield one("wide", "a table with 64-bit addresses", b"\x70" + limits(1, wide=True), "refused", INSTANCE)
    yield one("i32", "a table of numbers", table(b"\x7f"), "refused", BYTECODE)
    two = [Import("env", name, b"\1" + table(b"\x70")) for name in ("one", "two")]
    yield Specimen("import-two-tables", "two tables", _with(*two), "crashes", SEGFAULT)


def _globals_and_tags() -> Iterator[Specimen]:
    types = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C, "funcref": 0x70, "externref": 0x6F}
    for name, type_ in types.items():
        for mutable in (0, 1):
            kind = "global that can change" if mutable else "global"
            made = Import("env", "__memory_base", b"\3" + bytes([type_, mutable]))
            yield _missing(f"import-global-{name}-{mutable}", f"a {kind} of {name}", made)
    yield _missing("import-global-got", "as position-independent code has it", Import("GOT.mem", "stdout", b"\3\x7f\1"))
    yield _missing(
        "import-global-named-as-function", "a global of a function's name", Import("env", "proxy_log", b"\3\x7f\0")
    )
    made = Import("env", "x", b"\3\x7f\2")
    yield Specimen("import-global-mutability-2", "neither constant nor not", _with(made), "refused", BYTECODE)
    made = Import("env", "x", b"\3\x60\0")
    yield Specimen("import-global-of-function-type", "of a type that is no value's", _with(made), "refused", BYTECODE)
    tag = Import("env", "__cpp_exception", b"\4\0\0")
    yield Specimen("import-tag", "a tag", _with(tag, types=(signature("i>"),)), "crashes", UNREACHABLE)
    yield Specimen(
        "import-tag-giving", "a tag that gives something", _with(tag, types=(signature(">i"),)), "refused", BYTECODE
    )
    yield Specimen(
        "import-tag-attribute-1",
        "a tag that is no exception",
        _with(Import("env", "t", b"\4\1\0"), types=(signature("i>"),)),
        "refused",
        BYTECODE,
    )


def _names() -> Iterator[Specimen]:
    for name, data in {
        "continuation": b"\x80",
        "latin-1": b"caf\xe9",
        "surrogate": b"\xed\xa0\x80",
        "cut": b"\xe2\x82",
    }.items():
        yield Specimen(
            f"import-name-{name}",
            f"a name of the bytes {data.hex()}",
            _with(Import("env", data, ">")),
            "refused",
            BYTECODE,
        )
        yield Specimen(
            f"import-module-{name}",
            f"a module of the bytes {data.hex()}",
            _with(Import(data, "x", ">")),
            "refused",
            BYTECODE,
        )
    yield Specimen(
        "import-name-long", "a name of 100,000 bytes", _with(Import("env", "n" * 100_000, ">")), "refused", MISSING
    )
    yield Specimen(
        "import-name-too-long", "a name of 100,001 bytes", _with(Import("env", "n" * 100_001, ">")), "refused", MISSING
    )
    yield Specimen(
        "import-name-zero", "a name with a zero byte", _with(Import("env", "proxy_log\0", "iii>i")), "refused", MISSING
    )


def _shapes() -> Iterator[Specimen]:
    def raw(entry: bytes) -> bytes:
        good = plugin()
        first = word("env") + word("proxy_add_header_map_value") + b"\0" + uleb(0)
        types = (signature("iiiii>i"),)
        return bytes(plugin(types=types, instead=((2, Section(2, vector([first, entry]))),), exports=good.exports))

    yield Specimen("import-kind-5", "an unknown kind", raw(word("env") + word("x") + b"\5\0"), "refused", BYTECODE)
    yield Specimen("import-kind-255", "the kind 255", raw(word("env") + word("x") + b"\xff\0"), "refused", BYTECODE)
    yield Specimen(
        "import-type-beyond", "a type that is not there", raw(word("env") + word("x") + b"\0\x4d"), "refused", BYTECODE
    )
    yield Specimen(
        "import-name-beyond", "a name that ends behind the section", raw(word("env") + b"\x7fx"), "refused", BYTECODE
    )
    struct = _with(Import("env", "x", b"\0\0"), types=(b"\x5f\0",))
    yield Specimen("import-of-struct", "a function whose type is a structure", struct, "refused", BYTECODE)
    yield Specimen(
        "import-known-v128",
        "a known function that takes v128",
        _with(Import("env", "proxy_done", "v>i")),
        "crashes",
        UNREACHABLE,
    )
    multi = _with(Import("env", "proxy_done", ">ii"))
    yield Specimen(
        "import-multi-value",
        "a function that gives two numbers",
        multi,
        "refused",
        _mismatch("env", "proxy_done", ">ii", ">i"),
    )
    many = [Import("env", "proxy_done", ">i")] * 2000
    yield Specimen("import-many", "2,000 imports", _with(*many))
