"""One exit code for each class of failure, and no traceback unless it is asked for."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import Cli
from tests.engines.fakes import Fakes
from wasmimg import cli as command_line
from wasmimg.errors import WasmimgError

ONCE = "[retry]\nattempts = 1\nidle_timeout = 2\n"


@pytest.fixture
def closed_port() -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def forbidding() -> Iterator[str]:
    """A registry that lets nobody in."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="r"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = do_POST = answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_done_is_0(cli: Cli) -> None:
    assert cli("build", "plugin.wasm", "-o", "oci:out").code == 0
    assert cli("check", "plugin.wasm").code == 0
    assert cli("verify", "oci:out").code == 0
    assert cli("convert", "oci:out", "-f", "docker", "-o", "docker-archive:out.tar").code == 0


@pytest.mark.parametrize(
    "words, message",
    [
        (["build"], "no module given, and there is no wasmimg.toml here or above"),
        (["build", "gone.wasm", "-o", "oci:out"], "no such file: gone.wasm"),
        (["build", ".", "-o", "oci:out"], ". is a directory"),
        (["build", "", "-o", "oci:out"], "is a directory"),
        (["build", "plugin.wasm/x", "-o", "oci:out"], "plugin.wasm/x cannot be read"),
        (["build", "plugin.wasm"], "the image has no name and no place to go"),
        (["build", "plugin.wasm", "-t", ""], "the image reference '' is malformed"),
        (["build", "plugin.wasm", "-t", "r.io/p/q:1", "-e", "embedded"], "the embedded engine has no store"),
        (["build", "plugin.wasm", "extra", "-o", "oci:out"], "unexpected extra argument"),
        (["build", "plugin.wasm", "-o"], "requires an argument"),
        (["build", "plugin.wasm", "-o", "oci:out", "--config", "gone.toml"], "no such file: gone.toml"),
        (["build", "plugin.wasm", "-o", "oci:out", "--config", ""], "cannot be read"),
        (["check"], "Missing argument"),
        (["check", "gone.wasm"], "no such file: gone.wasm"),
        (["verify", "gone"], "no such file: gone"),
        (["verify", "oci:gone"], "no such file: gone"),
        (["verify", "docker-daemon:X:1"], "upper-case"),
        (["verify", "plugin.wasm"], "plugin.wasm is a file, and an image is wanted here"),
        (["convert", "oci:gone", "-o", "oci:out"], "no such file: gone"),
        (["@gone"], "no such file: gone"),
    ],
)
def test_usage_is_2(words: list[str], message: str, cli: Cli, tmp_path: Path) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (2, "")
    assert message in said.err.partition("error: ")[2].splitlines()[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plugin.wasm"]


@pytest.mark.parametrize(
    "data, code",
    [
        (b"", "WI101"),
        (b"\0as", "WI102"),
        (b"\0asm\x0d\0\1\0", "WI103"),
        (b"hello\n", "WI100"),
        (b"\x1f\x8b\x08\0", "WI100"),
        (b"\0asm\1\0\0\0\1\x7fabc", "WI105"),
    ],
)
def test_a_bad_module_is_3(data: bytes, code: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.wasm").write_bytes(data)
    said = cli("build", "bad.wasm", "-o", "oci:out")
    assert (said.code, said.out) == (3, "")
    assert f"  {code}: " in said.err
    assert "  try: " in said.err
    assert not (tmp_path / "out").exists()
    assert cli("check", "bad.wasm").code == 3


@pytest.mark.parametrize("engine", ["docker", "buildah"])
def test_an_absent_engine_is_4(engine: str, cli: Cli) -> None:
    said = cli("build", "plugin.wasm", "-e", engine, "-t", "r.io/p/q:1", PATH="")
    assert said.code == 4
    assert f"error: {engine} is not installed: it is not on PATH\n  try: install {engine}" in said.err


def test_an_engine_that_fails_is_5_in_its_own_last_words(cli: Cli, tmp_path: Path) -> None:
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("buildah", '[ "$1" != copy ] || { echo "Error: it is Tuesday" >&2; exit 125; }')
    said = cli("build", "plugin.wasm", "-e", "buildah", "-t", "r.io/p/q:1", PATH=fakes.path)
    assert said.code == 5
    assert "error: buildah copy failed\n  Error: it is Tuesday\n" in said.err


def test_a_registry_that_refuses_is_6_and_says_whose_credentials_were_tried(cli: Cli, forbidding: str) -> None:
    words = ("build", "plugin.wasm", "-e", "embedded", "-t", f"{forbidding}/acme:1", "--push")
    said = cli(*words)
    assert said.code == 6
    assert "no credentials for it were found" in said.err
    said = cli(*words, WASMIMG_USERNAME="me", WASMIMG_PASSWORD="secret")
    assert said.code == 6
    assert "WASMIMG_USERNAME and WASMIMG_PASSWORD" in said.err
    assert "secret" not in said.err


def test_a_registry_that_is_not_there_is_7(cli: Cli, closed_port: str, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(ONCE)
    for words in (
        ("build", "plugin.wasm", "-e", "embedded", "-t", f"{closed_port}/acme:1", "--push"),
        ("verify", f"docker://{closed_port}/acme:1"),
    ):
        said = cli(*words)
        assert said.code == 7
        assert f"error: {closed_port} cannot be reached" in said.err


def test_an_image_that_is_none_is_8(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    cli("build", "plugin.wasm", "-o", "oci:out", "-t", "r.io/p/q:1")
    assert cli("verify", "oci:empty").code == 8
    said = cli("verify", "oci:out:other")
    assert said.code == 8
    assert "holds no image called 'other'" in said.err
    blob = max((tmp_path / "out" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    blob.write_bytes(b"damaged")
    assert cli("verify", "oci:out").code == 8
    assert cli("convert", "oci:out", "-o", "oci:other").code == 8


@pytest.mark.parametrize(
    "output, words",
    [
        ("oci:plugin.wasm", "plugin.wasm is in the way"),
        ("oci:folder", "holds something else than an OCI layout"),
        ("oci:gone/out", "the folder gone for the layout does not exist"),
        ("oci:plugin.wasm/out", "plugin.wasm"),
        ("oci-archive:folder", "folder is in the way"),
        ("oci-archive:plugin.wasm", "plugin.wasm is in the way"),
        ("docker-archive:gone/out.tar", "the folder gone for the archive does not exist"),
        ("docker-archive:plugin.wasm/out.tar", "plugin.wasm"),
    ],
)
def test_an_output_in_the_way_is_9_and_stays_as_it_was(output: str, words: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "mine").write_text("keep")
    before = (tmp_path / "plugin.wasm").read_bytes()
    said = cli("build", "plugin.wasm", "-o", output)
    assert (said.code, said.out) == (9, "")
    assert words in said.err
    assert (tmp_path / "plugin.wasm").read_bytes() == before
    assert (tmp_path / "folder" / "mine").read_text() == "keep"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "mine", "plugin.wasm"]


def test_an_output_in_the_way_is_noticed_before_an_engine_runs(cli: Cli, tmp_path: Path) -> None:
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("buildah")
    assert cli("build", "plugin.wasm", "-e", "buildah", "-o", "oci:plugin.wasm", PATH=fakes.path).code == 9
    assert fakes.calls() == []


def test_an_interrupt_is_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wasmimg.driver.compress_tar", interrupted)
    said = cli("build", "plugin.wasm", "-o", "oci:out", "-q")
    assert (said.code, said.out) == (130, "")
    assert said.err.strip().startswith("error: interrupted")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("error", [ValueError("odd"), RecursionError("deep"), AssertionError("wrong"), MemoryError()])
def test_a_bug_is_1_and_its_traceback_only_shown_on_request(
    error: Exception, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(command_line, "_expanded", broken)
    said = cli("check", "plugin.wasm")
    assert said.code == 1
    assert said.err.startswith(f"error: this is a bug in wasmimg: {type(error).__name__}: {error}\n  try: ")
    assert "Traceback" not in said.err
    assert "Traceback" in cli("check", "plugin.wasm", "--debug").err


def test_a_failure_shows_its_traceback_only_on_request(cli: Cli) -> None:
    assert "Traceback" not in cli("check", "gone.wasm").err
    assert "Traceback" in cli("check", "gone.wasm", "--debug").err


def test_no_two_classes_share_an_exit_code() -> None:
    codes = [kind.exit_code for kind in WasmimgError.__subclasses__()]
    assert len(set(codes)) == len(codes)
