"""What is typed: mistyped words name the nearest, @FILE is read line by line, help is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.calling import Cli
from wasmimg.version import __version__


@pytest.mark.parametrize(
    "words, near",
    [
        (["biuld", "plugin.wasm"], "no such command 'biuld'; did you mean 'build'?"),
        (["verfy"], "no such command 'verfy'; did you mean 'verify'?"),
        (["chek"], "no such command 'chek'; did you mean 'check'?"),
        (["build", "--psuh"], "Did you mean '--push'?"),
        (["build", "--digestfile", "x"], "--digest-file"),
        (["verify", "--insecur", "x"], "--insecure"),
        (["build", "plugin.wasm", "-o", "oci:out", "-e", "dokcer"], "unknown engine 'dokcer'; did you mean 'docker'?"),
        (["build", "plugin.wasm", "-o", "oci:out", "-e", "embeded"], "did you mean 'embedded'?"),
        (["build", "plugin.wasm", "-o", "oci:out", "-f", "ocl"], "formats are oci and docker"),
        (["build", "plugin.wasm", "-o", "oci:out", "--for", "isto"], "did you mean 'istio'?"),
        (["build", "plugin.wasm", "-o", "oic:out"], "did you mean oci:?"),
        (["verify", "oci:out", "--for", "higres"], "did you mean 'higress'?"),
    ],
)
def test_a_mistyped_word_names_the_nearest(words: list[str], near: str, cli: Cli) -> None:
    said = cli(*words)
    assert (said.code, said.out) == (2, "")
    assert near in said.err


def test_an_engine_of_the_environment_or_the_file_is_held_to_the_same(cli: Cli, tmp_path: Path) -> None:
    words = ("build", "plugin.wasm", "-o", "oci:out")
    assert "did you mean 'docker'?" in cli(*words, WASMIMG_ENGINE="dokcer").err
    (tmp_path / "wasmimg.toml").write_text("engine = 'biuldah'\n")
    said = cli(*words)
    assert said.code == 2
    assert "did you mean 'buildah'?" in said.err


@pytest.mark.parametrize("words, named", [(["zzz"], "'zzz'"), (["build", "--zzz"], "--zzz")])
def test_a_word_like_none_is_refused_with_a_way_to_the_list(words: list[str], named: str, cli: Cli) -> None:
    said = cli(*words)
    assert said.code == 2
    assert named in said.err
    assert "--help lists what is possible" in said.err


def test_the_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"wasmimg {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command(flag: str, cli: Cli) -> None:
    said = cli(flag)
    assert (said.code, said.err) == (0, "")
    for command in ("build", "check", "verify", "convert"):
        assert f"  {command} " in said.out


@pytest.mark.parametrize("command", ["build", "check", "verify", "convert"])
def test_every_command_has_help_and_what_is_everywhere(command: str, cli: Cli) -> None:
    said = cli(command, "--help")
    assert (said.code, said.err) == (0, "")
    for option in ("--json", "--config", "-q", "-v", "--debug", "--for"):
        assert option in said.out


@pytest.mark.parametrize("command", ["build", "verify", "convert"])
def test_commands_with_a_registry_have_its_options(command: str, cli: Cli) -> None:
    said = cli(command, "--help")
    for option in ("--insecure", "--ca-file", "--username", "--password-stdin"):
        assert option in said.out


def test_without_words_there_is_help_and_it_is_a_usage_error(cli: Cli) -> None:
    said = cli()
    assert said.code == 2
    assert "Commands:" in said.out + said.err


def test_a_file_of_arguments_is_read_one_a_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("plugin.wasm\n\n-o\noci:a b 'c'\n   \n--annotation\nk=v w\n")
    said = cli("build", "@words", "-q")
    assert said.code == 0
    assert said.out.startswith("oci:a b 'c'@sha256:")


@pytest.mark.parametrize("text", ["check\r\nplugin.wasm\r\n", "check\nplugin.wasm"])
def test_a_file_of_arguments_may_end_its_lines_as_it_likes(text: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "words").write_bytes(text.encode())
    assert cli("@words").out == "plugin.wasm: ok\n"


def test_several_files_of_arguments_are_read_where_they_stand(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("check\n")
    (tmp_path / "two").write_text("plugin.wasm\n")
    assert cli("@one", "@two").out == "plugin.wasm: ok\n"


@pytest.mark.parametrize("data", [None, b"\xff\xfe"])
def test_a_file_of_arguments_that_cannot_be_read_is_refused(data: bytes | None, cli: Cli, tmp_path: Path) -> None:
    if data is None:
        (tmp_path / "words").mkdir()
    else:
        (tmp_path / "words").write_bytes(data)
    said = cli("check", "@words")
    assert said.code == 2
    assert "words cannot be read" in said.err


def test_an_at_alone_is_a_word_like_any_other(cli: Cli) -> None:
    assert "no such file: @" in cli("check", "@").err


def test_options_may_stand_before_and_after_the_module(cli: Cli) -> None:
    assert cli("build", "-q", "-o", "oci:out", "plugin.wasm", "--json").json["module"] == "plugin.wasm"


def test_a_module_whose_name_begins_with_a_dash_stands_after_two(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "-x.wasm").write_bytes((tmp_path / "plugin.wasm").read_bytes())
    assert cli("check", "--", "-x.wasm").code == 0
    assert cli("check", "./-x.wasm").code == 0
