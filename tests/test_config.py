"""wasmimg.toml: every key, strict types, nearest names, variables, and no silent misreading."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wasmimg.config import Config, Plugin, expand, expand_plugin, find_config, read_config
from wasmimg.errors import UsageError
from wasmimg.retry import Policy

WHOLE = """
# everything at once
registry = "ghcr.io/acme"
format = "docker"
engine = "embedded"
for = ["istio@1.24", "higress"]
insecure = ["registry.lab:5000"]
jobs = 4

[retry]
attempts = 5
deadline = 60
idle_timeout = 2.5

[plugins.basic-auth]
module = "build/basic_auth.wasm"
image = "basic-auth:${VERSION}"
tags = ["latest", "v1"]
annotations = { "org.opencontainers.image.licenses" = "Apache-2.0" }
labels = { a = "b" }
silence = ["WI106"]

[plugins.other]
module = "other.wasm"
"""


def _read(folder: Path, text: str | bytes) -> Config:
    path = folder / "wasmimg.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_config(path)


def _refused(folder: Path, text: str | bytes) -> UsageError:
    with pytest.raises(UsageError) as caught:
        _read(folder, text)
    assert str(folder / "wasmimg.toml") in caught.value.message
    return caught.value


def test_every_key_is_read(tmp_path: Path) -> None:
    assert _read(tmp_path, WHOLE) == Config(
        folder=tmp_path,
        path=tmp_path / "wasmimg.toml",
        registry="ghcr.io/acme",
        format="docker",
        engine="embedded",
        consumers=("istio@1.24", "higress"),
        insecure=("registry.lab:5000",),
        jobs=4,
        retry=Policy(5, 60.0, 2.5),
        plugins=(
            Plugin(
                name="basic-auth",
                module="build/basic_auth.wasm",
                image="basic-auth:${VERSION}",
                tags=("latest", "v1"),
                annotations=(("org.opencontainers.image.licenses", "Apache-2.0"),),
                labels=(("a", "b"),),
                silence=("WI106",),
            ),
            Plugin("other", "other.wasm"),
        ),
    )


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "[retry]\n", "[plugins]\n"])
def test_a_file_that_says_nothing_leaves_the_defaults(text: str, tmp_path: Path) -> None:
    assert _read(tmp_path, text) == Config(folder=tmp_path, path=tmp_path / "wasmimg.toml")


@pytest.mark.parametrize(
    "text, key, near",
    [
        ("registri = 'x'", "registri", "registry"),
        ("formt = 'oci'", "formt", "format"),
        ("engin = 'docker'", "engin", "engine"),
        ("fro = ['istio']", "fro", "for"),
        ("insecur = []", "insecur", "insecure"),
        ("job = 1", "job", "jobs"),
        ("[retrys]\nattempts = 1", "retrys", "retry"),
        ("[plugin.a]\nmodule = 'x'", "plugin", "plugins"),
        ("[retry]\natempts = 1", "retry.atempts", "attempts"),
        ("[retry]\nidle-timeout = 1", "retry.idle-timeout", "idle_timeout"),
        ("[retry]\ndedline = 1", "retry.dedline", "deadline"),
        ("[plugins.a]\nmodul = 'x'", "plugins.a.modul", "module"),
        ("[plugins.a]\nmodule = 'x'\nimages = 'x'", "plugins.a.images", "image"),
        ("[plugins.a]\nmodule = 'x'\ntag = ['x']", "plugins.a.tag", "tags"),
        ("[plugins.a]\nmodule = 'x'\nanotations = {}", "plugins.a.anotations", "annotations"),
        ("[plugins.a]\nmodule = 'x'\nlable = {}", "plugins.a.lable", "labels"),
        ("[plugins.a]\nmodule = 'x'\nsilense = []", "plugins.a.silense", "silence"),
    ],
)
def test_an_unknown_key_names_the_nearest(text: str, key: str, near: str, tmp_path: Path) -> None:
    assert f"unknown key {key!r}; did you mean {near!r}?" in _refused(tmp_path, text + "\n").message


def test_an_unknown_key_like_none_lists_those_that_are_known(tmp_path: Path) -> None:
    error = _refused(tmp_path, "[plugins.a]\nzzz = 1\n")
    assert "did you mean" not in error.message
    assert error.hint == "known in plugins.a are module, image, tags, annotations, labels, silence"


@pytest.mark.parametrize(
    "text, key, wanted",
    [
        ("registry = 1", "registry", "a string that is not empty"),
        ("registry = ''", "registry", "a string that is not empty"),
        ("format = ['oci']", "format", "a string"),
        ("engine = true", "engine", "a string"),
        ("for = 'istio'", "for", "a list of strings"),
        ("for = [1]", "for", "a list of strings"),
        ("for = ['']", "for", "a list of strings"),
        ("insecure = 'r.io'", "insecure", "a list of strings"),
        ("jobs = '1'", "jobs", "a whole number, 0 or more"),
        ("jobs = -1", "jobs", "a whole number, 0 or more"),
        ("jobs = 1.0", "jobs", "a whole number, 0 or more"),
        ("jobs = true", "jobs", "a whole number, 0 or more"),
        ("jobs = 1979-05-27", "jobs", "a whole number, 0 or more"),
        ("retry = 3", "retry", "a table"),
        ("[retry]\nattempts = 0", "retry.attempts", "a whole number, 1 or more"),
        ("[retry]\nattempts = 2.0", "retry.attempts", "a whole number, 1 or more"),
        ("[retry]\nattempts = true", "retry.attempts", "a whole number, 1 or more"),
        ("[retry]\ndeadline = 0", "retry.deadline", "a number of seconds above 0"),
        ("[retry]\ndeadline = '1m'", "retry.deadline", "a number of seconds above 0"),
        ("[retry]\ndeadline = inf", "retry.deadline", "a number of seconds above 0"),
        ("[retry]\nidle_timeout = -1", "retry.idle_timeout", "a number of seconds above 0"),
        ("[retry]\nidle_timeout = true", "retry.idle_timeout", "a number of seconds above 0"),
        ("plugins = 1", "plugins", "a table"),
        ("[[plugins]]\nmodule = 'x'", "plugins", "a table"),
        ("[plugins]\na = 'x.wasm'", "plugins.a", "a table"),
        ("[plugins.a]\nmodule = 1", "plugins.a.module", "a string"),
        ("[plugins.a]\nmodule = ''", "plugins.a.module", "a string"),
        ('[plugins.a]\nmodule = "a\\u0000"', "plugins.a.module", "a string"),
        ("[plugins.a]\nmodule = 'x'\nlabels = { a = \"\\u0000\" }", "plugins.a.labels", "a table of strings"),
        ("[plugins.a]\nmodule = 'x'\nimage = ['x']", "plugins.a.image", "a string"),
        ("[plugins.a]\nmodule = 'x'\ntags = 'x'", "plugins.a.tags", "a list of strings"),
        ("[plugins.a]\nmodule = 'x'\nannotations = ['a=b']", "plugins.a.annotations", "a table of strings"),
        ("[plugins.a]\nmodule = 'x'\nannotations = { a = 1 }", "plugins.a.annotations", "a table of strings"),
        ("[plugins.a]\nmodule = 'x'\nlabels = { a = { b = 'c' } }", "plugins.a.labels", "a table of strings"),
        ("[plugins.a]\nmodule = 'x'\nsilence = 'WI106'", "plugins.a.silence", "a list of strings"),
    ],
)
def test_a_value_of_the_wrong_type_names_its_key_and_the_right_type(
    text: str, key: str, wanted: str, tmp_path: Path
) -> None:
    assert f": {key} must be {wanted}" in _refused(tmp_path, text + "\n").message


@pytest.mark.parametrize(
    "text, missing",
    [
        ("[plugins.a]\nimage = 'x'\n", "has no module"),
        ("[plugins.a]\nmodule = 'x'\ntags = ['y']\n", "tags and no image"),
    ],
)
def test_a_plugin_that_lacks_something_is_refused(text: str, missing: str, tmp_path: Path) -> None:
    assert missing in _refused(tmp_path, text).message


@pytest.mark.parametrize(
    "text",
    [
        "a=1 b=2\n",
        'registry = "a\x01b"\n',
        "\ufeffjobs = 1\n",
        "jobs = 1\njobs = 2\n",
        "registry =\n",
        "[retry\n",
        "[retry]\n[retry]\n",
        'registry = "a\n',
        "ключ = 1\n",
        "jobs = 01\n",
        "<<<<<<< HEAD\n",
    ],
)
def test_what_is_not_toml_is_refused(text: str, tmp_path: Path) -> None:
    error = _refused(tmp_path, text)
    assert "is not TOML" in error.message
    assert error.reason


@pytest.mark.parametrize(
    "text",
    [
        "[plugins.a]\nmodule = 'x'\ntags = ['a', 1]\n",
        'registry = """x""""\n',
        "[plugins.a]\nmodule = 'x'\ntags = [{x = 1}, 's']\n",
        "[retry]\ndeadline = nan\n",
    ],
    ids=["mixed list", "quote before the closing quotes", "table and string in a list", "nan"],
)
def test_what_the_two_parsers_read_differently_is_refused_with_a_way_out(text: str, tmp_path: Path) -> None:
    error = _refused(tmp_path, text)
    assert "differently" in error.message or "does not read" in error.message
    assert "more simply" in (error.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "for = " + "[" * 3000 + "]" * 3000 + "\n",
        "x = " + "[" * 3000,
        ".".join(["a"] * 3000) + " = 1\n",
        "jobs = " + "1" * 5000 + "\n",
    ],
    ids=["deep", "deep and cut short", "a key of 3000 tables", "a number of 5000 digits"],
)
def test_what_is_too_much_for_a_parser_is_a_usage_error(text: str, tmp_path: Path) -> None:
    _refused(tmp_path, text)


@pytest.mark.parametrize(
    "text, config",
    [
        ('jobs = 1\r\nformat = "oci"\r\n', {"jobs": 1, "format": "oci"}),
        ("jobs = 1", {"jobs": 1}),
        ("retry.attempts = 5\n", {"retry": Policy(attempts=5)}),
        ('for = [\n  "istio", # newest\n  "higress",\n]\n', {"consumers": ("istio", "higress")}),
        ("registry = 'a\\b'\n", {"registry": "a\\b"}),
        ('registry = "\\u00e9#"\n', {"registry": "é#"}),
        ('insecure = ["a]b", "c,d"]\n', {"insecure": ("a]b", "c,d")}),
        ('[plugins."a.b"]\nmodule = "x=y.wasm"\n', {"plugins": (Plugin("a.b", "x=y.wasm"),)}),
        (
            '[plugins.a]\nmodule = "x"\n[plugins.a.labels]\n"b.c" = "v, w = {1}"\n',
            {"plugins": (Plugin("a", "x", labels=(("b.c", "v, w = {1}"),)),)},
        ),
    ],
)
def test_odd_but_legal_toml_is_read(text: str, config: dict[str, object], tmp_path: Path) -> None:
    found = _read(tmp_path, text)._asdict()
    assert {key: found[key] for key in config} == config


def test_plugins_keep_the_order_of_the_file(tmp_path: Path) -> None:
    text = "".join(f"[plugins.{name}]\nmodule = 'x'\n" for name in "zbamc")
    assert [plugin.name for plugin in _read(tmp_path, text).plugins] == list("zbamc")


@pytest.mark.parametrize("data", [b"registry = '\xff'\n", "jobs = 1\n".encode("utf-16"), b"\xe9"])
def test_a_file_that_is_not_utf8_is_refused(data: bytes, tmp_path: Path) -> None:
    assert "is not UTF-8" in _refused(tmp_path, data).message


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_config(tmp_path / "absent.toml")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path)


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path / "file" / "wasmimg.toml")


def test_the_nearest_file_upwards_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / "wasmimg.toml").touch()
    assert find_config(inner) == tmp_path / "wasmimg.toml"
    (tmp_path / "a" / "wasmimg.toml").touch()
    assert find_config(inner) == tmp_path / "a" / "wasmimg.toml"
    (inner / "wasmimg.toml").touch()
    assert find_config(inner) == inner / "wasmimg.toml"


def test_a_folder_of_that_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a" / "wasmimg.toml").mkdir(parents=True)
    (tmp_path / "wasmimg.toml").touch()
    assert find_config(tmp_path / "a") == tmp_path / "wasmimg.toml"


def test_the_search_begins_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "real" / "wasmimg.toml").touch()
    os.symlink(tmp_path / "real" / "deep", tmp_path / "link")
    assert find_config(tmp_path / "link") == tmp_path / "real" / "wasmimg.toml"


@pytest.mark.parametrize(
    "text, value",
    [
        ("plain", "plain"),
        ("a-${V}", "a-1.2"),
        ("${V}${V}", "1.21.2"),
        ("$${V}", "${V}"),
        ("$$", "$"),
        ("$$${V}", "$1.2"),
        ("$V", "$V"),
        ("${V", "${V"),
        ("${EMPTY}x", "x"),
        ("${NESTED}", "${V}$$"),
    ],
)
def test_variables_are_replaced_once(text: str, value: str) -> None:
    assert expand(text, {"V": "1.2", "EMPTY": "", "NESTED": "${V}$$"}, "here") == value


@pytest.mark.parametrize("text, name", [("${ABSENT}", "ABSENT"), ("${}", ""), ("${ V }", " V ")])
def test_a_variable_that_is_not_set_is_an_error_that_names_it(text: str, name: str) -> None:
    with pytest.raises(UsageError, match=f"here: the variable {name} is not set"):
        expand(text, {"V": "1"}, "here")


def test_variables_are_replaced_in_every_string_of_a_plugin() -> None:
    plugin = Plugin("p", "${V}.wasm", "p:${V}", ("${V}",), (("${V}", "${V}"),), (("k", "${V}"),), ("${V}",))
    assert expand_plugin(plugin, {"V": "1"}, None) == Plugin(
        "p", "1.wasm", "p:1", ("1",), (("${V}", "1"),), (("k", "1"),), ("${V}",)
    )


def test_an_unset_variable_names_file_and_plugin() -> None:
    with pytest.raises(UsageError, match=r"wasmimg\.toml: plugins\.p: the variable V is not set") as caught:
        expand_plugin(Plugin("p", "x", "p:${V}"), {}, Path("wasmimg.toml"))
    assert "V=" in (caught.value.hint or "")
