"""What `wasmimg doctor` shows, and when it fails."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.calling import Cli
from tests.engines.fakes import Fakes

_DOCKER = """case "$1" in
version) echo 1.51 ;;
info) echo '{"ServerVersion":"28.5.2","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"ClientInfo":{}}' ;;
buildx) echo 'github.com/docker/buildx v0.29.1 1234567' ;;
esac
"""
_DOWN = """[ "$1" != info ] || { echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1; }
"""


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path / "fakes")


@pytest.fixture
def machine(cli: Cli, fakes: Fakes, tmp_path: Path) -> Cli:
    """wasmimg on a machine with the engines of ``fakes`` and a home."""
    home = tmp_path / "home"
    home.mkdir()
    default = {"PATH": str(fakes.programs), "HOME": str(home), "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    return lambda *words, **more: cli("doctor", *words, **{**default, **more})


def _engine(report: object, name: str) -> dict[str, object]:
    assert isinstance(report, dict)
    (found,) = [one for one in report["engines"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


def test_without_any_engine_auto_still_works(machine: Cli) -> None:
    said = machine("--json")
    assert said.code == said.json["exit_code"] == 0
    assert said.json["auto"]["oci"]["engine"] == said.json["auto"]["docker"]["engine"] == "embedded"
    assert [one["works"] for one in said.json["engines"]] == [False, False, False, True]
    for name in ("docker", "buildah", "podman"):
        assert _engine(said.json, name)["problem"] == f"{name} is not installed: it is not on PATH"


def test_every_engine_is_shown_with_what_follows(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    fakes.add("buildah")
    fakes.add("podman")
    said = machine("--json")
    docker = _engine(said.json, "docker")
    assert docker["path"] == str(fakes.programs / "docker")
    assert docker["facts"] == {
        "version": "28.5.2",
        "buildx": "v0.29.1",
        "builder": "BuildKit",
        "daemon": "28.5.2",
        "store": "containerd",
        "context": "default",
    }
    assert docker["follows"] == [
        "format oci: docker builds and wasmimg pushes, since docker cannot write the annotation of the compat variant",
        "format docker: docker builds and pushes",
    ]
    assert {name: one["engine"] for name, one in said.json["auto"].items()} == {"oci": "buildah", "docker": "docker"}
    text = machine().out
    for words in ("28.5.2", "v0.29.1", "containerd", "buildah pushes both formats itself", "format docker: docker"):
        assert words in text


def test_a_classic_store_is_said_to_keep_no_oci_image(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER.replace('[["driver-type","io.containerd.snapshotter.v1"]]', "[]"))
    out = machine().out
    assert "a classic docker store never pushes OCI" in out
    assert "format oci needs --push or -o" in out


def test_the_legacy_builder_on_a_containerd_store_is_named(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    out = machine(DOCKER_BUILDKIT="0").out
    assert "the legacy builder" in out
    assert "which no proxy takes" in out


@pytest.mark.parametrize("engine", ["docker", "buildah", "podman"])
@pytest.mark.parametrize("by", ["--engine", "WASMIMG_ENGINE", "wasmimg.toml"])
def test_an_engine_that_was_chosen_and_does_not_work_is_4(engine: str, by: str, machine: Cli, tmp_path: Path) -> None:
    if by == "wasmimg.toml":
        (tmp_path / "wasmimg.toml").write_text(f'engine = "{engine}"\n')
    words = ("--engine", engine) if by == "--engine" else ()
    more = {"WASMIMG_ENGINE": engine} if by == "WASMIMG_ENGINE" else {}
    said = machine("--json", *words, **more)
    assert said.code == said.json["exit_code"] == 4
    assert (said.json["engine"]["selected"], said.json["engine"]["works"]) == (engine, False)
    assert by in said.json["engine"]["source"]
    assert f"engine {engine}" in machine("-q", *words, **more).out


def test_a_daemon_that_is_down_is_told_in_its_words_with_a_way_out(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", _DOWN + _DOCKER)
    said = machine("-e", "docker")
    assert said.code == 4
    assert "Cannot connect to the Docker daemon" in said.out
    assert "try: start the docker daemon" in said.out
    assert machine().code == 0


@pytest.fixture
def hanging() -> Iterator[str]:
    """The address of a daemon that takes connections and says nothing."""
    folder = tempfile.mkdtemp(prefix="wd-")  # the path of a Unix socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/docker.sock")
        listener.listen()
        yield f"unix://{folder}/docker.sock"
    shutil.rmtree(folder)


def test_a_daemon_that_hangs_is_waited_for_once_and_not_long(
    machine: Cli, fakes: Fakes, hanging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmimg.doctor._PATIENCE", 0.5)
    fakes.add("docker", _DOCKER)
    began = time.monotonic()
    said = machine("-e", "docker", "--json", DOCKER_HOST=hanging)
    assert time.monotonic() - began < 5
    assert said.code == 4
    assert "said nothing for 0.5 seconds" in said.json["engine"]["problem"]
    assert "said nothing" in said.json["auto"]["docker"]["why"]


def test_podman_that_is_called_docker_is_said_to_be_that(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", "[ $1 != --version ] || echo 'podman version 5.4.2'", mute=True)
    fakes.add("podman")
    said = machine("--json")
    assert _engine(said.json, "docker")["follows"] == ["what is called docker here is podman, and is driven as podman"]
    assert said.json["auto"]["docker"]["engine"] == "podman"


def test_credentials_are_listed_without_being_shown(machine: Cli, fakes: Fakes, tmp_path: Path) -> None:
    secret = base64.b64encode(b"anna:hunter2").decode()
    folder = tmp_path / "home" / ".docker"
    folder.mkdir()
    content = {
        "auths": {"ghcr.io": {"auth": secret}, "https://anna:hunter2@r.test/v2/": {"identitytoken": "hunter2"}},
        "credHelpers": {"gcr.io": "gcloud"},
        "credsStore": "pass",
    }
    (folder / "config.json").write_text(json.dumps(content))
    fakes.add("docker-credential-pass")
    proxy = "http://anna:hunter2@proxy:3128"
    more = {"WASMIMG_USERNAME": "anna", "WASMIMG_PASSWORD": "hunter2", "HTTPS_PROXY": proxy}
    said = machine("--json", **more)
    (file,) = [one for one in said.json["credentials"]["files"] if one["there"]]
    assert file["path"] == str(folder / "config.json")
    assert file["registries"] == ["gcr.io", "ghcr.io", "https://r.test/v2/"]
    assert file["helpers"] == ["docker-credential-gcloud", "docker-credential-pass"]
    assert file["problem"] == "docker-credential-gcloud is not on PATH"
    assert said.json["credentials"]["given"] is True
    text = machine(**more).out
    for out in (said.out, text):
        assert "hunter2" not in out
        assert secret not in out
    assert "ghcr.io" in text
    assert "HTTPS_PROXY=http://proxy:3128" in text


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_credentials_file_that_cannot_be_read_is_named(content: str, machine: Cli, tmp_path: Path) -> None:
    (tmp_path / "auth.json").write_text(content)
    said = machine("--json", REGISTRY_AUTH_FILE=str(tmp_path / "auth.json"))
    assert said.code == 0
    assert "no JSON" in said.json["credentials"]["files"][0]["problem"]


def test_settings_are_shown_with_what_becomes_of_them(machine: Cli, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    more = {"DOCKER_DEFAULT_PLATFORM": "linux/arm64", "BUILDX_BUILDER": "far", "DOCKER_CONTENT_TRUST": "1"}
    out = machine(**more).out
    assert "DOCKER_DEFAULT_PLATFORM=linux/arm64 is overruled" in out
    assert "BUILDX_BUILDER=far is overruled" in out
    assert "DOCKER_CONTENT_TRUST=1 is heeded by docker before 29 alone" in out


def test_the_configuration_is_read(machine: Cli, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text('insecure = ["registry.lab:5000"]\n')
    said = machine("--json")
    assert said.json["config"] == str(tmp_path / "wasmimg.toml")
    assert said.json["registries"]["insecure"] == ["registry.lab:5000"]
    (tmp_path / "wasmimg.toml").write_text('engin = "docker"\n')
    assert machine().code == 2


def test_an_engine_like_none_is_a_usage_error(machine: Cli) -> None:
    said = machine("-e", "dokcer")
    assert (said.code, said.out) == (2, "")
    assert "did you mean 'docker'?" in said.err
