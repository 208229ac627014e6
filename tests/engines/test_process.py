"""Running a command: what it says is kept and sorted, whatever and however much it says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from wasmimg.engines.process import Finished, Limits, find_program, run_command
from wasmimg.errors import (
    EngineFailed,
    FileSystemFailed,
    NetworkFailed,
    NoEngine,
    NotAllowed,
    UsageError,
    WasmimgError,
)


def _run(
    *argv: str, stdin: Path | None = None, check: bool = True, lines: list[str] | None = None, **more: str
) -> Finished:
    return run_command(
        argv,
        environment={**os.environ, **more},
        stdin=stdin,
        limits=Limits(10),
        check=check,
        on_line=lines.append if lines is not None else None,
    )


def _sh(script: str, *words: str, check: bool = True) -> Finished:
    return _run("sh", "-c", script, "sh", *words, check=check)


def _program(folder: Path, content: bytes, mode: int = 0o755) -> dict[str, str]:
    """An environment in which ``content`` is the program called ``engine``."""
    path = folder / "engine"
    path.write_bytes(content)
    path.chmod(mode)
    return {"PATH": str(folder)}


def test_both_streams_are_kept_apart() -> None:
    assert _sh("echo out; echo err >&2") == Finished(0, "out", "err")


@pytest.mark.parametrize("status", [1, 2, 100, 125, 255])
def test_the_exit_status_is_the_commands(status: int) -> None:
    assert _sh(f"exit {status}", check=False).status == status


def test_arguments_arrive_letter_by_letter() -> None:
    words = ("a b", "", "-x", "--", "$HOME", "new\nline", "é", "'\"\\")
    assert _sh('printf "<%s>" "$@"', *words).stdout == "".join(f"<{word}>" for word in words)


def test_the_environment_is_the_one_given_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "1")
    environment = {"PATH": os.environ["PATH"], "GIVEN": "a b"}
    done = run_command(("sh", "-c", "echo $GIVEN/$LEAKED"), environment=environment, limits=Limits(10))
    assert done.stdout == "a b/"


def test_standard_input_is_the_file(tmp_path: Path) -> None:
    data = os.urandom(300_000)
    (tmp_path / "in").write_bytes(data)
    _run("sh", "-c", 'cat >"$1"', "sh", str(tmp_path / "out"), stdin=tmp_path / "in")
    assert (tmp_path / "out").read_bytes() == data


def test_a_command_that_does_not_read_its_input_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(bytes(3_000_000))
    assert _run("sh", "-c", "echo done", stdin=tmp_path / "in").stdout == "done"


def test_without_a_file_standard_input_is_empty() -> None:
    assert _sh("cat; echo end").stdout == "end"


def test_output_of_any_length_is_read_and_its_end_kept() -> None:
    done = _sh("seq 30000; seq 30000 >&2")
    assert done.stdout.splitlines()[-1] == done.stderr.splitlines()[-1] == "30000"
    assert len(done.stdout) < 10_000


def test_a_long_line_of_output_is_whole() -> None:
    done = _run(sys.executable, "-c", "print('x' * 300_000)")
    assert done.stdout == "x" * 300_000


def test_output_is_not_a_terminal() -> None:
    assert _sh("[ -t 0 ] || [ -t 1 ] || [ -t 2 ] || echo none").stdout == "none"


def test_bytes_that_are_not_utf8_do_not_stop_anything() -> None:
    done = _sh(r"printf 'a\377b\n'; printf '\303' >&2; exit 3", check=False)
    assert (done.status, done.stdout, done.stderr) == (3, "a\ufffdb", "\ufffd")


def test_progress_on_one_line_is_heard_as_lines() -> None:
    lines: list[str] = []
    _run("sh", "-c", r"printf 'a 1%%\ra 2%%\r\n\r\nb'", lines=lines)
    assert lines == ["a 1%", "a 2%", "b"]


def test_lines_are_heard_in_order() -> None:
    lines: list[str] = []
    _run("sh", "-c", "seq 50", lines=lines)
    assert lines == [str(number) for number in range(1, 51)]


@pytest.mark.parametrize(
    "url, shown",
    [
        ("https://me:secret@r.io/v2/", "https://me:***@r.io/v2/"),
        ("http://me:se%2Fcret@127.0.0.1:5000/", "http://me:***@127.0.0.1:5000/"),
        ("http://:secret@proxy:3128", "http://:***@proxy:3128"),
        ("https://r.io:5000/p@sha256:ab", "https://r.io:5000/p@sha256:ab"),
        ("https://r.io/v2/", "https://r.io/v2/"),
    ],
)
def test_passwords_in_addresses_are_not_shown(url: str, shown: str) -> None:
    lines: list[str] = []
    with pytest.raises(WasmimgError) as caught:
        _run("sh", "-c", 'echo "at $URL"; echo "Error: $URL failed" >&2; exit 1', lines=lines, URL=url)
    assert sorted(lines) == [f"Error: {shown} failed", f"at {shown}"]
    assert caught.value.reason == f"Error: {shown} failed"


@pytest.mark.parametrize("before", [4075, 4080, 4085])
def test_a_password_is_not_shown_where_a_long_line_is_cut(before: int) -> None:
    with pytest.raises(WasmimgError) as caught:
        _sh("printf '%*s' \"$1\" '' | tr ' ' x >&2; echo ' https://me:secretsecret@r.io' >&2; exit 1", str(before))
    assert "sec" not in (caught.value.reason or "")


@pytest.mark.parametrize(
    "words, error, transient",
    [
        ("received unexpected HTTP status: 503 Service Unavailable", NetworkFailed, True),
        ('Get "https://r.io/v2/": x509: certificate signed by unknown authority', NetworkFailed, False),
        ("unauthorized: authentication required", NotAllowed, None),
        ("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?", NoEngine, None),
        ("write /t: no space left on device", FileSystemFailed, None),
        ("unknown flag: --x", UsageError, None),
        ("something new", EngineFailed, None),
    ],
)
@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_failure_is_of_the_class_of_its_words(
    words: str, error: type[WasmimgError], transient: bool | None, stream: str
) -> None:
    with pytest.raises(WasmimgError) as caught:
        _run("sh", "-c", f'echo "$WORDS" >&{stream}; exit 1', WORDS=words)
    assert type(caught.value) is error
    assert caught.value.message == "sh -c failed"
    assert caught.value.reason == words
    assert getattr(caught.value, "transient", None) is transient


@pytest.mark.parametrize("name", ["unauthorized-page", "denied", "unsupported", "eof", "x509", "timeout", "forbidden"])
def test_a_name_the_user_chose_says_nothing_of_the_failure(name: str) -> None:
    with pytest.raises(NetworkFailed) as caught:
        _sh(
            'echo "Error: pushing image \\"$1\\" to \\"$2\\": received unexpected HTTP status: 503 Service Unavailable" >&2;'
            " exit 125",
            f"r.io/acme/{name}:1",
            f"docker://r.io/acme/{name}:1",
        )
    assert caught.value.transient
    with pytest.raises(EngineFailed):
        _sh('echo "Error: $1: something new" >&2; exit 125', f"r.io/acme/{name}:1")


@pytest.mark.parametrize("name", ["denied", "acme/denied", "acme/x:denied"])
def test_a_name_the_user_chose_does_not_hide_the_failure(name: str) -> None:
    with pytest.raises(NotAllowed):
        _sh('echo "$1: denied: requested access to the resource is denied" >&2; exit 1', f"r.io/{name}")


def test_the_last_words_are_the_errors_and_not_the_progress() -> None:
    script = "; ".join(
        [
            "echo '#1 [internal] load build definition' >&2",
            "echo 'DEPRECATED: The legacy builder is deprecated' >&2",
            "echo 'note of something' >&2",
            "echo 'ERROR: failed to solve: nothing there' >&2",
            "echo '#2 DONE 0.0s' >&2",
            "exit 1",
        ]
    )
    with pytest.raises(EngineFailed) as caught:
        _sh(script)
    assert caught.value.reason == "ERROR: failed to solve: nothing there"


def test_without_an_error_line_the_last_words_are_the_last_five_lines() -> None:
    with pytest.raises(EngineFailed) as caught:
        _sh("seq 9 >&2; exit 1")
    assert caught.value.reason == "5\n6\n7\n8\n9"


def test_a_command_that_fails_in_silence_says_its_status() -> None:
    with pytest.raises(EngineFailed) as caught:
        _sh("exit 42")
    assert caught.value.reason == "it said nothing, and ended with status 42"


def test_a_command_that_is_killed_has_failed() -> None:
    with pytest.raises(EngineFailed):
        _sh("kill -9 $$")


def test_a_program_that_is_not_there_is_no_engine(tmp_path: Path) -> None:
    with pytest.raises(NoEngine, match="engine is not installed") as caught:
        find_program("engine", {"PATH": str(tmp_path)})
    assert "--engine embedded" in (caught.value.hint or "")


@pytest.mark.parametrize("path", ["", "/nonexistent"])
def test_without_a_path_nothing_is_found(path: str) -> None:
    with pytest.raises(NoEngine):
        run_command(("sh", "-c", "true"), environment={"PATH": path}, limits=Limits(10))


def test_the_path_is_the_one_given(tmp_path: Path) -> None:
    environment = _program(tmp_path, b"#!/bin/sh\necho mine\n")
    assert run_command(("engine",), environment=environment, limits=Limits(10)).stdout == "mine"


@pytest.mark.parametrize(
    "content, mode",
    [(b"#!/bin/sh\n", 0o644), (b"#!/nonexistent/sh\n", 0o755), (b"\0\1garbage", 0o755)],
    ids=["not executable", "interpreter missing", "no program"],
)
def test_a_program_that_cannot_run_is_no_engine(content: bytes, mode: int, tmp_path: Path) -> None:
    environment = _program(tmp_path, content, mode)
    with pytest.raises(NoEngine):
        run_command(("engine",), environment=environment, limits=Limits(10))
