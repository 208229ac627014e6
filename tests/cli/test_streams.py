"""stdout carries the result alone, as lines or as JSON; stderr the story; both may be closed or full."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.calling import Cli, command, environment, in_process

BUILD = ("build", "plugin.wasm", "-e", "embedded")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")


def test_the_result_is_one_line_a_name_and_pinned(cli: Cli) -> None:
    said = cli(*BUILD, "-o", "oci:out", "-t", "r.io/p/q:1", "-t", "p/q")
    assert re.fullmatch(r"r\.io/p/q:1@sha256:[0-9a-f]{64}\np/q:latest@sha256:[0-9a-f]{64}\n", said.out)
    assert len({line.rpartition("@")[2] for line in said.out.splitlines()}) == 1


def test_the_result_without_a_name_is_the_place(cli: Cli) -> None:
    said = cli(*BUILD, "-o", "oci:out", "-o", "oci-archive:out.tar")
    assert re.fullmatch(r"oci:out@(sha256:[0-9a-f]{64})\noci-archive:out\.tar@\1\n", said.out)


def test_the_story_and_the_three_digests_go_to_stderr(cli: Cli) -> None:
    said = cli(*BUILD, "-o", "oci:out")
    digest = said.out.strip().rpartition("@")[2]
    assert said.err.splitlines()[:3] == ["engine embedded: as asked", "build the image", "write oci:out"]
    assert f"manifest  {digest}" in said.err
    assert re.search(r"layer +sha256:[0-9a-f]{64}", said.err)
    assert re.search(r"module +sha256:[0-9a-f]{64}  213 bytes", said.err)


def test_quiet_says_nothing_but_the_result(cli: Cli) -> None:
    said = cli(*BUILD, "-o", "oci:out", "-q")
    assert said.err == ""
    assert said.out.startswith("oci:out@sha256:")


def test_quiet_still_warns(cli: Cli) -> None:
    said = cli(*BUILD, "-o", "oci:out", "-q", "-f", "docker", "--annotation", "a=b")
    assert said.err.startswith("warning: Docker's format has no field for annotations")
    assert said.code == 0


def test_without_a_terminal_there_is_no_colour_and_no_cursor_movement(cli: Cli) -> None:
    assert "\x1b" not in cli(*BUILD, "-o", "oci:out").err
    assert "\x1b" not in cli(*BUILD, "-o", "oci:plugin.wasm").err


def test_a_build_as_json(cli: Cli, tmp_path: Path) -> None:
    lines = cli(*BUILD, "-o", "oci:out", "-t", "r.io/p/q:1")
    said = cli(*BUILD, "-o", "oci:out", "-t", "r.io/p/q:1", "--json")
    found = said.json
    assert found["results"] == lines.out.split()
    assert found["digests"]["manifest"] == lines.out.strip().rpartition("@")[2]
    assert set(found["digests"]) == {"manifest", "layer", "module"}
    assert (found["engine"], found["format"], found["platform"]) == ("embedded", "oci", "linux/amd64")
    assert (found["pushed"], found["outputs"], found["warnings"]) == (False, ["oci:out"], [])
    assert found["sizes"]["module"] == 213
    assert "engine embedded" in said.err


def test_warnings_are_in_the_json_too(cli: Cli) -> None:
    found = cli(*BUILD, "-o", "oci:out", "-f", "docker", "--annotation", "a=b", "--json").json
    assert ["Docker's format has no field for annotations" in warning for warning in found["warnings"]] == [True]


@pytest.mark.parametrize(
    "words, code",
    [
        ((*BUILD,), 2),
        (("build", "--psuh"), 2),
        (("biuld",), 2),
        (("build", "gone.wasm", "-o", "oci:out"), 2),
        (("build", "plugin.wasm", "-e", "docker", "-t", "r.io/p/q:1"), 4),
        ((*BUILD, "-o", "oci:plugin.wasm"), 9),
        (("verify", "oci:gone"), 2),
        (("convert", "oci:gone", "-o", "oci:out"), 2),
        (("check", "gone.wasm"), 2),
    ],
)
def test_a_failure_as_json_is_on_stdout_and_as_words_on_stderr(words: tuple[str, ...], code: int, cli: Cli) -> None:
    said = cli(*words, "--json")
    assert said.code == code
    error = said.json["error"]
    assert set(error) == {"message", "reason", "hint", "exit_code"}
    assert error["exit_code"] == code
    assert f"error: {error['message']}\n" in said.err


def test_json_that_is_asked_for_in_a_file_of_arguments_holds_for_failures(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("check\ngone.wasm\n--json\n")
    said = cli("@words")
    assert said.code == 2
    assert said.json["error"]["exit_code"] == 2


def test_a_traceback_that_is_asked_for_in_a_file_of_arguments_is_shown(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("check\ngone.wasm\n--debug\n")
    assert "Traceback" in cli("@words").err


def test_a_value_that_reads_like_an_option_is_a_value(cli: Cli) -> None:
    assert cli("build", "gone.wasm", "-o", "oci:out", "--username", "--json").out == ""


def test_verify_check_and_convert_as_json(cli: Cli) -> None:
    cli(*BUILD, "-o", "oci:out")
    verified = cli("verify", "oci:out", "--json").json
    assert verified["accepted"]
    assert {one["consumer"] for one in verified["verdicts"]} == {"istio", "envoy-gateway", "higress"}
    checked = cli("check", "plugin.wasm", "--json").json
    assert checked == [{"module": "plugin.wasm", "ok": True, "findings": []}]
    converted = cli("convert", "oci:out", "-f", "docker", "-o", "oci:two", "--json").json
    assert converted["format"] == "docker"
    assert converted["digests"]["module"] == verified["digests"]["module"]


def test_a_finding_of_check_is_on_stdout_with_its_way_out(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.wasm").write_bytes(b"")
    said = cli("check", "plugin.wasm", "bad.wasm")
    assert said.out.splitlines()[:2] == ["plugin.wasm: ok", "bad.wasm: error WI101: the file is empty"]
    assert said.out.splitlines()[2].startswith("  try: ")


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("name, encoding", [("\udcff", "utf-8"), ("é", "ascii")], ids=["bytes", "latin"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["lines", "json"])
def test_a_name_that_the_terminal_cannot_show_is_no_failure(
    name: str, encoding: str, form: tuple[str, ...], tmp_path: Path
) -> None:
    said = in_process(tmp_path, *BUILD, "-q", "-o", f"oci:{name}", *form, PYTHONIOENCODING=encoding)
    assert (said.code, said.err) == (0, "")
    assert re.search("sha256:[0-9a-f]{64}", said.out)


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe\n"])
def test_a_password_that_is_none_is_refused_before_anything_is_asked(data: bytes, tmp_path: Path) -> None:
    words = ("verify", "docker://127.0.0.1:1/p/q:1", "--username", "me", "--password-stdin")
    said = in_process(tmp_path, *words, stdin=data, PYTHONIOENCODING="utf-8")
    assert said.code == 2
    assert "standard input" in said.err


def _shell(folder: Path, line: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'"$@" {line}', "sh", *command(*words)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("line", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_failure(line: str, tmp_path: Path) -> None:
    done = _shell(tmp_path, line, *BUILD, "-o", "oci:out")
    assert (done.returncode, "bug" in done.stderr) == (0, False)
    assert (tmp_path / "out" / "index.json").exists()


@needs_full
@pytest.mark.usefixtures("cli")
@pytest.mark.parametrize("words", [("--version",), ("check", "plugin.wasm"), (*BUILD, "-q", "-o", "oci:out", "--json")])
def test_a_result_that_cannot_be_written_is_9(words: tuple[str, ...], tmp_path: Path) -> None:
    done = _shell(tmp_path, ">/dev/full", *words)
    assert done.returncode == 9
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@needs_full
@pytest.mark.usefixtures("cli")
def test_a_story_that_cannot_be_written_is_no_bug(tmp_path: Path) -> None:
    assert _shell(tmp_path, "2>/dev/full", *BUILD, "-o", "oci:out").returncode in (0, 9)
    assert _shell(tmp_path, "2>/dev/full", "check", "gone.wasm").returncode in (2, 9)


@pytest.mark.usefixtures("cli")
def test_a_reader_that_stops_early_is_no_failure_of_ours(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command("check", "plugin.wasm"),
            cwd=tmp_path,
            env=environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == b""


def test_json_is_readable_whatever_a_name_holds(cli: Cli) -> None:
    said = cli(*BUILD, "-o", 'oci:a"b\\c\nd', "--json")
    assert json.loads(said.out)["outputs"] == ['oci:a"b\\c\nd']


def test_a_reader_of_the_help_may_stop_early(tmp_path: Path) -> None:
    words = " ".join(command("build", "--help"))
    done = subprocess.run(
        ["bash", "-c", f"{words} | true; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_of_arguments_with_a_zero_byte_is_a_usage_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(b"check\na\0b.wasm\n")
    said = cli("@words")
    assert (said.code, "zero byte" in said.err) == (2, True)
