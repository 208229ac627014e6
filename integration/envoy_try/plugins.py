"""Plugins that do one thing each, good and bad, in WebAssembly's text format."""

from __future__ import annotations

from pathlib import Path

from integration.calling import clean_environment, succeed
from integration.services import program

# What every plugin here may use. $say logs the text of a size at an address, $set adds a header to a map.
_HEAD = """
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response"
    (func $respond (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (global $free (mut i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param $size i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $size))))
"""
_MEMORY = '(memory (export "memory") 2)'
_CONTINUE = "(i32.const 0)"


def _callback(name: str, parameters: int, body: str, result: str = _CONTINUE) -> str:
    return f'(func (export "proxy_on_{name}") (param {"i32 " * parameters}) (result i32) {body} {result})'


def _configured(body: str, result: str = "(i32.const 1)") -> str:
    return _callback("configure", 2, body, result)


def _on_request(body: str, result: str = _CONTINUE) -> str:
    return _callback("request_headers", 3, body, result)


def _on_response(body: str) -> str:
    return _callback("response_headers", 3, body)


def _ticking(period: int, body: str) -> str:
    """Asks to be called every ``period`` milliseconds."""
    ask = '(import "env" "proxy_set_tick_period_milliseconds" (func $set_period (param i32) (result i32)))'
    asking = _configured(f"(drop (call $set_period (i32.const {period})))")
    return f'{ask}{_MEMORY}{asking}(func (export "proxy_on_tick") (param i32) {body})'


def _drop(function: str, *values: int) -> str:
    return f"(drop (call ${function} {' '.join(f'(i32.const {value})' for value in values)}))"


def _data(at: int, text: str) -> str:
    return f'(data (i32.const {at}) "{text}")'


_FOREVER = "(loop $again (br $again))"
_ADD_HEADER = _drop("add", 2, 16, 3, 32, 2)  # x-a: on
_ADDED = _data(16, "x-a") + _data(32, "on")

SOURCES = {
    # Says what it does, at its start, in the request, and after it.
    "talking": _MEMORY
    + _data(16, "configured")
    + _data(32, "a request\\n  of two lines")
    + _data(64, "done")
    + _configured(_drop("log", 2, 16, 10))
    + _on_request(_drop("log", 1, 32, 24))
    + f'(func (export "proxy_on_log") (param i32) {_drop("log", 3, 64, 4)})',
    # Adds its configuration as the header x-a.
    "configurable": _MEMORY
    + _data(16, "x-a")
    + _configured("(drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 64) (i32.const 68)))")
    + _on_response(
        "(drop (call $add (i32.const 2) (i32.const 16) (i32.const 3) (i32.load (i32.const 64)) (i32.load (i32.const 68))))"
    ),
    # Changes the request on its way, and the response on its way back.
    "changing": _MEMORY
    + _data(16, "x-a")
    + _data(32, "on")
    + _data(48, ":path")
    + _data(64, "/elsewhere")
    + _data(80, "x-secret")
    + _data(96, "content-type")
    + _data(112, "text/html")
    + _on_request(_drop("add", 0, 16, 3, 32, 2) + _drop("replace", 0, 48, 5, 64, 10) + _drop("remove", 0, 80, 8))
    + _on_response(_drop("replace", 2, 96, 12, 112, 9)),
    # Answers in the upstream's place.
    "refusing": _MEMORY
    + _data(16, "not today")
    + _on_request(_drop("respond", 403, 0, 0, 16, 9, 0, 0, -1), "(i32.const 1)"),
    # Puts another body into the place of the response's.
    "rewriting": _MEMORY
    + _data(16, "content-length")
    + _data(48, "new")
    + _on_response(_drop("remove", 2, 16, 14))
    + _callback("response_body", 3, _drop("set_buffer", 1, 0, 1000, 48, 3)),
    "trapping": _MEMORY + _on_request("unreachable"),
    "trapping-afterwards": _MEMORY
    + _ADDED
    + _on_response(_ADD_HEADER)
    + '(func (export "proxy_on_log") (param i32) unreachable)',
    "trapping-at-start": _MEMORY + _configured("unreachable"),
    "unwilling": _MEMORY + _data(16, "no configuration") + _configured(_drop("log", 4, 16, 16), "(i32.const 0)"),
    # In the worker alone, after Envoy has taken the plugin.
    "trapping-at-once": _MEMORY + '(func (export "proxy_on_context_create") (param i32 i32) unreachable)',
    "trapping-while-talking": _MEMORY
    + _data(16, "again and again")
    + _on_request(
        "(local $left i32) (local.set $left (i32.const 20000))"
        f"(loop $again {_drop('log', 1, 16, 15)}"
        "(br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))"
        f"{_drop('log', 4, 16, 5)} unreachable"
    ),
    "trapping-in-a-tick": _ticking(800, "unreachable"),
    "looping-in-a-tick": _ticking(800, _FOREVER),
    "talking-in-a-tick": _ticking(200, _drop("log", 2, 16, 4)) + _data(16, "tick"),
    "not-starting": _MEMORY + _callback("vm_start", 2, ""),
    "exiting-at-start": '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))'
    + _MEMORY
    + '(func (export "_start") (call $exit (i32.const 0)))',
    # Envoy dies: the module calls a function of the host before it has its memory.
    "talking-too-early": _MEMORY + f"(func $begin {_drop('log', 2, 16, 4)}) (start $begin)",
    # Pauses the body until it is whole, which is more than Envoy keeps.
    "waiting-for-the-body": _MEMORY + _callback("request_body", 3, "", "(i32.eqz (local.get 2))"),
    # What would steer a terminal, in a log line and in a header.
    "ringing": _MEMORY
    + _data(16, "x-a")
    + _data(32, "\\1b[2J\\07\\00!")
    + _on_response(_drop("add", 2, 16, 3, 32, 7) + _drop("log", 2, 32, 7)),
    "looping": _MEMORY + _on_request(_FOREVER),
    "looping-at-start": _MEMORY + _configured(_FOREVER),
    "looping-afterwards": _MEMORY + f'(func (export "proxy_on_log") (param i32) {_FOREVER})',
    "talking-for-ever": _MEMORY
    + _data(16, "on and on")
    + _on_request(f"(loop $again {_drop('log', 2, 16, 9)} (br $again))"),
    "holding": _MEMORY + _on_request("", "(i32.const 1)"),
    # Envoy loads it, and dies at the first use of a memory that is not there.
    "without-memory": "(memory 1)" + _ADDED + _on_response(_ADD_HEADER),
    "needing-more": '(import "env" "proxy_redis_init" (func (param i32) (result i32)))' + _MEMORY,
}


def make_plugins(folder: Path) -> dict[str, Path]:
    """The module of each of SOURCES in ``folder``, by its name, and ``truncated``, which is half a module."""
    wat2wasm, environment = program("wat2wasm"), clean_environment()
    found = {}
    for name, body in SOURCES.items():
        source, target = folder / f"{name}.wat", folder / f"{name}.wasm"
        imports = [body[: body.index("(memory")] if body.startswith("(import") else ""]
        head, rest = _HEAD.split("(global", 1)
        source.write_text(f"{head}{imports[0]}(global{rest}{body[len(imports[0]) :]})")
        succeed(wat2wasm, source, "-o", target, environment=environment)
        source.unlink()
        found[name] = target
    found["truncated"] = folder / "truncated.wasm"
    found["truncated"].write_bytes(found["changing"].read_bytes()[:200])
    return found
