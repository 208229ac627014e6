"""A registry that fails is survived where it may be, and named where it may not."""

from __future__ import annotations

import base64
import json
import socket
import time
from pathlib import Path

import pytest

from integration import reader
from integration.calling import build, containers, left_over, wasmimg
from integration.conftest import ENGINES, EVERY_WAY
from integration.faults import FaultyRegistry


@pytest.mark.parametrize("fault", ["503", "429", "reset"])
@pytest.mark.parametrize(("engine", "form"), EVERY_WAY)
def test_one_failure_of_each_request_is_survived(
    engine: str, form: str, fault: str, registry: str, example: Path, environment: dict[str, str]
) -> None:
    with FaultyRegistry(registry, fault) as faulty:
        reference = f"{faulty.host}/faults/{fault}-{engine}-{form}:1"
        build(example, "-e", engine, "-f", form, "-t", reference, "--push", environment=environment)
        failed = {one.method for one in faulty.failures()}
    assert {"POST", "PUT", "GET"} <= failed
    reader.assert_shape(reader.from_registry(reference.replace(faulty.host, registry)), form, example.read_bytes())


@pytest.mark.parametrize("engine", ENGINES)
def test_a_dead_registry_is_class_7_before_the_deadline(
    engine: str, example: Path, environment: dict[str, str]
) -> None:
    with socket.socket() as taken:  # a port that nobody listens on
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        began = time.monotonic()
        said = wasmimg("build", example, "-e", engine, "-t", f"{host}/a/b:1", "--push", environment=environment)
    assert said.code == 7, said.err
    assert "Connection refused" in said.err or "connection refused" in said.err
    assert time.monotonic() - began < 120
    _nothing_stays(environment)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_registry_that_fails_for_good_is_class_7(
    engine: str, registry: str, example: Path, environment: dict[str, str]
) -> None:
    with FaultyRegistry(registry, "503", always=True) as faulty:
        reference = f"{faulty.host}/faults/never:1"
        said = wasmimg("build", example, "-e", engine, "-t", reference, "--push", environment=environment)
    assert said.code == 7, said.err
    assert "503" in said.err
    assert not any(one.method == "PUT" and "manifests" in one.path for one in faulty.seen)
    _nothing_stays(environment)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_silent_registry_ends_by_the_idle_time_out(
    engine: str, example: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "wasmimg.toml").write_text("[retry]\nattempts = 2\nidle_timeout = 1\n")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reference = f"127.0.0.1:{silent.getsockname()[1]}/a/b:1"
        began = time.monotonic()
        said = wasmimg(
            "build", example, "-e", engine, "-f", "docker", "-t", reference, "--push",
            environment=environment, cwd=tmp_path,
        )  # fmt: skip
    assert said.code == 7, said.err
    assert time.monotonic() - began < 30
    _nothing_stays(environment)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_wrong_password_is_class_6_in_two_seconds(
    engine: str, locked_registry: str, example: Path, environment: dict[str, str]
) -> None:
    _log_in(environment, locked_registry, "other")
    reference = f"{locked_registry}/locked/{engine}:1"
    words = ("build", example, "-e", engine, "-f", "docker", "-t", reference, "--push")
    began = time.monotonic()
    said = wasmimg(*words, environment=environment)
    took = time.monotonic() - began
    assert said.code == 6, said.err
    assert took < 2.0
    assert "config.json" in said.err  # where the credentials came from
    assert "anna:other" not in said.err
    assert _auth("other") not in said.err
    _nothing_stays(environment)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_password_is_class_6(engine: str, locked_registry: str, example: Path, environment: dict[str, str]) -> None:
    reference = f"{locked_registry}/locked/{engine}:2"
    said = wasmimg("build", example, "-e", engine, "-t", reference, "--push", environment=environment)
    assert said.code == 6, said.err
    assert "docker login" in said.err


@pytest.mark.parametrize(("engine", "form"), EVERY_WAY)
def test_the_right_password_lets_in(
    engine: str, form: str, locked_registry: str, example: Path, environment: dict[str, str]
) -> None:
    _log_in(environment, locked_registry, "right")
    reference = f"{locked_registry}/locked/{engine}:{form}"
    out = build(example, "-e", engine, "-f", form, "-t", reference, "--push", environment=environment)
    assert out.startswith(f"{reference}@sha256:")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_password_on_standard_input_lets_in(
    engine: str, locked_registry: str, example: Path, environment: dict[str, str]
) -> None:
    reference = f"{locked_registry}/given/{engine}:1"
    words = ("-e", engine, "-t", reference, "--push", "--username", "anna", "--password-stdin")
    out = build(example, *words, environment=environment, stdin="right\n")
    assert out.startswith(f"{reference}@sha256:")


def _log_in(environment: dict[str, str], host: str, password: str) -> None:
    auths = {host: {"auth": _auth(password)}}
    Path(environment["DOCKER_CONFIG"], "config.json").write_text(json.dumps({"auths": auths}))


def _auth(password: str) -> str:
    return base64.b64encode(f"anna:{password}".encode()).decode()


def _nothing_stays(environment: dict[str, str]) -> None:
    assert left_over(Path(environment["TMPDIR"])) == []
    assert not any(name.startswith("wasmimg-") for name in containers(environment))
