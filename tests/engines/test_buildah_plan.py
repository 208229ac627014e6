"""The buildah plan: from scratch, one copy, a compressed commit, and the container gone after."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.engines.orders import PLACES, UNIQUE, commands, every_step, order, values_of
from wasmimg.engines.base import WORK, Order, check_plan
from wasmimg.engines.buildah import plan_buildah
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.platform import Platform

CONTAINER = f"wasmimg-{UNIQUE}"
EVERY = [
    pytest.param(order("r.io/acme/p:1", "r.io/acme/p:2", form=form, **more), id=f"{form}-{name}")
    for form, (name, more) in product(Format, PLACES.items())
]


@pytest.mark.parametrize("wanted", EVERY)
def test_every_plan_copies_once_into_scratch(wanted: Order) -> None:
    plan = plan_buildah(wanted)
    check_plan(plan)
    assert [step.argv for step in every_step(plan) if step.argv[1] in ("copy", "add", "run")] == [
        ("buildah", "copy", CONTAINER, f"{WORK}/plugin.wasm", "./")
    ]
    (origin,) = commands(every_step(plan), "buildah", "from")
    assert origin[-1] == "scratch"
    assert values_of(origin, "--name") == [CONTAINER]
    assert [(staged.name, staged.text) for staged in plan.staged] == [("plugin.wasm", None)]


@pytest.mark.parametrize("wanted", EVERY)
def test_the_container_is_always_removed(wanted: Order) -> None:
    assert [step.argv for step in plan_buildah(wanted).cleanup] == [("buildah", "rm", CONTAINER)]


@pytest.mark.parametrize("wanted", EVERY)
def test_every_commit_is_compressed_and_repeatable(wanted: Order) -> None:
    plan = plan_buildah(wanted._replace(spec=wanted.spec._replace(epoch=86400)))
    for argv in commands(every_step(plan), "buildah", "commit"):
        assert "--disable-compression=false" in argv
        assert values_of(argv, "--timestamp") == ["86400"]
        assert argv[-2] == CONTAINER


@pytest.mark.parametrize("wanted", EVERY)
def test_a_commit_to_a_layout_is_oci_since_a_layout_holds_nothing_else(wanted: Order) -> None:
    for argv in commands(every_step(plan_buildah(wanted)), "buildah", "commit"):
        assert values_of(argv, "--format") == ["oci" if argv[-1].startswith("oci:") else str(wanted.spec.format)]


@pytest.mark.parametrize("form", Format)
def test_a_push_commits_every_name_to_its_registry(form: Format) -> None:
    plan = plan_buildah(order("r.io/acme/p:1", "s.io/p/q:2", form=form, push=True))
    pushes = [step for step in plan.steps if step.network]
    assert [step.argv[-1] for step in pushes] == ["docker://r.io/acme/p:1", "docker://s.io/p/q:2"]
    assert plan.finish is None


@pytest.mark.parametrize("form", Format)
def test_without_a_place_every_name_is_committed_to_the_store_and_read_back(form: Format) -> None:
    plan = plan_buildah(order("r.io/acme/p:1", "r.io/acme/p:2", form=form))
    assert [argv[-1] for argv in commands(plan.steps, "buildah", "commit")] == ["r.io/acme/p:1", "r.io/acme/p:2"]
    assert [argv[-2:] for argv in commands(plan.export, "buildah", "push")] == [
        ("r.io/acme/p:1", f"oci:{WORK}/layout:image")
    ]


@pytest.mark.parametrize("name", ["layout", "archive", "load", "push and layout", "push and load"])
@pytest.mark.parametrize("form", Format)
def test_files_are_written_by_wasmimg_from_one_layout(name: str, form: Format) -> None:
    wanted = order("r.io/acme/p:1", form=form, **PLACES[name])
    plan = plan_buildah(wanted)
    assert plan.finish is not None
    assert plan.finish.source == plan.exported == f"oci:{WORK}/layout:image"
    assert plan.finish.push == wanted.push
    assert tuple(output for output in plan.finish.outputs if WORK not in output) == wanted.outputs
    assert not commands(plan.steps, "buildah", "commit")
    assert bool(commands(plan.after, "docker", "load")) == wanted.load


@pytest.mark.parametrize("more", [{"own_credentials": True}, {"ca_file": Path("ca.pem")}])
def test_what_buildah_does_not_know_makes_wasmimg_push(more: dict[str, Any]) -> None:
    plan = plan_buildah(order("r.io/acme/p:1", push=True, **more))
    assert plan.finish is not None
    assert plan.finish.push
    assert not any(step.network for step in plan.steps)


@pytest.mark.parametrize(
    "reference, insecure, flag",
    [
        ("127.0.0.1:5000/acme:1", (), True),
        ("localhost:5000/acme:1", (), True),
        ("[::1]:5000/acme:1", (), True),
        ("127.8.9.1:5000/acme:1", (), True),
        ("r.io/acme/p:1", (), False),
        ("r.io/acme/p:1", ("s.io",), False),
        ("r.io/acme/p:1", ("r.io",), True),
        ("127.0.0.1.evil.io/acme:1", (), False),
        ("localhost.evil.io/acme:1", (), False),
    ],
)
def test_tls_is_left_out_for_this_machine_and_for_hosts_that_were_named(
    reference: str, insecure: tuple[str, ...], flag: bool
) -> None:
    plan = plan_buildah(order(reference, push=True, insecure=frozenset(insecure)))
    (push,) = [step.argv for step in plan.steps if step.network]
    assert ("--tls-verify=false" in push) is flag


def test_only_the_insecure_one_of_two_registries_goes_without_tls() -> None:
    plan = plan_buildah(order("r.io/p/q:1", "lab.io/p/q:1", push=True, insecure=frozenset({"lab.io"})))
    pushes = {step.argv[-1]: "--tls-verify=false" in step.argv for step in plan.steps if step.network}
    assert pushes == {"docker://r.io/p/q:1": False, "docker://lab.io/p/q:1": True}


def test_annotations_and_labels_are_set_before_the_commit() -> None:
    spec = ImageSpec(annotations=(("a", "b c"), ("x", "$y'")), labels=(("l", ""),))
    steps = plan_buildah(order("r.io/p/q:1", spec=spec)).steps
    assert [step.argv[1] for step in steps] == ["from", "copy", "config", "commit"]
    config = steps[2].argv
    assert values_of(config, "--annotation") == ["a=b c", "x=$y'", "module.wasm.image/variant=compat"]
    assert values_of(config, "--label") == ["l="]
    assert config[-1] == CONTAINER


def test_docker_format_has_no_annotations_and_needs_no_config() -> None:
    spec = ImageSpec(annotations=(("a", "b"),))
    plan = plan_buildah(order("r.io/p/q:1", form=Format.DOCKER, spec=spec))
    assert not commands(plan.steps, "buildah", "config")


@pytest.mark.parametrize(
    "platform, words",
    [
        (Platform("linux", "amd64"), ("--os", "linux", "--arch", "amd64", "scratch")),
        (Platform("linux", "arm64", "v8"), ("--os", "linux", "--arch", "arm64", "--variant", "v8", "scratch")),
    ],
)
def test_the_platform_is_said_at_the_beginning(platform: Platform, words: tuple[str, ...]) -> None:
    ((*origin,),) = commands(
        plan_buildah(order("r.io/p/q:1", spec=ImageSpec(platform=platform))).steps, "buildah", "from"
    )
    assert tuple(origin[4:]) == words


def test_what_names_buildahs_version_or_the_time_is_left_out_as_far_as_it_can() -> None:
    new = {"commit": frozenset({"timestamp", "identity-label", "omit-history", "created-annotation"})}
    for flags, words in ((new, 3), ({"commit": frozenset({"timestamp", "omit-history"})}, 1), ({}, 0)):
        for wanted in (order("r.io/p/q:1", push=True), order("r.io/p/q:1"), order("r.io/p/q:1", outputs=("oci:o",))):
            for argv in commands(every_step(plan_buildah(wanted, flags)), "buildah", "commit"):
                steady = {"--identity-label=false", "--omit-history", "--created-annotation=false"} & set(argv)
                assert len(steady) == words
