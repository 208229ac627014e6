"""A plan that would not give exactly one layer with one file is caught before anything runs."""

from __future__ import annotations

import pytest

from tests.engines.orders import order
from wasmimg.engines.base import WORK, Plan, Staged, Step, check_plan, refuse_engine
from wasmimg.engines.buildah import plan_buildah
from wasmimg.engines.docker import DockerFacts, plan_docker
from wasmimg.engines.podman import plan_podman
from wasmimg.errors import UsageError

DOCKER = plan_docker(order("r.io/p/q:1"), DockerFacts())
PODMAN = plan_podman(order("r.io/p/q:1"))
BUILDAH = plan_buildah(order("r.io/p/q:1"))
BUILD, COPY = DOCKER.steps[0], BUILDAH.steps[1]


def _dockerfile(text: str) -> Plan:
    return DOCKER._replace(staged=(Staged("Dockerfile", text), Staged("plugin.wasm")))


@pytest.mark.parametrize("plan", [DOCKER, PODMAN, BUILDAH, Plan("embedded")], ids=lambda plan: plan.engine)
def test_a_plan_of_ours_passes(plan: Plan) -> None:
    check_plan(plan)


@pytest.mark.parametrize(
    "text, line",
    [
        ("FROM scratch\nCOPY plugin.wasm ./\nCOPY plugin.wasm ./\n", ":3:"),
        ("FROM scratch\nCOPY plugin.wasm ./\nADD plugin.wasm ./\n", ":3:"),
        ("FROM scratch\n", ":1:"),
        ("FROM alpine\nCOPY plugin.wasm ./\n", ":1:"),
        ("FROM scratch\nCOPY plugin.wasm ./\nRUN true\n", ":3:"),
        ("FROM scratch AS a\nCOPY plugin.wasm ./\nFROM scratch\n", ":3:"),
        ("", ":1:"),
    ],
)
def test_a_dockerfile_without_the_one_copy_is_caught_with_its_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_plan(_dockerfile(text))
    assert line in (caught.value.reason or "")


DOCTORED = {
    "docker builds twice": DOCKER._replace(steps=(BUILD, BUILD)),
    "docker never builds": DOCKER._replace(steps=()),
    "docker copies another file": _dockerfile("FROM scratch\nCOPY other.wasm ./plugin.wasm\n"),
    "docker stages two modules": DOCKER._replace(staged=(*DOCKER.staged, Staged("second.wasm"))),
    "docker gets another file in its context": DOCKER._replace(
        steps=(BUILD._replace(context=("Dockerfile", "plugin.wasm", "second.wasm")),)
    ),
    "docker gets no module in its context": DOCKER._replace(steps=(BUILD._replace(context=("Dockerfile",)),)),
    "podman builds twice": PODMAN._replace(steps=(*PODMAN.steps, *PODMAN.steps)),
    "podman runs": PODMAN._replace(steps=(*PODMAN.steps, Step("", ("podman", "run", "c")))),
    "podman stages two modules": PODMAN._replace(staged=(*PODMAN.staged, Staged("second.wasm"))),
    "buildah copies twice": BUILDAH._replace(steps=(BUILDAH.steps[0], COPY, COPY, *BUILDAH.steps[2:])),
    "buildah never copies": BUILDAH._replace(steps=(BUILDAH.steps[0], *BUILDAH.steps[2:])),
    "buildah never begins": BUILDAH._replace(steps=BUILDAH.steps[1:]),
    "buildah begins twice": BUILDAH._replace(steps=(BUILDAH.steps[0], *BUILDAH.steps)),
    "buildah begins from a base": BUILDAH._replace(
        steps=(Step("", ("buildah", "from", "--name", "c", "alpine")), *BUILDAH.steps[1:])
    ),
    "buildah adds": BUILDAH._replace(steps=(*BUILDAH.steps, Step("", ("buildah", "add", "c", f"{WORK}/x", "./")))),
    "buildah runs": BUILDAH._replace(steps=(*BUILDAH.steps, Step("", ("buildah", "run", "c", "touch", "/x")))),
    "buildah copies in the export": BUILDAH._replace(export=(COPY, *BUILDAH.export)),
    "buildah stages two modules": BUILDAH._replace(staged=(*BUILDAH.staged, Staged("second.wasm"))),
    "buildah copies a file that is not the module": BUILDAH._replace(
        steps=(
            BUILDAH.steps[0],
            COPY._replace(argv=("buildah", "copy", "c", "/etc/passwd", "./")),
            *BUILDAH.steps[2:],
        )
    ),
}


@pytest.mark.parametrize("plan", DOCTORED.values(), ids=DOCTORED)
def test_a_doctored_plan_is_caught(plan: Plan) -> None:
    with pytest.raises((AssertionError, UsageError)):
        check_plan(plan)


@pytest.mark.parametrize(
    "name, near",
    [
        ("dokcer", "docker"),
        ("biuldah", "buildah"),
        ("podmann", "podman"),
        ("embeded", "embedded"),
        ("Docker", "docker"),
    ],
)
def test_a_mistyped_engine_names_the_nearest(name: str, near: str) -> None:
    error = refuse_engine(name)
    assert error.message == f"unknown engine {name!r}; did you mean {near!r}?"
    assert error.hint == "engines are auto, docker, buildah, podman, embedded"


def test_an_engine_like_none_names_them_all() -> None:
    assert refuse_engine("kaniko").message == "unknown engine 'kaniko'"
