"""wasmimg check: files, patterns and images, silence, and what code hosts read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.calling import Cli
from tests.module.samples import plugin
from tests.stores.fake_registry import FakeRegistry

OLD = plugin(abi="0.1.0")
NEW_WASI = plugin(imports=(("wasi_snapshot_preview1", "fd_pread", "iiiIi>i"),))


def _write(folder: Path, **modules: bytes) -> None:
    for name, module in modules.items():
        (folder / f"{name}.wasm").write_bytes(module)


def test_a_pattern_stands_for_the_files_that_fit(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, old=OLD)
    said = cli("check", "*.wasm")
    assert said.code == 0
    assert "old.wasm: warning WI113" in said.out
    assert "plugin.wasm: ok" in said.out
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.wasm").write_bytes(b"")
    assert "a/b/c.wasm: error WI101" in cli("check", "**/c.wasm").out
    assert cli("check", "*.none").code == 2


def test_a_file_that_has_the_name_of_a_pattern_is_that_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "[p].wasm").write_bytes(b"")
    (tmp_path / "p.wasm").write_bytes((tmp_path / "plugin.wasm").read_bytes())
    assert "[p].wasm: error WI101" in cli("check", "[p].wasm").out


def test_the_module_in_an_image_is_checked(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, old=OLD)
    assert cli("build", "old.wasm", "-e", "embedded", "-o", "oci:out", "-o", "oci-archive:out.tar").code == 0
    for source in ("oci:out", "oci-archive:out.tar"):
        said = cli("check", source)
        assert said.code == 0
        assert f"{source}: warning WI113" in said.out
    assert cli("check", "oci:gone").code == 2
    assert cli("check", "build/gone.wasm").err.startswith("error: no such file: build/gone.wasm")


def test_it_is_for_whom_it_is_said_to_be(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, wasi=NEW_WASI)
    assert cli("check", "wasi.wasm", "--for", "envoy@1.40").code == 0
    said = cli("check", "wasi.wasm", "--for", "envoy@1.33")
    assert said.code == 3
    assert "fd_pread, unknown to Envoy 1.33: new in Envoy 1.39" in said.out
    both = cli("check", "wasi.wasm", "--for", "envoy@1.33", "--for", "istio@1.24", "--for", "envoy@1.40")
    assert both.code == 3
    assert "unknown to Envoy 1.33" in both.out
    assert "unknown to Istio 1.24" in both.out
    assert "1.40" not in both.out
    (tmp_path / "wasmimg.toml").write_text('for = ["envoy@1.33"]\n')
    assert cli("check", "wasi.wasm").code == 3


def test_a_build_is_stopped_by_an_error_and_warned_by_the_rest(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, wasi=NEW_WASI)
    refused = cli("build", "wasi.wasm", "-e", "embedded", "-o", "oci:out", "--for", "istio@1.24")
    assert refused.code == 3
    assert "WI132: it imports wasi_snapshot_preview1.fd_pread" in refused.err
    assert not (tmp_path / "out").exists()
    said = cli("build", "wasi.wasm", "-e", "embedded", "-o", "oci:out")
    assert said.code == 0
    assert "WI135" in said.err
    assert cli("verify", "oci:out", "--for", "istio@1.24").code == 3
    assert cli("build", "wasi.wasm", "-e", "embedded", "-o", "oci:x", "--for", "istio@1.24", "--no-check").code == 0


def test_codes_are_silenced_by_the_plugin_in_the_file(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, old=OLD, other=OLD)
    (tmp_path / "wasmimg.toml").write_text(
        '[plugins.old]\nmodule = "old.wasm"\nimage = "r.io/a:1"\nsilence = ["WI113"]\n'
        '[plugins.unset]\nmodule = "${NOWHERE}/x.wasm"\nsilence = ["WI113"]\n'
    )
    said = cli("check", "./old.wasm", "other.wasm")
    assert said.out.splitlines()[0] == "./old.wasm: ok"
    assert "other.wasm: warning WI113" in said.out


def test_a_build_by_path_heeds_the_same_silence(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, bare=plugin(abi=None))
    (tmp_path / "wasmimg.toml").write_text('[plugins.n]\nmodule = "bare.wasm"\nsilence = ["WI110"]\n')
    assert cli("check", "bare.wasm").code == 0
    assert cli("build", "bare.wasm", "-e", "embedded", "-o", "oci:out").code == 0


def test_what_a_proxy_would_not_load_is_neither_pushed_nor_converted(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, wasi=NEW_WASI)
    assert cli("build", "wasi.wasm", "-e", "embedded", "-o", "oci:out", "--for", "envoy@1.40").code == 0
    assert cli("convert", "oci:out", "-o", "oci:new", "--for", "istio@1.24").code == 3
    assert cli("convert", "oci:out", "-o", "oci:new").code == 0
    with FakeRegistry() as registry:
        target = f"{registry.host}/a/b:1"
        for host in ("istio@1.24", "envoy@1.33"):
            said = cli("push", "oci:out", target, "--for", host)
            assert said.code == 3
            assert "WI132" in said.err
            assert not registry.manifests
        assert cli("push", "oci:out", target).code == 0
        assert cli("push", "oci:out", target, "--for", "istio@1.24", "--no-verify").code == 0


def test_an_unknown_code_is_no_silence(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text('[plugins.a]\nmodule = "plugin.wasm"\nsilence = ["WI999"]\n')
    said = cli("check", "plugin.wasm")
    assert said.code == 2
    assert "there is no finding 'WI999'" in said.err


def test_json_has_every_field_of_a_finding(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, wasi=NEW_WASI)
    (one,) = json.loads(cli("check", "wasi.wasm", "--for", "envoy@1.33", "--json").out)
    assert one["module"] == "wasi.wasm"
    assert one["ok"] is False
    (finding,) = one["findings"]
    assert finding["level"] == "error"
    assert finding["code"] == "WI132"
    assert finding["words"] == "Failed to load Wasm module due to a missing import: wasi_snapshot_preview1.fd_pread"
    assert finding["hosts"] == ["Envoy 1.33"]
    assert finding["fix"]


def test_sarif_is_what_code_hosts_read(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, old=OLD)
    (tmp_path / "bad one.wasm").write_bytes(b"")
    said = cli("check", "old.wasm", "bad one.wasm", "gone.wasm", str(tmp_path / "old.wasm"), "--sarif")
    assert said.code == 2
    log = json.loads(said.out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    found = [
        (
            rules[one["ruleIndex"]]["id"],
            one["level"],
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
        )
        for one in run["results"]
    ]
    assert found == [
        ("WI113", "warning", "old.wasm"),
        ("WI101", "error", "bad%20one.wasm"),
        ("WI113", "warning", "old.wasm"),
    ]
    assert all(one["ruleId"] == rules[one["ruleIndex"]]["id"] for one in run["results"])
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "gone.wasm" in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert cli("check", "old.wasm", "--sarif", "--json").code == 2


def test_a_terminal_is_safe_from_names_in_a_module(cli: Cli, tmp_path: Path) -> None:
    _write(tmp_path, evil=plugin(imports=(("env", "\x1b[31mred\n", ">"),)))
    said = cli("check", "evil.wasm")
    assert said.code == 3
    assert "\x1b" not in said.out
    assert "\\x1b[31mred\\n" in said.out


def test_there_is_always_a_log_for_a_code_host(cli: Cli) -> None:
    said = cli("check", "gone.wasm", "--sarif")
    assert said.code == 2
    log = json.loads(said.out)
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_any_bytes_may_be_a_name(cli: Cli, tmp_path: Path) -> None:
    Path(os.fsdecode(bytes(tmp_path) + b"/bad\xff.wasm")).write_bytes(b"")
    (one,) = json.loads(cli("check", "bad*", "--json").out)
    assert one["module"] == "bad\\xff.wasm"
    (run,) = json.loads(cli("check", "bad*", "--sarif").out)["runs"]
    assert run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "bad%FF.wasm"


def test_odd_files_are_told_as_what_they_are(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to("loop")
    said = cli("check", "a/loop")
    assert said.code == 2
    assert "a/loop" in said.err
    assert cli("check", "").code == 2
    with open(tmp_path / "huge.wasm", "wb") as file:
        file.truncate(3 << 30)
    said = cli("check", "huge.wasm")
    assert said.code == 3
    assert "huge.wasm: error WI107" in said.out


@pytest.mark.parametrize(
    "text",
    [
        "envoy@2024-13",
        "envoy@2024-99-99",
        "envoy@\uff11.33",
        "istio@",
        "istio@new",
        "higress@2025-1",
        "istio@0.9",
        "envoy@2019-01",
        "envoi",
    ],
)
def test_a_host_that_is_not_known_is_named(text: str, cli: Cli) -> None:
    said = cli("check", "plugin.wasm", "--for", text)
    assert said.code == 2
    assert "hint" in said.err or "try" in said.err
