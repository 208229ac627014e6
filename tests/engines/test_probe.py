"""Which engine runs: the one asked for, or by format the documented one if it answers."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from wasmimg.engines.probe import Choice, choose
from wasmimg.errors import NoEngine, UsageError
from wasmimg.image.media_types import Format

_DOCKER = """case "$1" in
version) echo '{"Client":{"Version":"28.5.2"},"Server":{"Version":"28.5.2"}}' ;;
info) echo '[["driver-type","io.containerd.snapshotter.v1"]]' ;;
esac
"""
_DOWN = "echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1"
_BROKEN = 'echo "Error: open /var/lib/containers/storage/storage.lock: read-only file system" >&2; exit 125'
_DEBIAN_STAND_IN = """echo "Emulate Docker CLI using podman." >&2
[ "$1" != version ] || echo '{"Client":{"APIVersion":"4.3.1","Version":"4.3.1"}}'
"""


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)


def _choose(fakes: Fakes, asked: str, form: Format = Format.OCI, *, dry_run: bool = False, **more: str) -> Choice:
    # The system's folders stay out, where a real docker or buildah may be.
    environment = {"PATH": str(fakes.programs), **more}
    return choose(asked, form, environment=environment, idle=5.0, dry_run=dry_run)


@pytest.mark.parametrize("form, engine", [(Format.OCI, "buildah"), (Format.DOCKER, "docker")])
def test_auto_takes_the_documented_engine_of_the_format(form: Format, engine: str, fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    fakes.add("buildah")
    choice = _choose(fakes, "auto", form)
    assert choice.engine == engine
    assert f"the documented engine for format {form}" in choice.why


@pytest.mark.parametrize(
    "form, other, body", [(Format.OCI, "docker", _DOCKER), (Format.DOCKER, "buildah", "")], ids=["oci", "docker"]
)
def test_auto_is_embedded_when_the_documented_engine_is_not_there(
    form: Format, other: str, body: str, fakes: Fakes
) -> None:
    fakes.add(other, body)
    choice = _choose(fakes, "auto", form)
    assert choice.engine == "embedded"
    assert "is not installed" in choice.why


@pytest.mark.parametrize(
    "form, engine, body, why",
    [
        (Format.DOCKER, "docker", _DOWN, "Cannot connect to the Docker daemon"),
        (Format.DOCKER, "docker", _DEBIAN_STAND_IN, "is not docker"),
        (Format.DOCKER, "docker", "exit 1", "does not answer"),
        (Format.OCI, "buildah", _BROKEN, "read-only file system"),
        (Format.OCI, "buildah", "echo one >&2; echo two >&2; exit 125", "does not answer (two)"),
    ],
)
def test_auto_is_embedded_when_the_documented_engine_does_not_work_and_says_why(
    form: Format, engine: str, body: str, why: str, fakes: Fakes
) -> None:
    fakes.add(engine, body)
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


@pytest.mark.parametrize("engine, body", [("docker", _DOCKER), ("buildah", "")])
@pytest.mark.parametrize("form", Format)
def test_an_engine_that_is_asked_for_runs_whatever_the_format(
    engine: str, body: str, form: Format, fakes: Fakes
) -> None:
    fakes.add(engine, body)
    assert _choose(fakes, engine, form)[:2] == (engine, "as asked")


def test_docker_is_asked_for_its_store_and_its_builder(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    facts = _choose(fakes, "docker").docker
    assert facts is not None
    assert facts == ("28.5.2", True, True)


def test_without_buildx_it_is_the_legacy_builder(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER + '[ "$1" != buildx ] || exit 1')
    facts = _choose(fakes, "docker").docker
    assert facts is not None
    assert not facts.buildkit


def test_the_users_choice_of_a_builder_counts(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    facts = _choose(fakes, "docker", DOCKER_BUILDKIT="0").docker
    assert facts is not None
    assert not facts.buildkit


@pytest.mark.parametrize("engine", ["docker", "buildah"])
def test_an_engine_that_is_asked_for_and_absent_is_refused_with_a_way_out(engine: str, fakes: Fakes) -> None:
    with pytest.raises(NoEngine, match=f"{engine} is not installed") as caught:
        _choose(fakes, engine)
    assert "--engine embedded" in (caught.value.hint or "")


def test_a_daemon_that_is_down_is_refused_in_its_own_words(fakes: Fakes) -> None:
    fakes.add("docker", _DOWN)
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "docker")
    assert "Cannot connect to the Docker daemon" in (caught.value.reason or "")
    assert "start the docker daemon" in (caught.value.hint or "")


def test_a_socket_without_permission_names_the_group(fakes: Fakes) -> None:
    fakes.add(
        "docker",
        "echo 'permission denied while trying to connect to the Docker daemon socket at unix:///x' >&2; exit 1",
    )
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "docker")
    assert "group docker" in (caught.value.hint or "")


def test_a_buildah_that_fails_its_probe_is_no_engine_whatever_it_says(fakes: Fakes) -> None:
    fakes.add("buildah", _BROKEN)
    with pytest.raises(NoEngine, match="buildah does not answer") as caught:
        _choose(fakes, "buildah")
    assert "storage.lock" in (caught.value.reason or "")


def test_an_engine_that_never_answers_is_given_up(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasmimg.engines.process._POLL", 0.02)
    monkeypatch.setattr("wasmimg.engines.process._GRACE", 0.1)
    fakes.add("docker", "PATH=/usr/bin:/bin; exec sleep 30")
    began = time.monotonic()
    with pytest.raises(NoEngine, match="docker does not answer") as caught:
        choose("docker", Format.OCI, environment={"PATH": str(fakes.programs)}, idle=0.2)
    assert time.monotonic() - began < 3
    assert "moved no byte" in (caught.value.reason or "")


def test_embedded_asks_nobody(fakes: Fakes) -> None:
    fakes.add("docker", _DOCKER)
    fakes.add("buildah")
    assert _choose(fakes, "embedded") == Choice("embedded", "as asked")
    assert fakes.calls() == []


def test_podman_is_refused_and_buildah_named(fakes: Fakes) -> None:
    with pytest.raises(NoEngine, match="podman is not driven yet") as caught:
        _choose(fakes, "podman")
    assert "--engine buildah" in (caught.value.hint or "")


@pytest.mark.parametrize("dry_run", [False, True])
def test_an_unknown_engine_is_a_usage_error(dry_run: bool, fakes: Fakes) -> None:
    with pytest.raises(UsageError, match="unknown engine 'dokcer'; did you mean 'docker'"):
        _choose(fakes, "dokcer", dry_run=dry_run)


@pytest.mark.parametrize("engine", ["docker", "buildah"])
def test_a_dry_run_needs_no_engine_and_says_that_it_would_not_run(engine: str, fakes: Fakes) -> None:
    choice = _choose(fakes, engine, dry_run=True)
    assert choice.engine == engine
    assert "it would not run here" in choice.why
