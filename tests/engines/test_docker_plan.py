"""The docker plan: one COPY, the format asked, and only what docker can do left to docker."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.engines.orders import UNIQUE, commands, every_step, order, values_of
from wasmimg.engines.base import WORK, Dockerfile, Order, Plan, check_plan
from wasmimg.engines.docker import DockerFacts, plan_docker, why_not_direct
from wasmimg.errors import NoEngine
from wasmimg.image.dockerfile import check_dockerfile
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.platform import Platform

LEGACY_CLASSIC = DockerFacts("20.10.24", buildkit=False, containerd=False)
BUILDKIT_CLASSIC = DockerFacts("28.5.2", buildkit=True, containerd=False)
LEGACY_CONTAINERD = DockerFacts("28.5.2", buildkit=False, containerd=True)
BUILDKIT_CONTAINERD = DockerFacts("29.6.0", buildkit=True, containerd=True)
FACTS = (LEGACY_CLASSIC, BUILDKIT_CLASSIC, LEGACY_CONTAINERD, BUILDKIT_CONTAINERD)
TEMPORARY = f"wasmimg-{UNIQUE}:build"


def _orders(form: Format) -> dict[str, Order]:
    return {
        "push": order("r.io/acme/p:1", "r.io/acme/p:2", form=form, push=True),
        "layout": order("r.io/acme/p:1", form=form, outputs=("oci:out",)),
        "store": order("r.io/acme/p:1", form=form),
        "load": order("r.io/acme/p:1", form=form, load=True),
        "push and layout": order("r.io/acme/p:1", form=form, push=True, outputs=("oci:out",)),
        "load and layout": order("r.io/acme/p:1", form=form, load=True, outputs=("oci:out",)),
        "push and load": order("r.io/acme/p:1", form=form, push=True, load=True),
    }


EVERY = [
    pytest.param(facts, wanted, id=f"{facts.version}-{'buildkit' if facts.buildkit else 'legacy'}-{form}-{name}")
    for facts, form in product(FACTS, Format)
    for name, wanted in _orders(form).items()
]


def _build(plan: Plan) -> tuple[str, ...]:
    (argv,) = commands(plan.steps, "docker", "build")
    return argv


def _delivers(plan: Plan) -> set[str]:
    """Where the image gets to by this plan, and by whom."""
    found = {"docker pushes" for _ in commands(plan.steps, "docker", "push")}
    if plan.finish is not None:
        found |= {"wasmimg pushes"} if plan.finish.push else set()
        found |= {f"wasmimg writes {output}" for output in plan.finish.outputs if WORK not in output}
    if commands(plan.after, "docker", "load") or TEMPORARY not in values_of(_build(plan), "-t"):
        found.add("docker has it")
    return found


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_every_plan_builds_once_from_one_copy(facts: DockerFacts, wanted: Order) -> None:
    plan = plan_docker(wanted, facts)
    check_plan(plan)
    (build,) = [step for step in every_step(plan) if step.argv[:2] == ("docker", "build")]
    dockerfile, module = plan.staged
    assert dockerfile.text is not None
    assert check_dockerfile(dockerfile.text) == module.name == "plugin.wasm"
    assert build.context == ("Dockerfile", "plugin.wasm")
    assert build.argv[-1] == "-"


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_every_build_is_fresh_and_has_no_attestations_and_a_fixed_time(facts: DockerFacts, wanted: Order) -> None:
    (build,) = [step for step in plan_docker(wanted, facts).steps if step.argv[1] == "build"]
    assert "--no-cache" in build.argv
    assert values_of(build.argv, "--platform") == ["linux/amd64"]
    assert dict(build.environment) == {
        "BUILDX_BUILDER": "default",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "SOURCE_DATE_EPOCH": "0",
    }


def test_the_builder_is_that_of_dockers_context() -> None:
    plan = plan_docker(_orders(Format.DOCKER)["push"], BUILDKIT_CLASSIC._replace(context="desktop-linux"))
    assert dict(plan.steps[0].environment)["BUILDX_BUILDER"] == "desktop-linux"


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_what_docker_is_to_sign_is_pushed_by_docker_or_not_at_all(facts: DockerFacts, wanted: Order) -> None:
    signed = facts._replace(signed=True)
    pushed_by_docker = "docker pushes" in _delivers(plan_docker(wanted, facts))
    if wanted.push and not pushed_by_docker:
        with pytest.raises(NoEngine, match="DOCKER_CONTENT_TRUST") as caught:
            plan_docker(wanted, signed)
        assert caught.value.reason
        assert "DOCKER_CONTENT_TRUST" in (caught.value.hint or "")
    else:
        plan = plan_docker(wanted, signed)
        assert plan.signed is pushed_by_docker
        assert plan._replace(signed=False) == plan_docker(wanted, facts)


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_every_plan_reaches_all_that_was_ordered(facts: DockerFacts, wanted: Order) -> None:
    found = _delivers(plan_docker(wanted, facts))
    if wanted.push:
        assert len(found & {"docker pushes", "wasmimg pushes"}) == 1
    else:
        assert not found & {"docker pushes", "wasmimg pushes"}
    assert {text for text in found if "writes" in text} == {f"wasmimg writes {output}" for output in wanted.outputs}
    if wanted.load or wanted.to_store:
        assert "docker has it" in found


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_the_temporary_tag_is_removed_and_only_that(facts: DockerFacts, wanted: Order) -> None:
    plan = plan_docker(wanted, facts)
    removed = [step.argv for step in plan.cleanup]
    if TEMPORARY in values_of(_build(plan), "-t"):
        assert removed == [("docker", "image", "rm", TEMPORARY)]
    else:
        assert removed == []


@pytest.mark.parametrize("facts, wanted", EVERY)
def test_what_is_saved_was_built_under_that_name(facts: DockerFacts, wanted: Order) -> None:
    plan = plan_docker(wanted, facts)
    ((*_, name),) = commands(plan.export, "docker", "save")
    assert name in values_of(_build(plan), "-t")
    assert plan.exported == f"docker-archive:{WORK}/image.tar"


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("form", Format)
def test_docker_pushes_itself_only_what_has_the_format_asked(facts: DockerFacts, form: Format) -> None:
    direct = "docker pushes" in _delivers(plan_docker(_orders(form)["push"], facts))
    assert direct == (form is Format.DOCKER and facts is not LEGACY_CONTAINERD)


@pytest.mark.parametrize(
    "facts, form, why",
    [
        (BUILDKIT_CLASSIC, Format.OCI, "a classic docker store never pushes OCI"),
        (LEGACY_CLASSIC, Format.OCI, "a classic docker store never pushes OCI"),
        (LEGACY_CONTAINERD, Format.DOCKER, "an OCI manifest with a Docker layer"),
        (BUILDKIT_CONTAINERD, Format.OCI, "annotation"),
    ],
)
def test_why_docker_does_not_push_is_said(facts: DockerFacts, form: Format, why: str) -> None:
    assert why in (why_not_direct(_orders(form)["push"], facts) or "")


@pytest.mark.parametrize(
    "more, why",
    [
        ({"own_credentials": True}, "credentials"),
        ({"ca_file": Path("ca.pem")}, "CA"),
        ({"insecure": frozenset({"r.io"})}, "a setting of its daemon"),
    ],
)
def test_what_docker_does_not_know_makes_wasmimg_push(more: dict[str, Any], why: str) -> None:
    wanted = order("r.io/acme/p:1", form=Format.DOCKER, push=True, **more)
    assert why in (why_not_direct(wanted, BUILDKIT_CLASSIC) or "")
    assert _delivers(plan_docker(wanted, BUILDKIT_CLASSIC)) >= {"wasmimg pushes"}


def test_docker_pushes_to_this_machine_without_asking() -> None:
    wanted = order("127.0.0.1:5000/acme:1", form=Format.DOCKER, push=True, insecure=frozenset({"127.0.0.1:5000"}))
    assert why_not_direct(wanted, BUILDKIT_CLASSIC) is None


def test_every_name_is_built_and_pushed_in_the_order_given() -> None:
    plan = plan_docker(_orders(Format.DOCKER)["push"], BUILDKIT_CLASSIC)
    assert values_of(_build(plan), "-t") == ["r.io/acme/p:1", "r.io/acme/p:2"]
    assert commands(plan.steps, "docker", "push") == [
        ("docker", "push", "r.io/acme/p:1"),
        ("docker", "push", "r.io/acme/p:2"),
    ]


def test_a_name_of_docker_hub_is_written_in_full() -> None:
    plan = plan_docker(order("acme:1", form=Format.DOCKER, push=True), BUILDKIT_CLASSIC)
    assert commands(plan.steps, "docker", "push") == [("docker", "push", "docker.io/library/acme:1")]


@pytest.mark.parametrize("facts", FACTS)
@pytest.mark.parametrize("form", Format)
def test_only_pushes_talk_to_a_registry(facts: DockerFacts, form: Format) -> None:
    for wanted in _orders(form).values():
        for step in every_step(plan_docker(wanted, facts)):
            assert step.network == (step.argv[1] == "push")


@pytest.mark.parametrize("form, flag", [(Format.OCI, "true"), (Format.DOCKER, "false")])
def test_a_containerd_store_is_told_the_format_and_gzip(form: Format, flag: str) -> None:
    (output,) = values_of(_build(plan_docker(_orders(form)["store"], BUILDKIT_CONTAINERD)), "--output")
    assert set(output.split(",")) == {
        "type=image",
        f"oci-mediatypes={flag}",
        "compression=gzip",
        "force-compression=true",
    }


@pytest.mark.parametrize("facts", [LEGACY_CLASSIC, BUILDKIT_CLASSIC, LEGACY_CONTAINERD])
def test_who_does_not_know_output_is_not_given_it(facts: DockerFacts) -> None:
    assert "--output" not in _build(plan_docker(_orders(Format.DOCKER)["store"], facts))


@pytest.mark.parametrize("name", ["store", "load"])
def test_the_legacy_builder_on_a_containerd_store_gets_its_image_back_by_load(name: str) -> None:
    plan = plan_docker(_orders(Format.DOCKER)[name], LEGACY_CONTAINERD)
    assert values_of(_build(plan), "-t") == [TEMPORARY]
    assert plan.finish is not None
    (output,) = plan.finish.outputs
    assert commands(plan.after, "docker", "load") == [("docker", "load", "-i", output.removeprefix("docker-archive:"))]


def test_labels_and_platform_and_time_go_to_the_build() -> None:
    spec = ImageSpec(labels=(("a b", "c=$d"), ("k", "")), epoch=1700000000, platform=Platform("linux", "arm64", "v8"))
    (build,) = plan_docker(order("r.io/p/q:1", spec=spec), BUILDKIT_CLASSIC).steps
    assert values_of(build.argv, "--label") == ["a b=c=$d", "k="]
    assert values_of(build.argv, "--platform") == ["linux/arm64/v8"]
    assert dict(build.environment)["SOURCE_DATE_EPOCH"] == "1700000000"


def test_a_dockerfile_of_the_users_is_taken_as_it_is() -> None:
    text = "# mine\nFROM scratch\nLABEL a=b\nCOPY sub/f.wasm ./plugin.wasm\n"
    plan = plan_docker(order("r.io/p/q:1", dockerfile=Dockerfile(text, "sub/f.wasm")), BUILDKIT_CLASSIC)
    check_plan(plan)
    assert [(staged.name, staged.text) for staged in plan.staged] == [("Dockerfile", text), ("sub/f.wasm", None)]
    assert plan.steps[0].context == ("Dockerfile", "sub/f.wasm")
