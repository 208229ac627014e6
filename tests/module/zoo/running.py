"""Plugins that load as far as anybody can tell, and what becomes of them when they run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Function, Import, i32, limits
from tests.module.zoo.specimen import SEGFAULT, Fate, Specimen, function, plugin, response

_TRAP = b"\0"
_CONFIGURE = "Failed to configure base Wasm plugin"
_START = "Failed to start base Wasm"
_RESTRICTED = "restricted_callback"


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _starting()
    yield from _restricted()
    yield from _requests()
    yield from _in_start_sections()


def _one(
    name: str, what: str, fate: Fate, words: str, why: str, *more: tuple[str, Function], **changes: Any
) -> Specimen:
    return Specimen(f"run-{name}", what, bytes(plugin(more=more, **changes)), fate, words, why)


def _starting() -> Iterator[Specimen]:
    trap = "a trap when it starts"
    yield _one(
        "initialize-traps",
        "_initialize traps",
        "refused",
        "Function: _initialize failed",
        trap,
        ("_initialize", Function(">", _TRAP)),
    )
    yield _one(
        "start-traps", "_start traps", "refused", "Function: _start failed", trap, ("_start", Function(">", _TRAP))
    )
    begun = ("_initialize", function(">"))
    yield _one(
        "main-traps", "main traps", "refused", "Function: main failed", trap, begun, ("main", Function("ii>i", _TRAP))
    )
    yield _one(
        "main-void-traps",
        "__main_void traps",
        "refused",
        "Function: __main_void failed",
        trap,
        begun,
        ("__main_void", Function(">i", _TRAP)),
    )
    mains = (("main", function("ii>i")), ("__main_void", Function(">i", _TRAP)))
    yield _one("main-void-unused", "__main_void traps, and there is main", "header", "", "", begun, *mains)
    yield _one(
        "start-unused",
        "_start traps, and there is _initialize",
        "header",
        "",
        "",
        begun,
        ("_start", Function(">", _TRAP)),
    )
    yield _one("main-fails", "main gives 1", "header", "", "", begun, ("main", function("ii>i", 1)))
    loop = Function(">", b"\x10\4")
    yield _one(
        "initialize-recurses",
        "_initialize calls itself",
        "refused",
        "Function: _initialize failed",
        trap,
        ("_initialize", loop),
    )
    for name in ("proxy_on_vm_start", "proxy_on_configure"):
        words = _START if name == "proxy_on_vm_start" else _CONFIGURE
        yield _one(
            f"{name}-0", f"{name} gives 0", "refused", words, "an answer of the plugin", (name, function("ii>i"))
        )
        yield _one(f"{name}-2", f"{name} gives 2", "header", "", "", (name, function("ii>i", 2)))
        yield _one(
            f"{name}-traps",
            f"{name} traps",
            "refused",
            f"Function: {name} failed",
            trap,
            (name, Function("ii>i", _TRAP)),
        )
    yield _one(
        "validate-0",
        "proxy_validate_configuration gives 0 and is not called",
        "header",
        "",
        "",
        ("proxy_validate_configuration", function("ii>i")),
    )
    yield _one(
        "context-create-traps",
        "proxy_on_context_create traps",
        "fails",
        "",
        "a trap during a request",
        ("proxy_on_context_create", Function("ii>", _TRAP)),
    )
    get = Import("env", "proxy_get_buffer_bytes", "iiiii>i")
    configure = Function("ii>i", i32(7) + i32(0) + i32(5) + i32(64) + i32(68) + b"\x10\1\x45")
    for name, code, words in (
        ("malloc-traps", _TRAP, "Function: malloc failed"),
        ("malloc-0", i32(0), _CONFIGURE),
        ("malloc-beyond", i32(0x7FFFFFFF), _CONFIGURE),
    ):
        functions = plugin().functions
        made = (functions[0], Function("i>i", code), functions[2], configure)
        yield _one(
            name,
            f"{name.replace('-', ' gives ')} when it is asked for a configuration",
            "refused",
            words,
            "an answer of the plugin",
            ("proxy_on_configure", configure),
            imports=(get,),
            functions=made,
        )
    yield _one(
        "configure-reads",
        "its configuration is read",
        "header",
        "",
        "",
        ("proxy_on_configure", configure),
        imports=(get,),
    )


def _restricted() -> Iterator[Specimen]:
    why = "what it calls when it starts"
    leave = Import("wasi_snapshot_preview1", "proc_exit", "i>")
    for name in ("_start", "_initialize"):
        code = Function(">", i32(0) + b"\x10\1")
        yield _one(
            f"{name}-exits", f"{name} calls proc_exit", "refused", _RESTRICTED, why, (name, code), imports=(leave,)
        )
    for module, name, type_ in _FORBIDDEN:
        yield _one(
            f"initialize-{name}",
            f"_initialize calls {name}",
            "refused",
            _RESTRICTED,
            why,
            ("_initialize", _calling(type_)),
            imports=(Import(module, name, type_),),
        )
    tick = Import("env", "proxy_set_tick_period_milliseconds", "i>i")
    code = Function(">", i32(1000) + b"\x10\1\x1a")
    yield _one(
        "initialize-ticks",
        "_initialize sets a timer",
        "refused",
        _RESTRICTED,
        why,
        ("_initialize", code),
        imports=(tick,),
    )
    vm_start = Function("ii>i", i32(0) + b"\x10\1\x1a" + i32(1))
    yield _one(
        "vm-start-ticks",
        "proxy_on_vm_start sets a timer",
        "header",
        "",
        "",
        ("proxy_on_vm_start", vm_start),
        imports=(tick,),
    )
    for module, name, type_ in _ALLOWED:
        yield _one(
            f"initialize-{name}",
            f"_initialize calls {name}",
            "header",
            "",
            "",
            ("_initialize", _calling(type_)),
            imports=(Import(module, name, type_),),
        )


def _calling(type_: str, argument: int = 64) -> Function:
    arguments, results = type_.split(">")
    return Function(
        ">",
        b"".join(i32(argument) if one == "i" else b"\x42\0" for one in arguments) + b"\x10\1" + b"\x1a" * len(results),
    )


_FORBIDDEN = (
    ("wasi_snapshot_preview1", "fd_close", "i>i"),
    ("wasi_snapshot_preview1", "fd_read", "iiii>i"),
    ("wasi_unstable", "fd_seek", "iIii>i"),
    ("wasi_snapshot_preview1", "path_open", "iiiiiIIii>i"),
    ("wasi_snapshot_preview1", "sched_yield", ">i"),
    ("env", "proxy_get_property", "iiii>i"),
    ("env", "proxy_get_current_time_nanoseconds", "i>i"),
    ("env", "proxy_define_metric", "iiii>i"),
    ("env", "pthread_equal", "ii>i"),
)
_ALLOWED = (
    ("env", "proxy_log", "iii>i"),
    ("wasi_snapshot_preview1", "args_sizes_get", "ii>i"),
    ("wasi_snapshot_preview1", "environ_sizes_get", "ii>i"),
    ("wasi_snapshot_preview1", "clock_time_get", "iIi>i"),
    ("wasi_snapshot_preview1", "random_get", "ii>i"),
    ("wasi_unstable", "fd_write", "iiii>i"),
    ("wasi_snapshot_preview1", "fd_prestat_get", "ii>i"),
    ("wasi_snapshot_preview1", "poll_oneoff", "iiii>i"),
    ("wasi_snapshot_preview1", "path_filestat_get", "iiiii>i"),
    ("env", "emscripten_notify_memory_growth", "i>"),
)


def _requests() -> Iterator[Specimen]:
    trap = "a trap during a request"
    yield _one(
        "response-headers-trap", "proxy_on_response_headers traps", "fails", "", trap, header=Function("iii>i", _TRAP)
    )
    yield _one(
        "request-headers-trap",
        "proxy_on_request_headers traps",
        "fails",
        "",
        trap,
        ("proxy_on_request_headers", Function("iii>i", _TRAP)),
    )
    yield _one("log-traps", "proxy_on_log traps", "header", "", "", ("proxy_on_log", Function("i>", _TRAP)))
    yield _one("done-traps", "proxy_on_done traps", "header", "", "", ("proxy_on_done", Function("i>i", _TRAP)))
    yield _one("delete-traps", "proxy_on_delete traps", "header", "", "", ("proxy_on_delete", Function("i>", _TRAP)))
    yield _one("done-0", "proxy_on_done gives 0", "header", "", "", ("proxy_on_done", function("i>i")))
    endless = Function("iii>i", i32(0) * 3 + b"\x10\3")
    yield _one("recursion", "proxy_on_response_headers calls itself", "fails", "", trap, header=endless)
    beyond = Function("iii>i", i32(2) + i32(65530) + i32(9) + i32(25) + i32(2) + b"\x10\0\x1a" + i32(0))
    yield _one("pointer-beyond", "a header whose name lies behind the memory", "silent", "", "", header=beyond)
    grown = response(i32(1) + b"\x40\0\x1a")
    yield _one("grows", "a memory that grows at each response", "header", "", "", header=grown, memories=(limits(1),))
    unreachable = Function("ii>i", b"\x03\x40\x0b" + i32(1))
    yield _one("loop-once", "a loop that ends", "header", "", "", ("proxy_on_configure", unreachable))


def _in_start_sections() -> Iterator[Specimen]:
    """A start section runs while the module is linked, before the host knows it."""
    for name, type_ in (("proxy_done", ">i"), ("proxy_log", "iii>i"), ("proxy_get_log_level", "i>i")):
        made = plugin(imports=(Import("env", name, type_),), more=(("start", _calling(type_, 2)),), start=5)
        why = "what it calls when it starts"
        yield Specimen(
            f"run-start-section-{name}", f"a start section that calls {name}", bytes(made), "crashes", SEGFAULT, why
        )
