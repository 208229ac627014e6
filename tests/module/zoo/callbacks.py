"""What the host calls in a module, and whether it has the type for it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.module.assembler import Function, Import
from tests.module.zoo.hosts import ABIS, CALLBACKS, CALLBACKS_BY_ABI
from tests.module.zoo.specimen import MALLOC, Fate, Specimen, bad_signature, function, global_, plugin

_SUCCEEDS = ("proxy_on_vm_start", "proxy_on_configure", "proxy_validate_configuration", "proxy_on_done")


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _callbacks()
    yield from _allocators()
    yield from _starts()


def _refused(name: str, what: str, module: object, words: str) -> Specimen:
    return Specimen(name, what, bytes(module), "refused", words)  # type: ignore[call-overload]


def _callbacks() -> Iterator[Specimen]:
    for abi in ABIS:
        types = {**CALLBACKS, **CALLBACKS_BY_ABI[abi]}
        own = tuple(
            (name, function(one, name in _SUCCEEDS)) for name, one in types.items() if "response_headers" not in name
        )
        yield Specimen(f"callbacks-{abi}", f"every callback of {abi}", bytes(plugin(abi=abi, more=own)))
        for place, (name, right) in enumerate(types.items()):
            if abi == "0_2_0" and name not in CALLBACKS_BY_ABI[abi]:
                continue
            wrong = _wrong(right, place)
            more = ((name, function(wrong, 1)),)
            module = plugin(abi=abi, more=more)
            if name == "proxy_on_response_headers":
                exports = tuple(one for place, one in enumerate(module.exports) if place != 3)
                module = plugin(abi=abi, more=more, exports=exports)
            yield _refused(f"{name}-{abi}", f"{name} as {wrong} in {abi}", module, bad_signature(name, right, wrong))
    more = (("proxy_on_foreign_function", function("F>F")),)
    yield Specimen(
        "foreign-function-0_1_0", "a callback that 0.1.0 does not have", bytes(plugin(abi="0_1_0", more=more))
    )
    for name in (
        "proxy_on_nothing",
        "proxy_on_request_header",
        "proxy_on_http_request_headers",
        "proxy_on_redis_call_response",
    ):
        yield Specimen(
            f"unknown-{name}", "an unknown callback of any type", bytes(plugin(more=((name, function("FF>I")),)))
        )
    for text in ("iii>ii", "iii>", "iIi>i", "iii>f", ">"):
        more = (("proxy_on_request_headers", function(text)),)
        yield _refused(
            f"request-headers-{text}",
            f"proxy_on_request_headers as {text}",
            plugin(more=more),
            "Bad function signature for: proxy_on_request_headers, want: i32 i32 i32 -> i32, but the module exports: ",
        )
    for letter, word in {"r": "funcref", "x": "externref"}.items():
        more = (("proxy_on_tick", function(f"{letter}>")),)
        yield _refused(
            f"on-tick-takes-{word}",
            f"proxy_on_tick takes a {word}",
            plugin(more=more),
            "Bad function signature for: proxy_on_tick, want: i32 -> void, but the module exports: ",
        )
    names = (("proxy_on_request_headers", 3, 0),)
    yield Specimen(
        "callback-global",
        "a global of a callback's name",
        bytes(plugin(names=names, globals=(global_(0x7F, b"\x41\0"),))),
    )
    imports = (Import("env", "proxy_get_log_level", "i>i"),)
    yield _refused(
        "callback-imported",
        "a callback that is an imported function of another type",
        plugin(imports=imports, names=(("proxy_on_tick", 0, 1),)),
        bad_signature("proxy_on_tick", "i>", "i>i"),
    )


def _wrong(right: str, place: int) -> str:
    """Another type: one of several ways in turn."""
    parameters, results = right.split(">")
    ways = (
        f"{parameters}i>{results}",
        f"{parameters[1:]}>{results}",
        f"I{parameters[1:]}>{results}",
        f"{parameters}>{'' if results else 'i'}",
        f"{parameters}>F",
    )
    return ways[place % len(ways)]


def _allocators() -> Iterator[Specimen]:
    allocate = "proxy_on_memory_allocate"
    yield _refused("malloc-missing", "neither malloc nor proxy_on_memory_allocate", plugin(malloc=None), MALLOC)
    yield Specimen("allocate-only", "proxy_on_memory_allocate alone", bytes(plugin(malloc=allocate)))
    yield Specimen("malloc-and-allocate", "both", bytes(plugin(more=((allocate, function("i>i", 2048)),))))
    for text in (">i", "ii>i", "i>", "I>i", "i>I", "I>I", ">"):
        yield _refused(
            f"malloc-{text}",
            f"malloc as {text}",
            plugin(malloc=None, more=(("malloc", function(text)),)),
            bad_signature("malloc", "i>i", text),
        )
        yield _refused(
            f"allocate-{text}",
            f"proxy_on_memory_allocate as {text}",
            plugin(malloc=None, more=((allocate, function(text)),)),
            bad_signature(allocate, "i>i", text),
        )
    yield Specimen(
        "malloc-and-wrong-allocate",
        "malloc, and proxy_on_memory_allocate of a wrong type",
        bytes(plugin(more=((allocate, function("II>I")),))),
    )
    yield _refused(
        "wrong-malloc-and-allocate",
        "malloc of a wrong type, and proxy_on_memory_allocate",
        plugin(malloc=allocate, more=(("malloc", function(">")),)),
        bad_signature("malloc", "i>i", ">"),
    )
    globals_ = (global_(0x7F, b"\x41\0"),)
    yield _refused(
        "malloc-global", "a global malloc", plugin(malloc=None, names=(("malloc", 3, 0),), globals=globals_), MALLOC
    )
    yield Specimen(
        "malloc-global-and-allocate",
        "a global malloc beside proxy_on_memory_allocate",
        bytes(plugin(malloc=allocate, names=(("malloc", 3, 0),), globals=globals_)),
    )
    yield _refused("malloc-memory", "a memory of the name malloc", plugin(malloc=None, memory="malloc"), MALLOC)
    yield _refused("malloc-capital", "Malloc", plugin(malloc="Malloc"), MALLOC)
    yield _refused("free-only", "free alone", plugin(malloc=None, more=(("free", function("i>")),)), MALLOC)
    imports = (Import("env", "proxy_get_log_level", "i>i"),)
    yield Specimen(
        "malloc-imported",
        "an imported function for malloc",
        bytes(plugin(imports=imports, malloc=None, names=(("malloc", 0, 1),))),
    )
    yield Specimen(
        "malloc-traps",
        "a malloc that traps and is not called",
        bytes(plugin(malloc=None, more=(("malloc", Function("i>i", b"\0")),))),
    )


def _starts() -> Iterator[Specimen]:
    def one(name: str, what: str, fate: Fate, words: str, *more: tuple[str, str]) -> Specimen:
        made = tuple((export, function(type_)) for export, type_ in more)
        return Specimen(name, what, bytes(plugin(more=made)), fate, words)

    for name, right in {"_initialize": ">", "_start": ">"}.items():
        yield one(f"{name}-right", name, "header", "", (name, right))
        for text in (">i", "i>", "ii>i"):
            yield one(f"{name}-{text}", f"{name} as {text}", "refused", bad_signature(name, right, text), (name, text))
    begun = ("_initialize", ">")
    yield one("initialize-and-start", "both", "header", "", begun, ("_start", ">"))
    yield one(
        "initialize-and-wrong-start",
        "_start of a wrong type beside _initialize",
        "header",
        "",
        begun,
        ("_start", "i>i"),
    )
    yield one(
        "wrong-initialize-and-start",
        "_initialize of a wrong type beside _start",
        "refused",
        bad_signature("_initialize", ">", "i>"),
        ("_initialize", "i>"),
        ("_start", ">"),
    )
    yield one("main-beside", "main beside _initialize", "header", "", begun, ("main", "ii>i"))
    yield one("main-void-beside", "__main_void beside _initialize", "header", "", begun, ("__main_void", ">i"))
    yield one(
        "both-mains-beside",
        "both of them beside _initialize",
        "header",
        "",
        begun,
        ("main", "ii>i"),
        ("__main_void", ">i"),
    )
    for text in (">", ">i", "iI>i", "ii>"):
        yield one(
            f"main-{text}-beside",
            f"main as {text} beside _initialize",
            "refused",
            bad_signature("main", "ii>i", text),
            begun,
            ("main", text),
        )
        yield one(f"main-{text}-alone", f"main as {text} without _initialize", "header", "", ("main", text))
    for text in (">", "ii>i", ">I"):
        yield one(
            f"main-void-{text}-beside",
            f"__main_void as {text} beside _initialize",
            "refused",
            bad_signature("__main_void", ">i", text),
            begun,
            ("__main_void", text),
        )
    yield one("main-void-alone", "__main_void of a wrong type without _initialize", "header", "", ("__main_void", "I>"))
    yield one(
        "main-and-wrong-main-void",
        "main, and __main_void of a wrong type",
        "refused",
        bad_signature("__main_void", ">i", ">"),
        begun,
        ("main", "ii>i"),
        ("__main_void", ">"),
    )
    yield one("main-beside-start", "main of a wrong type beside _start", "header", "", ("_start", ">"), ("main", ">"))
    globals_ = (global_(0x7F, b"\x41\0"),)
    yield Specimen(
        "initialize-global",
        "a global of that name, beside main of a wrong type",
        bytes(plugin(names=(("_initialize", 3, 0),), more=(("main", function(">")),), globals=globals_)),
    )
