"""From the command line, the environment and the file to jobs: who wins, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import FileSystemFailed, UsageError
from wasmimg.image.media_types import Format
from wasmimg.image.platform import Platform
from wasmimg.job import Job, Request, plan_jobs
from wasmimg.retry import Policy

PLUGIN = Path("plugin.wasm")
TWO = """
[plugins.one]
module = "one.wasm"
image = "r.io/acme/one:1"

[plugins.two]
module = "sub/two.wasm"
image = "r.io/acme/two:1"
"""


def _jobs(folder: Path, file: str = "", environment: dict[str, str] | None = None, **typed: Any) -> tuple[Job, ...]:
    if file:
        (folder / "wasmimg.toml").write_text(file)
    jobs, _ = plan_jobs(Request(**typed), environment or {}, folder)
    return jobs


def _job(folder: Path, file: str = "", environment: dict[str, str] | None = None, **typed: Any) -> Job:
    (job,) = _jobs(folder, file, environment, **{"module": PLUGIN, "outputs": ("oci:out",), **typed})
    return job


def _plugin(folder: Path, body: str, head: str = "", **typed: Any) -> Job:
    (job,) = _jobs(folder, f"{head}\n[plugins.p]\nmodule = 'p.wasm'\n{body}\n", **typed)
    return job


def _refused(folder: Path, file: str = "", environment: dict[str, str] | None = None, **typed: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        _jobs(folder, file, environment, **typed)
    return caught.value


@pytest.mark.parametrize(
    "file, environment, typed, engine",
    [
        ("", {}, None, "auto"),
        ("engine = 'docker'", {}, None, "docker"),
        ("engine = 'docker'", {"WASMIMG_ENGINE": ""}, None, "docker"),
        ("engine = 'docker'", {"WASMIMG_ENGINE": "buildah"}, None, "buildah"),
        ("engine = 'docker'", {"WASMIMG_ENGINE": "buildah"}, "embedded", "embedded"),
        ("", {"WASMIMG_ENGINE": "buildah"}, "auto", "auto"),
    ],
)
def test_the_engine_of_the_command_line_wins_then_environment_then_file(
    file: str, environment: dict[str, str], typed: str | None, engine: str, tmp_path: Path
) -> None:
    assert _job(tmp_path, file, environment, engine=typed).engine == engine


@pytest.mark.parametrize(
    "file, typed, form, asked",
    [
        ("", None, Format.OCI, False),
        ("format = 'docker'", None, Format.DOCKER, True),
        ("format = 'docker'", "oci", Format.OCI, True),
        ("format = 'oci'", "docker", Format.DOCKER, True),
    ],
)
def test_the_format_of_the_command_line_wins_over_the_file(
    file: str, typed: str | None, form: Format, asked: bool, tmp_path: Path
) -> None:
    job = _job(tmp_path, file, format=typed)
    assert (job.spec.format, job.format_asked) == (form, asked)


@pytest.mark.parametrize(
    "file, typed, consumers",
    [
        ("", (), (Consumer("istio"),)),
        ("for = ['higress', 'envoy@1.33']", (), (Consumer("higress"), Consumer("envoy", "1.33"))),
        ("for = ['higress']", ("istio@1.12",), (Consumer("istio", "1.12"),)),
    ],
)
def test_the_consumers_of_the_command_line_win_over_the_file(
    file: str, typed: tuple[str, ...], consumers: tuple[Consumer, ...], tmp_path: Path
) -> None:
    assert _job(tmp_path, file, consumers=typed).consumers == consumers


def test_the_file_named_on_the_command_line_wins_over_the_environment_and_the_nearest(tmp_path: Path) -> None:
    for name in ("wasmimg", "named", "told"):
        (tmp_path / f"{name}.toml").write_text(f"insecure = ['{name}.io']")
    environment = {"WASMIMG_CONFIG": "told.toml"}
    assert _job(tmp_path).access.insecure == ("wasmimg.io",)
    assert _job(tmp_path, environment=environment).access.insecure == ("told.io",)
    assert _job(tmp_path, environment=environment, config=Path("named.toml")).access.insecure == ("named.io",)


@pytest.mark.parametrize(
    "environment, typed", [({"WASMIMG_CONFIG": "gone.toml"}, {}), ({}, {"config": Path("gone.toml")})]
)
def test_a_file_that_was_named_must_be_there(
    environment: dict[str, str], typed: dict[str, Any], tmp_path: Path
) -> None:
    error = _refused(tmp_path, "jobs = 1", environment, module=PLUGIN, outputs=("oci:out",), **typed)
    assert "no such file" in error.message


def test_credentials_of_the_command_line_win_over_the_environment(tmp_path: Path) -> None:
    environment = {"WASMIMG_USERNAME": "env", "WASMIMG_PASSWORD": "envpass"}
    given = _job(tmp_path, environment=environment).access.given
    assert given is not None
    assert (given.username, given.password, given.source) == ("env", "envpass", "WASMIMG_USERNAME and WASMIMG_PASSWORD")
    given = _job(tmp_path, environment=environment, username="me", password="mine").access.given
    assert given is not None
    assert (given.username, given.password, given.source) == ("me", "mine", "--username and --password-stdin")


def test_a_password_is_not_in_what_a_job_shows_of_itself(tmp_path: Path) -> None:
    assert "mine" not in repr(_job(tmp_path, username="me", password="mine"))


def test_the_policy_is_the_files(tmp_path: Path) -> None:
    assert _job(tmp_path, "[retry]\nattempts = 1\ndeadline = 5\n").policy == Policy(1, 5.0, 20.0)


def test_paths_of_the_command_line_are_relative_to_the_folder_and_those_of_the_file_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "wasmimg.toml").write_text(TWO)
    jobs, _ = plan_jobs(Request(outputs=("oci:out",)), {}, tmp_path / "deep")
    assert [job.module for job in jobs] == [tmp_path / "one.wasm", tmp_path / "sub" / "two.wasm"]
    assert {str(job.outputs[0]) for job in jobs} == {f"oci:{tmp_path}/deep/out"}
    assert _job(tmp_path / "deep").module == tmp_path / "deep" / "plugin.wasm"


def test_several_plugins_are_built_in_the_order_of_the_file(tmp_path: Path) -> None:
    jobs = _jobs(tmp_path, TWO, push=True)
    assert [(job.plugin, str(job.references[0])) for job in jobs] == [
        ("one", "r.io/acme/one:1"),
        ("two", "r.io/acme/two:1"),
    ]


@pytest.mark.parametrize(
    "chosen, built",
    [(("two",), ["two"]), (("two", "one"), ["two", "one"]), (("one", "one"), ["one"])],
)
def test_plugins_that_were_named_are_built_and_no_others(
    chosen: tuple[str, ...], built: list[str], tmp_path: Path
) -> None:
    assert [job.plugin for job in _jobs(tmp_path, TWO, plugins=chosen)] == built


def test_a_module_on_the_command_line_leaves_the_plugins_of_the_file_alone(tmp_path: Path) -> None:
    assert _job(tmp_path, TWO).plugin == ""


@pytest.mark.parametrize(
    "head, image, names",
    [
        ("", "r.io/a/p:1", ["r.io/a/p:1"]),
        ("", "acme/p", ["acme/p:latest"]),
        ("registry = 'ghcr.io/acme'", "p:1", ["ghcr.io/acme/p:1"]),
        ("registry = 'ghcr.io/acme/'", "p:1", ["ghcr.io/acme/p:1"]),
        ("registry = 'ghcr.io/acme'", "team/p:1", ["ghcr.io/acme/team/p:1"]),
        ("registry = 'ghcr.io/acme'", "r.io/p/q:1", ["r.io/p/q:1"]),
        ("registry = 'ghcr.io/acme'", "127.0.0.1:5000/p/q:1", ["127.0.0.1:5000/p/q:1"]),
        ("registry = '127.0.0.1:5000'", "plug", ["127.0.0.1:5000/plug:latest"]),
    ],
)
def test_the_registry_of_the_file_stands_before_names_that_have_none(
    head: str, image: str, names: list[str], tmp_path: Path
) -> None:
    job = _plugin(tmp_path, f"image = '{image}'", head)
    assert [str(reference) for reference in job.references] == names


@pytest.mark.parametrize(
    "image, tags, names",
    [
        ("r.io/a/p:1", "['latest', 'v1']", ["r.io/a/p:1", "r.io/a/p:latest", "r.io/a/p:v1"]),
        ("r.io:5000/a/p", "['v1']", ["r.io:5000/a/p:latest", "r.io:5000/a/p:v1"]),
        ("r.io/a/p:1", "['1', '1']", ["r.io/a/p:1"]),
        ("r.io/a/p", "['latest']", ["r.io/a/p:latest"]),
    ],
)
def test_further_tags_name_the_same_repository(image: str, tags: str, names: list[str], tmp_path: Path) -> None:
    job = _plugin(tmp_path, f"image = '{image}'\ntags = {tags}")
    assert [str(reference) for reference in job.references] == names


def test_names_on_the_command_line_replace_those_of_the_file(tmp_path: Path) -> None:
    job = _plugin(tmp_path, "image = 'r.io/a/p:1'\ntags = ['x']", references=("s.io/q/r:2", "s.io/q/r:2"))
    assert [str(reference) for reference in job.references] == ["s.io/q/r:2"]


def test_variables_come_from_the_environment(tmp_path: Path) -> None:
    (job,) = _jobs(
        tmp_path,
        "registry = '${HOST}/acme'\n[plugins.p]\nmodule = '${DIR}/p.wasm'\nimage = 'p:${V}'\ntags = ['${V}-x']\n",
        {"HOST": "r.io", "DIR": "out", "V": "1.2"},
    )
    assert job.module == tmp_path / "out" / "p.wasm"
    assert [str(reference) for reference in job.references] == ["r.io/acme/p:1.2", "r.io/acme/p:1.2-x"]


def test_only_the_plugin_that_is_built_needs_its_variables(tmp_path: Path) -> None:
    file = TWO + "[plugins.three]\nmodule = '${ABSENT}'\n"
    assert len(_jobs(tmp_path, file, plugins=("one",))) == 1
    assert "the variable ABSENT is not set" in _refused(tmp_path, plugins=("three",)).message


def test_annotations_and_labels_of_the_command_line_are_merged_over_those_of_the_file(tmp_path: Path) -> None:
    job = _plugin(
        tmp_path,
        "image = 'r.io/a/p:1'\nannotations = { b = 'file', a = 'file' }\nlabels = { l = 'file' }",
        annotations=("a=typed", "c==x="),
        labels=("l=", "m=n"),
    )
    assert job.spec.annotations == (("a", "typed"), ("b", "file"), ("c", "=x="))
    assert job.spec.labels == (("l", ""), ("m", "n"))


@pytest.mark.parametrize("text, epoch", [("", 0), ("0", 0), ("1700000000", 1700000000), ("8589934591", (1 << 33) - 1)])
def test_the_time_of_the_image_is_source_date_epoch(text: str, epoch: int, tmp_path: Path) -> None:
    assert _job(tmp_path, environment={"SOURCE_DATE_EPOCH": text}).spec.epoch == epoch


@pytest.mark.parametrize(
    "text", ["now", "-1", "1.5", " 1", "1\n", "0x10", "1_000", "\u00b2", "\u0663", str(1 << 33), "9" * 5000]
)
def test_a_time_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    error = _refused(tmp_path, "", {"SOURCE_DATE_EPOCH": text}, module=PLUGIN, outputs=("oci:out",))
    assert error.message.startswith("SOURCE_DATE_EPOCH is ")
    assert len(error.message) < 200


def test_the_time_is_1970_without_the_variable(tmp_path: Path) -> None:
    assert _job(tmp_path).spec.epoch == 0


@pytest.mark.parametrize(
    "typed, platform", [(None, Platform("linux", "amd64")), ("linux/arm64/v8", Platform("linux", "arm64", "v8"))]
)
def test_the_platform_is_linux_amd64_unless_said(typed: str | None, platform: Platform, tmp_path: Path) -> None:
    assert _job(tmp_path, platform=typed).spec.platform == platform


def test_a_docker_archive_alone_makes_the_format_docker(tmp_path: Path) -> None:
    job = _job(tmp_path, outputs=("docker-archive:out.tar",))
    assert (job.spec.format, job.format_asked) == (Format.DOCKER, True)


def test_an_output_that_is_named_twice_is_written_once(tmp_path: Path) -> None:
    assert len(_job(tmp_path, outputs=("oci:out", "oci:out")).outputs) == 1


@pytest.mark.parametrize("engine", [None, "auto", "docker"])
def test_a_dockerfile_names_its_module_and_chooses_docker(engine: str | None, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "Dockerfile").write_text("FROM scratch\nCOPY build/f.wasm ./plugin.wasm\n")
    (job,) = _jobs(tmp_path, dockerfile=Path("sub/Dockerfile"), engine=engine, references=("r.io/a/p:1",))
    assert (job.engine, job.module) == ("docker", tmp_path / "sub" / "build" / "f.wasm")
    (job,) = _jobs(tmp_path, dockerfile=Path("sub/Dockerfile"), module=PLUGIN, references=("r.io/a/p:1",))
    assert job.module == tmp_path / "plugin.wasm"


def test_a_digest_file_in_the_way_is_of_the_file_system(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 300) / "file"
    for path, words in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "file", "does not exist"),
        (long, "does not exist"),
    ):
        with pytest.raises(FileSystemFailed, match=words):
            _job(tmp_path, digest_file=path)
