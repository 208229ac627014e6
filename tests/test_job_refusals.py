"""What cannot be built or converted as asked is refused before anything runs, with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import UsageError
from wasmimg.image.media_types import Format
from wasmimg.job import ConvertRequest, Request, access_of, command_words, load_config, plan_convert, plan_jobs

PLUGIN = Path("plugin.wasm")
PLACE = {"module": PLUGIN, "outputs": ("oci:out",)}
TWO = """
[plugins.basic-auth]
module = "one.wasm"
image = "r.io/acme/one:1"

[plugins.other]
module = "two.wasm"
image = "r.io/acme/two:1"
"""


def _refused(folder: Path, file: str = "", environment: dict[str, str] | None = None, **typed: Any) -> UsageError:
    if file:
        (folder / "wasmimg.toml").write_text(file)
    with pytest.raises(UsageError) as caught:
        plan_jobs(Request(**typed), environment or {}, folder)
    return caught.value


@pytest.mark.parametrize(
    "typed, message",
    [
        ({"module": PLUGIN}, "the image has no name and no place to go"),
        ({"module": PLUGIN, "push": True}, "--push needs to know where to"),
        ({**PLACE, "push": True}, "--push needs to know where to"),
        ({**PLACE, "load": True}, "--load needs a name for the image"),
        (
            {"module": PLUGIN, "references": ("r.io/p/q:1",), "digest_file": Path("d")},
            "--digest-file needs --push or -o",
        ),
        ({**PLACE, "format": "ocl"}, "unknown format 'ocl'"),
        ({**PLACE, "format": "OCI"}, "unknown format 'OCI'"),
        ({**PLACE, "consumers": ("isto",)}, "unknown consumer 'isto'; did you mean 'istio'?"),
        ({**PLACE, "consumers": ("istio@new",)}, "'new' is no release of Istio"),
        ({**PLACE, "variant": "artifact", "format": "docker"}, "the artifact variant has format oci alone"),
        ({**PLACE, "variant": "artifact", "labels": ("a=b",)}, "no place for labels"),
        ({**PLACE, "variant": "compct"}, "unknown variant 'compct'; did you mean 'compat'"),
        ({**PLACE, "platform": "windows/amd64"}, "the platform 'windows/amd64' is not linux/*"),
        ({**PLACE, "platform": "linux"}, "the platform 'linux' is not of the form OS/ARCH"),
        ({**PLACE, "annotations": ("a",)}, "--annotation 'a' is not of the form KEY=VALUE"),
        ({**PLACE, "annotations": ("=a",)}, "--annotation '=a' is not of the form KEY=VALUE"),
        ({**PLACE, "labels": (" =a",)}, "--label ' =a' is not of the form KEY=VALUE"),
        ({**PLACE, "labels": ("a=\udce9",)}, "--label 'a=\\udce9' is not UTF-8"),
        ({**PLACE, "annotations": ("\udce9=a",)}, "--annotation '\\udce9=a' is not UTF-8"),
        ({"module": PLUGIN, "outputs": ("out",)}, "the output 'out' is not understood"),
        ({"module": PLUGIN, "outputs": ("oci:",)}, "the output 'oci:' is not understood"),
        ({"module": PLUGIN, "outputs": ("oci-archiv:x",)}, "did you mean oci-archive:?"),
        (
            {"module": PLUGIN, "format": "oci", "outputs": ("docker-archive:x",)},
            "a docker-archive cannot hold format oci",
        ),
        ({**PLACE, "references": ("r.io/P/q",)}, "upper-case"),
        ({**PLACE, "references": ("r.io/x",)}, "one letter"),
        ({**PLACE, "references": ("r.io/p/q:1", "r.io/x")}, "one letter"),
        ({**PLACE, "references": ("r.io/p/q@sha256:" + "a" * 64,)}, "names a digest"),
        ({**PLACE, "references": ("r.io/p/q:1@sha256:" + "a" * 64,)}, "names a digest"),
        ({**PLACE, "references": ("r.io/p/q:sha256:" + "a" * 64,)}, "a digest stands where a tag belongs"),
        ({**PLACE, "plugins": ("a",)}, "a module and --plugin exclude each other"),
        ({**PLACE, "username": "me"}, "a user name and a password belong together"),
        ({**PLACE, "password": "p"}, "a user name and a password belong together"),
        ({**PLACE, "username": "", "password": "p"}, "a user name and a password belong together"),
        ({**PLACE, "ca_file": Path("gone.pem")}, "no such file: "),
        ({**PLACE, "ca_file": Path("x" * 300)}, "no such file: "),
        ({**PLACE, "dockerfile": Path("gone")}, "no such file: "),
        ({}, "there is no wasmimg.toml here or above"),
        ({"plugins": ("a",)}, "there is no wasmimg.toml here or above"),
    ],
)
def test_what_cannot_be_built_is_refused(typed: dict[str, Any], message: str, tmp_path: Path) -> None:
    assert message in _refused(tmp_path, **typed).message


@pytest.mark.parametrize(
    "typed, message",
    [
        ({"references": ("r.io/p/q:1",)}, "-t names one image, and several plugins are to be built"),
        ({"push": True, "digest_file": Path("d")}, "--digest-file holds one digest"),
        ({"outputs": ("oci-archive:x.tar",)}, "oci-archive:x.tar holds one image"),
        ({"outputs": ("oci:x", "docker-archive:x.tar"), "format": "docker"}, "docker-archive:x.tar holds one image"),
        ({"plugins": ("basic-aut",)}, "unknown plugin 'basic-aut'; did you mean 'basic-auth'?"),
        ({"plugins": ("other", "zzz")}, "unknown plugin 'zzz'"),
    ],
)
def test_what_several_plugins_cannot_share_is_refused(typed: dict[str, Any], message: str, tmp_path: Path) -> None:
    error = _refused(tmp_path, TWO, **typed)
    assert message in error.message
    assert error.hint


def test_one_of_several_plugins_may_have_what_they_cannot_share(tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(TWO)
    typed = Request(
        plugins=("other",), references=("r.io/p/q:1",), outputs=("oci-archive:x.tar",), digest_file=Path("d")
    )
    (job,), _ = plan_jobs(typed, {}, tmp_path)
    assert (job.plugin, str(job.references[0]), job.digest_file) == ("other", "r.io/p/q:1", tmp_path / "d")


def test_an_unknown_plugin_lists_those_of_the_file(tmp_path: Path) -> None:
    assert "basic-auth, other" in (_refused(tmp_path, TWO, plugins=("zzz",)).hint or "")


@pytest.mark.parametrize(
    "file, message",
    [
        ("format = 'ocl'" + TWO, "unknown format 'ocl'"),
        ("for = ['isto']" + TWO, "did you mean 'istio'?"),
        ("jobs = 1", "names no plugins"),
        ("[plugins.p]\nmodule = 'x'", "the image has no name and no place to go"),
        ("[plugins.p]\nmodule = 'x'\nimage = 'r.io/P/q'", "upper-case"),
        ("[plugins.p]\nmodule = 'x'\nimage = 'r.io/p/q@sha256:" + "a" * 64 + "'", "names a digest"),
        ("[plugins.p]\nmodule = 'x'\nimage = 'r.io/p/q'\ntags = ['a b']", "malformed"),
        ("registry = '${GONE}'\n[plugins.p]\nmodule = 'x'\nimage = 'q'", "the variable GONE is not set"),
    ],
)
def test_what_is_wrong_in_the_file_is_refused(file: str, message: str, tmp_path: Path) -> None:
    assert message in _refused(tmp_path, file).message


@pytest.mark.parametrize("half", ["WASMIMG_USERNAME", "WASMIMG_PASSWORD"])
def test_half_of_the_credentials_in_the_environment_is_refused(half: str, tmp_path: Path) -> None:
    error = _refused(tmp_path, "", {half: "x"}, **PLACE)
    assert "belong together" in error.message
    assert "x" not in error.message.split()


@pytest.mark.parametrize("engine", ["buildah", "embedded"])
def test_a_dockerfile_is_for_docker_and_podman_alone(engine: str, tmp_path: Path) -> None:
    (tmp_path / "D").write_text("FROM scratch\nCOPY plugin.wasm ./\n")
    error = _refused(tmp_path, dockerfile=Path("D"), engine=engine, references=("r.io/p/q:1",))
    assert error.message == f"--dockerfile is for docker and podman, and {engine} was asked for"


@pytest.mark.parametrize(
    "text, line",
    [
        ("FROM scratch\nCOPY a.wasm ./plugin.wasm\nCOPY b.wasm ./\n", "3"),
        ("FROM alpine\nCOPY plugin.wasm ./\n", "1"),
        ("FROM scratch\nRUN true\nCOPY plugin.wasm ./\n", "2"),
    ],
)
def test_a_dockerfile_of_another_shape_is_refused_with_its_lines(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "D").write_text(text)
    error = _refused(tmp_path, dockerfile=Path("D"), references=("r.io/p/q:1",))
    assert f"D:{line}: " in (error.reason or "")


@pytest.mark.parametrize("source", ["Dockerfile", "./Dockerfile", "Dockerfile/x.wasm", ".dockerignore", ".", "/", ".."])
def test_a_dockerfile_that_copies_what_docker_reads_or_a_folder_is_refused(source: str, tmp_path: Path) -> None:
    (tmp_path / "D").write_text(f"FROM scratch\nCOPY {source} ./plugin.wasm\n")
    error = _refused(tmp_path, dockerfile=Path("D"), references=("r.io/p/q:1",))
    assert "D:2: COPY " in (error.reason or "")


@pytest.mark.parametrize("make", ["folder", "latin-1"])
def test_a_dockerfile_that_cannot_be_read_is_refused(make: str, tmp_path: Path) -> None:
    if make == "folder":
        (tmp_path / "D").mkdir()
    else:
        (tmp_path / "D").write_bytes(b"FROM scratch\n# \xe9\nCOPY plugin.wasm ./\n")
    assert "cannot be read" in _refused(tmp_path, dockerfile=Path("D"), references=("r.io/p/q:1",)).message


@pytest.mark.parametrize(
    "typed, message",
    [
        ({"pushed": ("r.io/p/q:1",), "references": ("r.io/p/q:1",)}, "a REF to push to and -t exclude each other"),
        ({"format": "ocl"}, "unknown format 'ocl'"),
        ({"pushed": ("r.io/P/q:1",)}, "upper-case"),
        ({"pushed": ("r.io/p/q@sha256:" + "a" * 64,)}, "digest"),
        ({"outputs": ("x",)}, "the output 'x' is not understood"),
        ({"consumers": ("isto",)}, "unknown consumer 'isto'"),
        ({"annotations": ("a",)}, "--annotation 'a' is not of the form KEY=VALUE"),
        ({"username": "me"}, "belong together"),
        ({"ca_file": Path("gone")}, "no such file"),
        ({"config": Path("gone")}, "no such file"),
    ],
)
def test_what_cannot_be_converted_is_refused(typed: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        plan_convert(ConvertRequest(**typed), {}, tmp_path)
    assert message in caught.value.message


def test_a_conversion_takes_what_the_file_says(tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(
        "format = 'docker'\nfor = ['higress']\ninsecure = ['lab:5000']\n[retry]\nattempts = 1\n"
    )
    request = ConvertRequest(pushed=("lab:5000/p/q:1",), outputs=("oci:out",))
    delivery, annotations = plan_convert(request, {}, tmp_path)
    assert (delivery.format, delivery.push, delivery.policy.attempts) == (Format.DOCKER, True, 1)
    assert delivery.consumers == (Consumer("higress"),)
    assert delivery.access.is_insecure("lab:5000")
    assert not delivery.access.is_insecure("lab:5001")
    assert str(delivery.outputs[0]) == f"oci:{tmp_path}/out"
    assert annotations == {}


def test_a_conversion_to_oci_marks_the_variant(tmp_path: Path) -> None:
    _, annotations = plan_convert(ConvertRequest(references=("r.io/p/q:1",), annotations=("a=b",)), {}, tmp_path)
    assert annotations == {"a": "b", "module.wasm.image/variant": "compat"}


def test_names_that_are_not_pushed_to_only_name(tmp_path: Path) -> None:
    delivery, _ = plan_convert(ConvertRequest(references=("r.io/p/q:1",)), {}, tmp_path)
    assert (str(delivery.references[0]), delivery.push) == ("r.io/p/q:1", False)


def test_insecure_on_the_command_line_holds_for_every_host(tmp_path: Path) -> None:
    config = load_config(None, {}, tmp_path)
    assert access_of(Request(insecure=True), config, {}, tmp_path).is_insecure("any.io")
    assert not access_of(Request(), config, {}, tmp_path).is_insecure("any.io")


def test_a_ca_file_is_found_from_the_folder(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    access = access_of(Request(ca_file=Path("ca.pem")), load_config(None, {}, tmp_path), {}, tmp_path)
    assert access.ca_file == tmp_path / "ca.pem"


def test_a_job_as_one_line_says_all_that_was_chosen(tmp_path: Path) -> None:
    typed = Request(
        module=PLUGIN,
        references=("r.io/p/q:1",),
        push=True,
        check=False,
        insecure=True,
        platform="linux/arm64",
        labels=("a=b c",),
        digest_file=Path("d"),
    )
    (job,), _ = plan_jobs(typed, {}, tmp_path)
    assert command_words(job) == [
        *("build", str(tmp_path / "plugin.wasm"), "-e", "auto", "-f", "oci", "-t", "r.io/p/q:1", "--for", "istio"),
        *("--label", "a=b c", "--platform", "linux/arm64", "--digest-file", str(tmp_path / "d")),
        *("--push", "--no-check", "--insecure"),
    ]
