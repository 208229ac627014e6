"""Which toolchain made a module, and what to tell its users.

It is told from the section ``producers`` and from imports that only one toolchain makes. Sources:
tool-conventions ProducersSection.md; golang/go src/cmd/link/internal/wasm/asm.go (producers) and
lib/wasm/wasm_exec.js (gojs); tinygo-org/tinygo targets/wasm.json; wasm-bindgen
crates/cli-support; AssemblyScript/assemblyscript std/assembly/builtins.ts (abort).
"""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import Outline
from wasmimg.module.producers import Tool, read_tools

__all__ = ["ENVIRONMENTS", "Toolchain", "environment_of", "guess"]


class Toolchain(NamedTuple):
    """``name`` is short and stable, or empty; ``title`` is for people; ``tools`` are what ``producers`` lists."""

    name: str
    title: str
    tools: tuple[Tool, ...]


class Environment(NamedTuple):
    """Where functions with certain names come from, and how to build without them."""

    toolchain: str
    what: str
    fix: str


_EMSCRIPTEN = Environment(
    "emscripten",
    "from Emscripten's JavaScript",
    "link with emcc -sSTANDALONE_WASM --no-entry, without JavaScript (EM_JS, embind) and without -sMAIN_MODULE",
)
_MINIFIED = _EMSCRIPTEN._replace(what="minified names from Emscripten's JavaScript")
_GO_JS = Environment(
    "go-js",
    "from Go's wasm_exec.js, for browsers",
    "build with GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared, not with GOOS=js",
)
_TINYGO_JS = Environment(
    "tinygo",
    "from TinyGo's wasm_exec.js, for browsers",
    "build with tinygo build -target=wasip1 -buildmode=c-shared, not with -target=wasm",
)
_BINDGEN = Environment(
    "wasm-bindgen",
    "from wasm-bindgen, for JavaScript",
    "build with cargo build --release --target wasm32-wasip1, and without crates that need wasm-bindgen (cargo tree -i wasm-bindgen "
    "names them; a js feature of getrandom or chrono is the usual one)",
)
_ASSEMBLYSCRIPT = Environment(
    "assemblyscript",
    "what AssemblyScript imports when --use says nothing else",
    "build with asc --use abort=abort_proc_exit where the SDK has that function, or --use abort= to leave it out",
)
_ASSEMBLYSCRIPT_JS = Environment(
    "assemblyscript",
    "from AssemblyScript's JavaScript",
    "leave out trace, console, Math.random and Date.now, which want JavaScript; log with the SDK",
)
_PREVIEW_2 = Environment(
    "component",
    "from WASI preview 2, for components",
    "build for wasm32-wasip1 instead of wasm32-wasip2, and without the component step",
)
_THREADS = Environment(
    "threads", "from WASI threads", "build without threads: --target wasm32-wasip1, not wasm32-wasip1-threads"
)
_WASI = Environment(
    "", "a part of WASI that no proxy has", "leave out what needs it: a plugin has no files, signals or sockets"
)

# The module an import is of, or the beginning of it.
ENVIRONMENTS = {
    "gojs": _GO_JS,
    "go": _GO_JS,
    "__wbindgen_": _BINDGEN,
    "wbg": _BINDGEN,
    "./": _BINDGEN,
    "wasi:": _PREVIEW_2,
    "[export]": _PREVIEW_2,
    "[resource": _PREVIEW_2,
    "wasi_snapshot_preview1": _WASI,
    "wasi_unstable": _WASI,
    "wasi": _THREADS,
    "GOT.": _EMSCRIPTEN,
    "asyncify": _EMSCRIPTEN,
}
_ASSEMBLYSCRIPT_NAMES = {("trace", "iiFFFFF>"), ("seed", ">F")}
_ASSEMBLYSCRIPT_OBJECTS = ("console.", "Date.", "Math.", "performance.", "process.", "crypto.")
_EMSCRIPTEN_NAMES = (
    "emscripten_",
    "_emscripten_",
    "_embind_",
    "_emval_",
    "invoke_",
    "__syscall_",
    "__cxa_",
    "_abort_js",
)


def environment_of(module: str, name: str, signature: str) -> Environment | None:
    """What else offers the function ``module.name``, if it is known."""
    if module == "env":
        if name.startswith("syscall/js."):
            return _TINYGO_JS
        if name == "abort" and signature.startswith("iiii>"):
            return _ASSEMBLYSCRIPT
        if (name, signature) in _ASSEMBLYSCRIPT_NAMES or name.startswith(_ASSEMBLYSCRIPT_OBJECTS):
            return _ASSEMBLYSCRIPT_JS
        if name.startswith(_EMSCRIPTEN_NAMES):
            return _EMSCRIPTEN
        return None
    if module == "gojs" and name.startswith("syscall/js."):
        return _GO_JS if signature == "i>" else _TINYGO_JS
    for prefix, environment in ENVIRONMENTS.items():
        if module == prefix or (not prefix[-1].isalnum() and module.startswith(prefix)):
            return environment
    return _MINIFIED if len(module) == 1 else None


def guess(data: memoryview, outline: Outline) -> Toolchain:
    """The toolchain of a module, as well as can be told; raises nothing."""
    try:
        tools = read_tools(data, outline.sections)
    except MalformedModule:
        tools = ()
    names = {tool.name.lower(): tool for tool in tools}
    for key, name, title in _TOOLS:
        if key in names:
            return Toolchain(name, f"{title} {_version(names[key])}".strip(), tools)
    counts: dict[str, int] = {}
    for one in outline.imports:
        environment = environment_of(one.module, one.name, one.type)
        if environment is not None and environment.toolchain:
            counts[environment.toolchain] = counts.get(environment.toolchain, 0) + 1
    if counts:
        name = max(counts, key=lambda key: counts[key])
        return Toolchain(name, _TITLES[name], tools)
    languages = [tool.name for tool in tools if tool.field == "language"]
    if any(one.startswith(("C_plus_plus", "C11", "C99", "C17", "C89")) for one in languages) or "clang" in names:
        version = _version(names["clang"]) if "clang" in names else ""
        return Toolchain("clang", f"clang {version}".strip(), tools)
    if outline.named("sourceMappingURL") or any(one.module == "env" and one.name == "abort" for one in outline.imports):
        return Toolchain("assemblyscript", "AssemblyScript", tools)
    return Toolchain("", "", tools)


def _version(tool: Tool) -> str:
    """The number alone: clang adds an address and a commit, Go its own name."""
    return tool.version.split(" ")[0].removeprefix("go")


# The most telling first: wasm-bindgen and TinyGo also name the compilers beneath them.
_TOOLS = (
    ("wasm-bindgen", "wasm-bindgen", "wasm-bindgen"),
    ("wit-component", "component", "wit-component"),
    ("componentize-js", "component", "ComponentizeJS"),
    ("tinygo", "tinygo", "TinyGo"),
    ("go cmd/compile", "go", "Go"),
    ("go", "go", "Go"),
    ("emscripten", "emscripten", "Emscripten"),
    ("rustc", "rust", "Rust"),
    ("rust", "rust", "Rust"),
    ("assemblyscript", "assemblyscript", "AssemblyScript"),
)
_TITLES = {
    "emscripten": "Emscripten",
    "go-js": "Go for browsers (GOOS=js)",
    "tinygo": "TinyGo",
    "wasm-bindgen": "Rust with wasm-bindgen",
    "assemblyscript": "AssemblyScript",
    "component": "component tools",
    "threads": "WASI threads",
}
