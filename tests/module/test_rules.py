"""What is found in a module, for whom, in which words, and what is advised."""

from __future__ import annotations

import pytest

from tests.module.assembler import Module, custom, i32, limits, uleb, word
from tests.module.samples import plugin, producers
from wasmimg.consumers.selection import parse_consumer
from wasmimg.module.codes import CODES
from wasmimg.module.findings import LEVELS, Finding
from wasmimg.module.rules import check_module

WASI = "wasi_snapshot_preview1"


def found(module: bytes, *hosts: str) -> tuple[Finding, ...]:
    """The findings for a module, for the newest Istio when nothing else is said."""
    findings = check_module(memoryview(module), [parse_consumer(host).host() for host in hosts])
    for one in findings:
        assert one.code in CODES
        assert one.level in LEVELS
        assert one.message
        assert one.fix
        assert "\0" not in one.message + one.fix + one.words
    return findings


def codes(module: bytes, *hosts: str) -> list[str]:
    return [one.code for one in found(module, *hosts)]


def test_a_plain_plugin_is_fine_everywhere() -> None:
    hosts = (
        "istio",
        "istio@1.12",
        "envoy-gateway",
        "envoy-gateway@0.2",
        "higress",
        "higress@0.5",
        "envoy",
        "envoy@1.17",
    )
    assert codes(plugin()) == []
    assert codes(plugin(), *hosts) == []
    assert codes(plugin(abi="0.2.0"), *hosts) == []


@pytest.mark.parametrize(
    "module, host, code, level, words",
    [
        # the ABI marker
        (plugin(abi=None), "istio", "WI110", "error", "Missing or unknown Proxy-Wasm ABI version"),
        (plugin(abi="0.3.0"), "istio", "WI111", "error", "Missing or unknown Proxy-Wasm ABI version"),
        (plugin(abi="0.2.100"), "istio", "WI111", "error", "Missing or unknown Proxy-Wasm ABI version"),
        (plugin(abi="0.2.100"), "higress@1.3", "WI111", "error", "Missing or unknown Proxy-Wasm ABI version"),
        (plugin(exports={"proxy_abi_version_0_1_0": ">"}), "istio", "WI112", "warning", ""),
        (plugin(abi="0.1.0"), "istio", "WI113", "warning", ""),
        (plugin(abi=None, exports={"proxy_abi_version_0_2_1": ">i"}), "istio", "WI114", "warning", ""),
        # what the host calls
        (plugin(exports={"malloc": ""}), "istio", "WI120", "error", "Wasm module is missing malloc function."),
        (
            plugin(exports={"proxy_on_request_headers": "ii>i"}),
            "istio",
            "WI121",
            "error",
            "Bad function signature for: proxy_on_request_headers, want: i32 i32 i32 -> i32, but the module exports: i32 i32 -> i32",
        ),
        (
            plugin(exports={"_initialize": ">i"}),
            "istio",
            "WI121",
            "error",
            "Bad function signature for: _initialize, want: void -> void, but the module exports: void -> i32",
        ),
        (plugin(exports={"proxy_on_requst_headers": "iii>i"}), "istio", "WI125", "warning", ""),
        (plugin(exports={"proxy_on_redis_call_response": "iiii>"}), "istio", "WI125", "note", ""),
        (plugin(exports={"proxy_on_log": ""}), "istio", "WI126", "warning", ""),
        # the imports
        (
            plugin(imports=(("env", "nothing", ">"),)),
            "istio",
            "WI130",
            "error",
            "Failed to load Wasm module due to a missing import: env.nothing",
        ),
        (
            plugin(imports=(("env", "proxy_continue_request", ">i"),)),
            "istio",
            "WI131",
            "error",
            "Failed to load Wasm module due to a missing import: env.proxy_continue_request",
        ),
        (
            plugin(imports=((WASI, "path_open", "iiiiiIIii>i"),)),
            "envoy@1.20",
            "WI132",
            "error",
            f"Failed to load Wasm module due to a missing import: {WASI}.path_open",
        ),
        (
            plugin(imports=(("env", "proxy_log", "ii>i"),)),
            "istio",
            "WI133",
            "error",
            "Failed to load Wasm module due to an import type mismatch: env.proxy_log, want: i32 i32 -> i32, but host exports: i32 i32 i32 -> i32",
        ),
        (plugin(imports=((WASI, "sched_yield", ">i"),)), "istio", "WI135", "warning", ""),
        (
            plugin(imports=(("env", "proxy_redis_init", "iiiiiii>i"),)),
            "istio",
            "WI136",
            "error",
            "Failed to load Wasm module due to a missing import: env.proxy_redis_init",
        ),
        (
            plugin(imports=(("env", "abort", "iiii>"),)),
            "istio",
            "WI137",
            "error",
            "Failed to load Wasm module due to a missing import: env.abort",
        ),
        (
            plugin(imports=((WASI, "proc_raise", "i>i"),)),
            "istio",
            "WI137",
            "error",
            f"Failed to load Wasm module due to a missing import: {WASI}.proc_raise",
        ),
        # memories and segments
        (plugin(memories=(limits(16385),)), "istio", "WI140", "error", "Failed to create new Wasm instance"),
        (plugin(memories=(limits(1, wide=True),)), "istio", "WI141", "warning", ""),
        (plugin(memories=(limits(1, 2, shared=True),)), "istio", "WI142", "warning", ""),
        (plugin(memories=(limits(1), limits(1))), "istio", "WI143", "warning", ""),
        (plugin(start=0), "istio", "WI144", "warning", ""),
        (
            plugin(data=(b"\0" + i32(65530) + b"\x0b" + word(b"too long"),)),
            "istio",
            "WI160",
            "error",
            "Failed to create new Wasm instance",
        ),
        # sections
        (plugin(behind=(custom("precompiled_wee8_v1_linux", b"x"),)), "istio", "WI150", "warning", ""),
        (plugin(behind=(custom(".debug_info", bytes(200_000)),)), "istio", "WI151", "note", ""),
        (
            plugin(behind=(custom("name", b"\1\5\1\0\1a"),)),
            "istio",
            "WI152",
            "error",
            "Failed to parse corrupted Wasm module",
        ),
    ],
)
def test_each_fault_has_its_code(module: bytes, host: str, code: str, level: str, words: str) -> None:
    (one,) = found(module, host)
    assert (one.code, one.level, one.words) == (code, level, words)


def test_no_memory_is_an_error_since_envoy_dies_of_it() -> None:
    exports = (("proxy_abi_version_0_2_1", 0, 0), ("proxy_on_log", 0, 1), ("malloc", 0, 2))
    for memories in ((), (limits(1),)):
        (one,) = found(plugin(memories=memories, exported=exports))
        assert (one.code, one.level) == ("WI122", "error")
    (one,) = found(plugin(exported=(*exports, ("mem", 2, 0))))
    assert (one.code, one.level) == ("WI123", "warning")


def test_the_rest_is_found_although_the_abi_is_refused() -> None:
    module = plugin(
        abi="0.2.100", imports=(("env", "proxy_redis_call", "iiiii>i"), ("env", "proxy_redis_init", "iiiiiii>i"))
    )
    abi, calls = found(module, "istio")
    assert "Higress's private ABI 0.2.100" in abi.message
    assert "--for higress" in abi.fix
    assert "env.proxy_redis_call and env.proxy_redis_init" in calls.message
    assert codes(module, "higress") == []
    assert codes(module, "higress@1.4") == []


def test_a_callback_of_the_other_abi_is_told_as_such() -> None:
    wrong, _ = found(plugin(abi="0.1.0", exports={"proxy_on_request_headers": "iii>i"}))
    assert wrong.message.endswith("called as i32 i32 -> i32 by Istio in ABI 0.1.0; it has the type of ABI 0.2.0")
    assert wrong.words.endswith("want: i32 i32 -> i32, but the module exports: i32 i32 i32 -> i32")


def test_two_hosts_are_named_in_one_finding() -> None:
    module = plugin(imports=((WASI, "fd_pread", "iiiIi>i"),))
    (one,) = found(module, "envoy@1.33", "envoy@1.36", "envoy@1.39")
    assert one.message.startswith(f"it imports {WASI}.fd_pread, unknown to Envoy 1.33 and Envoy 1.36")
    assert one.hosts == ("Envoy 1.33", "Envoy 1.36")


def test_both_names_of_wasi_are_the_same_to_a_host() -> None:
    for module in (WASI, "wasi_unstable"):
        assert codes(plugin(imports=((module, "fd_write", "iiii>i"),))) == []
    assert codes(plugin(imports=(("wasi", "fd_write", "iiii>i"),))) == ["WI137"]


@pytest.mark.parametrize(
    "imported, fix",
    [
        (("gojs", "runtime.wasmExit", "i>"), "GOOS=wasip1"),
        (("env", "syscall/js.valueGet", "iiiii>"), "tinygo build -target=wasip1"),
        (("__wbindgen_placeholder__", "__wbindgen_describe", "i>"), "wasm32-wasip1, and without"),
        (("wasi:http/types@0.2.0", "[constructor]fields", ">i"), "wasm32-wasip1 instead of wasm32-wasip2"),
        (("env", "emscripten_memcpy_js", "iii>"), "emcc -sSTANDALONE_WASM"),
        (("a", "b", "i>"), "emcc -sSTANDALONE_WASM"),
        (("env", "abort", "iiii>"), "--use abort="),
        (("wasi", "thread-spawn", "i>i"), "not wasm32-wasip1-threads"),
        (("env", "proxy_get_propety", "iiii>i"), "did you mean env.proxy_get_property?"),
        (("mine", "f", ">"), "without what needs the module 'mine'"),
    ],
)
def test_an_import_of_another_environment_names_the_flag(imported: tuple[str, str, str], fix: str) -> None:
    (one,) = found(plugin(imports=(imported,)))
    assert one.level == "error"
    assert fix in one.fix


@pytest.mark.parametrize(
    "fields, fix",
    [
        ({"language": {"Rust": ""}, "processed_by": {"rustc": "1.80.0"}}, 'crate-type = ["cdylib"]'),
        ({"language": {"Go": "go1.24"}, "processed_by": {"Go cmd/compile": "go1.24"}}, "-buildmode=c-shared"),
        ({"language": {"Go": ""}, "processed_by": {"TinyGo": "0.34"}}, "tinygo build"),
        (
            {"language": {"C11": ""}, "processed_by": {"clang": "14.0.6 (https://x y)"}},
            "-Wl,--export=proxy_abi_version_0_2_1",
        ),
        ({}, "proxy-wasm SDK"),
    ],
)
def test_a_missing_marker_is_mended_as_the_toolchain_does(fields: dict[str, dict[str, str]], fix: str) -> None:
    module = plugin(abi=None, behind=(custom("producers", producers(**fields)),))
    (one,) = found(module)
    assert fix in one.fix
    assert "https" not in one.message


def test_what_is_no_plugin_is_told_once_and_without_warnings() -> None:
    library = Module(memories=(limits(1, wide=True),), exports=(("memory", 2, 0),), behind=(custom("x"),))
    messages = [one.message for one in found(bytes(library))]
    assert any("it is no plugin for a proxy" in message for message in messages)
    assert {one.level for one in found(bytes(library))} == {"error"}


def test_go_without_c_shared_is_refused_when_it_is_sure_to_exit() -> None:
    made = custom("producers", producers(language={"Go": "go1.24"}, processed_by={"Go cmd/compile": "go1.24"}))
    exits = ((WASI, "proc_exit", "i>"),)
    program = {"_start": ">"}
    (one,) = found(plugin(exports=program, imports=exits, behind=(made,)))
    assert (one.code, one.level) == ("WI124", "error")
    assert "-buildmode=c-shared" in one.fix
    (one,) = found(plugin(exports=program, behind=(made,)))
    assert (one.code, one.level) == ("WI124", "warning")
    assert codes(plugin(exports={**program, "_initialize": ">"}, imports=exits, behind=(made,))) == []
    assert codes(plugin(exports=program, imports=exits)) == []


def test_starting_functions_are_looked_at_in_the_hosts_order() -> None:
    assert codes(plugin(exports={"_start": "i>"})) == ["WI121"]
    assert codes(plugin(exports={"_start": "i>", "_initialize": ">"})) == []
    assert codes(plugin(exports={"main": ">"})) == []
    assert codes(plugin(exports={"main": ">", "_initialize": ">"})) == ["WI121"]
    void = plugin(exports={"__main_void": ">", "_initialize": ">"})
    assert codes(void, "envoy@1.40") == ["WI121"]
    assert codes(void, "envoy@1.38") == []
    assert codes(plugin(exports={"malloc": "", "proxy_on_memory_allocate": "i>i"})) == []
    assert codes(plugin(exports={"malloc": "", "proxy_on_memory_allocate": ">"})) == ["WI121"]
    assert codes(plugin(exports={"proxy_on_memory_allocate": ">"})) == []


def test_a_mended_type_is_advised_where_emscripten_cut_an_i64_in_two() -> None:
    (one,) = found(plugin(imports=((WASI, "fd_seek", "iiiii>i"),)))
    assert one.code == "WI133"
    assert "-sWASM_BIGINT" in one.fix


def test_a_long_list_of_imports_is_cut() -> None:
    (one,) = found(plugin(imports=tuple(("env", f"f{number}", ">") for number in range(500))))
    assert "and 488 more" in one.message
    assert len(one.message) < 500


def test_memory_limits_are_those_of_the_release() -> None:
    large = plugin(memories=(limits(20000),))
    assert codes(large, "envoy@1.22") == []
    assert codes(large, "envoy@1.23") == ["WI140"]


def test_the_host_of_the_text_is_the_first_export_that_marks() -> None:
    both = plugin(abi="0.1.0", exports={"proxy_abi_version_0_2_1": ">", "proxy_on_request_headers": "iii>i"})
    assert codes(both) == ["WI121", "WI112", "WI113"]
    unknown_first = plugin(abi="0.2.100", exports={"proxy_abi_version_0_2_1": ">"})
    assert codes(unknown_first, "istio") == ["WI112"]


def test_counts_that_lie_are_damage() -> None:
    (one,) = found(bytes(Module(types=(b"\x60\0\0",), behind=())) + b"\3" + uleb(6) + uleb(0xFFFFFFFF))
    assert one.code == "WI105"
    assert "(at byte " in one.message


@pytest.mark.parametrize(
    "module, words",
    [
        (plugin()[:-5], "Failed to parse corrupted Wasm module"),
        (plugin() + b"\xff", "Failed to parse corrupted Wasm module"),
        (plugin(instead=((3, None),)), "Failed to load Wasm bytecode"),
        (plugin(abi=None, instead=((3, None),)), "Missing or unknown Proxy-Wasm ABI version"),
    ],
)
def test_damage_is_told_in_the_words_of_the_part_that_finds_it(module: bytes, words: str) -> None:
    (one,) = found(module)
    assert (one.code, one.words) == ("WI105", words)


def test_a_release_that_has_it_with_another_type_is_no_way_out() -> None:
    (one,) = found(plugin(imports=((WASI, "path_link", "iiiiiii>i"),)), "istio@1.24")
    assert one.code == "WI137"
    assert "new in" not in one.message
    (one,) = found(plugin(imports=((WASI, "path_link", "iiiiiii>i"),)), "istio")
    assert (one.code, one.fix[:9]) == ("WI133", "leave out")
    (one,) = found(plugin(imports=((WASI, "path_rename", "iiiiii>i"),)), "higress")
    assert "not WASI's own" in one.fix


def test_a_patch_release_may_have_more_than_its_line() -> None:
    newer = plugin(imports=((WASI, "sched_yield", ">i"),))
    assert codes(newer, "envoy@1.32.13") == []
    assert codes(newer, "envoy@1.32.14") == []
    assert codes(newer, "envoy@1.32.12") == ["WI132"]
    (one,) = found(newer, "envoy@1.32")
    assert "new in Envoy 1.33" in one.message
    assert codes(newer, "istio@1.24") == ["WI132"]


@pytest.mark.parametrize(
    "date, has", [("2023", False), ("2024-12", False), ("2025-01-13", False), ("2025-01-14", True), ("2025", True)]
)
def test_a_date_stands_for_what_was_out_then(date: str, has: bool) -> None:
    assert (codes(plugin(imports=((WASI, "sched_yield", ">i"),)), f"envoy@{date}") == []) is has


def test_advice_is_that_of_the_toolchain_at_hand() -> None:
    clang = custom("producers", producers(processed_by={"clang": "14"}))
    (one,) = found(plugin(imports=(("env", "abort", ">"),), behind=(clang,)))
    assert one.code == "WI130"
    assert "link with what defines it" in one.fix
    for name, kind in (("trace", "iiFFFFF>"), ("seed", ">F"), ("console.log", "i>")):
        (one,) = found(plugin(imports=(("env", name, kind),)))
        assert "leave out trace" in one.fix
    (one,) = found(plugin(imports=(("env", "proxy_log", "iII>i"),)))
    assert "SDK" in one.fix
    (one,) = found(plugin(imports=(("env", "proxy_log", "III>I"),)))
    assert "wasm32" in one.fix
    shared = found(plugin(memories=(limits(1, 2, shared=True),), start=0))
    assert [one.fix for one in shared if one.code == "WI144"] == [
        "build without threads (--shared-memory), which need it"
    ]


def test_an_object_file_is_told_from_a_module() -> None:
    assert codes(plugin(behind=(custom("linking", b"\2"),))) == ["WI115"]
