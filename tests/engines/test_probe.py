"""Which engine runs: the one asked for, or by format the documented one if it answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from wasmimg.engines.probe import Choice, choose, paired_engine
from wasmimg.errors import NoEngine, UsageError
from wasmimg.image.media_types import Format

_DOCKER = """case "$1" in
--version) echo 'Docker version 28.5.2, build ecc6942' ;;
version) echo 1.51 ;;
info) echo '{"ServerVersion":"28.5.2","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],"ClientInfo":{}}' ;;
buildx) echo 'github.com/docker/buildx v0.29.1 1234567' ;;
esac
"""
_BUILDAH = """case "$1" in
--version) echo 'buildah version 1.28.2 (image-spec 1.1.0-rc2)' ;;
commit) echo '      --omit-history   omit history' ;;
esac
"""
_PODMAN = """case "$1" in
--version) echo 'podman version 4.3.1' ;;
push) echo '      --compression-format string   compression format to use' ;;
esac
"""
_STAND_IN = "echo 'Emulate Docker CLI using podman.' >&2; echo 'podman version 4.3.1'"
BODIES = {"docker": _DOCKER, "buildah": _BUILDAH, "podman": _PODMAN}


def _failing(engine: str, body: str) -> str:
    question = {"docker": "info", "buildah": "info", "podman": "images"}[engine]
    return f'[ "$1" != {question} ] || {{ {body}; }}\n{BODIES[engine]}'


_DOWN = "echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1"
_BROKEN = 'echo "Error: open /var/lib/containers/storage/storage.lock: read-only file system" >&2; exit 125'


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)


def _environment(fakes: Fakes, **more: str) -> dict[str, str]:
    # The system's folders stay out, where a real engine may be, and so does a real daemon.
    return {"PATH": str(fakes.programs), "DOCKER_HOST": "unix:///nonexistent/docker.sock", **more}


def _choose(fakes: Fakes, asked: str, form: Format = Format.OCI, *, dry_run: bool = False, **more: str) -> Choice:
    return choose(asked, form, environment=_environment(fakes, **more), idle=5.0, dry_run=dry_run)


@pytest.mark.parametrize("form, engine", [(Format.OCI, "buildah"), (Format.DOCKER, "docker")])
def test_auto_takes_the_documented_engine_of_the_format(form: Format, engine: str, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER, mute=True)
    fakes.add("buildah", _BUILDAH, mute=True)
    choice = _choose(fakes, "auto", form)
    assert choice.engine == engine
    assert f"the documented engine for format {form}" in choice.why


@pytest.mark.parametrize(
    "form, other, body",
    [(Format.OCI, "docker", _DOCKER), (Format.DOCKER, "buildah", _BUILDAH), (Format.OCI, "podman", _PODMAN)],
    ids=["oci", "docker", "podman"],
)
def test_auto_is_embedded_when_the_documented_engine_is_not_there(
    form: Format, other: str, body: str, fakes: Fakes
) -> None:
    fakes.add(other, body, mute=True)
    choice = _choose(fakes, "auto", form)
    assert choice.engine == "embedded"
    assert "is not installed" in choice.why


@pytest.mark.parametrize(
    "form, body, why",
    [
        (Format.DOCKER, _DOWN, "Cannot connect to the Docker daemon"),
        (Format.DOCKER, "exit 1", "does not answer"),
        (Format.OCI, _BROKEN, "read-only file system"),
        (Format.OCI, "echo one >&2; echo two >&2; exit 125", "does not answer (two)"),
    ],
)
def test_auto_is_embedded_when_the_documented_engine_does_not_work_and_says_why(
    form: Format, body: str, why: str, fakes: Fakes
) -> None:
    engine = paired_engine(form)
    fakes.add(engine, _failing(engine, body), mute=True)
    choice = _choose(fakes, "auto", form)
    assert choice.engine == "embedded"
    assert why in choice.why
    assert "\n" not in choice.why


@pytest.mark.parametrize("name, content", [("docker", b"\0garbage"), ("buildah", b"#!/nonexistent/sh\n")])
def test_auto_is_embedded_when_the_documented_engine_cannot_even_start(name: str, content: bytes, fakes: Fakes) -> None:
    path = fakes.programs / name
    path.write_bytes(content)
    path.chmod(0o755)
    assert _choose(fakes, "auto", Format.DOCKER if name == "docker" else Format.OCI).engine == "embedded"


@pytest.mark.parametrize("engine", BODIES)
@pytest.mark.parametrize("form", Format)
def test_an_engine_that_is_asked_for_runs_whatever_the_format(engine: str, form: Format, fakes: Fakes) -> None:
    fakes.add(engine, BODIES[engine], mute=True)
    assert _choose(fakes, engine, form)[:2] == (engine, "as asked")


def test_docker_is_asked_for_its_store_and_its_builder(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER, mute=True)
    facts = _choose(fakes, "docker").docker
    assert facts is not None
    assert (facts.version, facts.buildkit, facts.containerd) == ("28.5.2", True, True)


def test_buildah_and_podman_are_asked_for_their_options(fakes: Fakes) -> None:
    fakes.add("buildah", _BUILDAH, mute=True)
    fakes.add("podman", _PODMAN, mute=True)
    assert "omit-history" in _choose(fakes, "buildah").flags["commit"]
    assert "compression-format" in _choose(fakes, "podman").flags["push"]


def test_without_buildx_it_is_the_legacy_builder(fakes: Fakes) -> None:
    fakes.add("docker", '[ "$1" != buildx ] || exit 1\n' + _DOCKER, mute=True)
    facts = _choose(fakes, "docker").docker
    assert facts is not None
    assert not facts.buildkit


def test_the_users_choice_of_a_builder_counts(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER, mute=True)
    facts = _choose(fakes, "docker", DOCKER_BUILDKIT="0").docker
    assert facts is not None
    assert not facts.buildkit


@pytest.mark.parametrize("engine", BODIES)
def test_an_engine_that_is_asked_for_and_absent_is_refused_with_a_way_out(engine: str, fakes: Fakes) -> None:
    with pytest.raises(NoEngine, match=f"{engine} is not installed") as caught:
        _choose(fakes, engine)
    assert "--engine embedded" in (caught.value.hint or "")


def test_a_daemon_that_is_down_is_refused_in_its_own_words(fakes: Fakes) -> None:
    fakes.add("docker", _failing("docker", _DOWN), mute=True)
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "docker")
    assert "Cannot connect to the Docker daemon" in (caught.value.reason or "")
    assert "start the docker daemon" in (caught.value.hint or "")


def test_a_daemon_that_is_down_while_docker_ends_well_is_refused_as_well(fakes: Fakes) -> None:
    # docker before 27
    errors = '{"ServerErrors":["Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?"]}'
    fakes.add("docker", _failing("docker", f"echo '{errors}'; exit 0"), mute=True)
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "docker")
    assert "Cannot connect to the Docker daemon" in (caught.value.reason or "")
    assert "start the docker daemon" in (caught.value.hint or "")


@pytest.mark.parametrize("answer", ["", "null", "[]", "{", "{}", '"28"'])
def test_an_answer_that_is_none_is_no_engine(answer: str, fakes: Fakes) -> None:
    fakes.add("docker", _failing("docker", f"echo '{answer}'; exit 0"), mute=True)
    with pytest.raises(NoEngine, match="docker does not answer"):
        _choose(fakes, "docker")


def test_a_socket_without_permission_names_the_group(fakes: Fakes) -> None:
    words = "permission denied while trying to connect to the Docker daemon socket at unix:///x"
    fakes.add("docker", _failing("docker", f"echo '{words}' >&2; exit 1"), mute=True)
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "docker")
    assert "group docker" in (caught.value.hint or "")


@pytest.mark.parametrize("engine", ["buildah", "podman"])
def test_an_engine_that_fails_its_probe_is_none_whatever_it_says(engine: str, fakes: Fakes) -> None:
    fakes.add(engine, _failing(engine, _BROKEN), mute=True)
    with pytest.raises(NoEngine, match=f"{engine} does not answer") as caught:
        _choose(fakes, engine)
    assert "storage.lock" in (caught.value.reason or "")


@pytest.mark.parametrize("engine", BODIES)
@pytest.mark.parametrize("at", ["at once", "at the probe"])
def test_an_engine_that_never_answers_is_given_up(
    engine: str, at: str, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasmimg.engines.process._POLL", 0.02)
    monkeypatch.setattr("wasmimg.engines.process._GRACE", 0.1)
    silent = "PATH=/usr/bin:/bin; exec sleep 30"
    fakes.add(engine, silent if at == "at once" else _failing(engine, silent), mute=True)
    began = time.monotonic()
    with pytest.raises(NoEngine, match=f"{engine} does not answer") as caught:
        choose(engine, Format.OCI, environment=_environment(fakes), idle=0.4)
    assert time.monotonic() - began < 4
    assert "moved no byte" in (caught.value.reason or "")


@pytest.mark.parametrize("asked, form", [("docker", Format.OCI), ("docker", Format.DOCKER), ("auto", Format.DOCKER)])
def test_podman_that_is_called_docker_is_driven_as_podman_and_that_is_said(
    asked: str, form: Format, fakes: Fakes
) -> None:
    fakes.add("docker", _STAND_IN, mute=True)
    fakes.add("podman", _PODMAN, mute=True)
    choice = _choose(fakes, asked, form)
    assert choice.engine == "podman"
    assert choice.docker is None
    assert "compression-format" in choice.flags["push"]
    assert "podman" in choice.why


def test_podman_that_is_called_docker_and_does_not_work_is_no_engine(fakes: Fakes) -> None:
    fakes.add("docker", _STAND_IN, mute=True)
    fakes.add("podman", _failing("podman", _BROKEN), mute=True)
    with pytest.raises(NoEngine, match="podman does not answer"):
        _choose(fakes, "docker")
    assert _choose(fakes, "auto", Format.DOCKER).engine == "embedded"


def test_embedded_asks_nobody(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER, mute=True)
    fakes.add("buildah", _BUILDAH, mute=True)
    assert _choose(fakes, "embedded") == Choice("embedded", "as asked")
    assert fakes.calls() == []


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_unknown_engine_is_a_usage_error(dry_run: bool, fakes: Fakes) -> None:
    with pytest.raises(UsageError, match="unknown engine 'dokcer'; did you mean 'docker'"):
        _choose(fakes, "dokcer", dry_run=dry_run)


@pytest.mark.parametrize("engine", BODIES)
def test_a_dry_run_needs_no_engine_and_says_that_it_would_not_run(engine: str, fakes: Fakes) -> None:
    choice = _choose(fakes, engine, dry_run=True)
    assert choice.engine == engine
    assert "it would not run here" in choice.why
