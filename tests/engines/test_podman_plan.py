"""The podman plan: one COPY, and format and compression said whatever containers.conf has."""

from __future__ import annotations

from itertools import product

import pytest

from tests.engines.orders import PLACES, UNIQUE, commands, every_step, order, values_of
from wasmimg.engines.base import WORK, Dockerfile, Order, Plan, check_plan
from wasmimg.engines.podman import plan_podman
from wasmimg.errors import UsageError
from wasmimg.image.dockerfile import check_dockerfile
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.platform import Platform

OLD: dict[str, frozenset[str]] = {"build": frozenset({"timestamp"}), "push": frozenset({"format"})}
NEW = {
    "build": frozenset({"timestamp", "identity-label", "omit-history", "created-annotation"}),
    "push": frozenset({"format", "compression-format", "force-compression"}),
}
TEMPORARY = f"localhost/wasmimg-{UNIQUE}:build"
EVERY = [
    pytest.param(flags, order("r.io/acme/p:1", "r.io/acme/p:2", form=form, **more), id=f"{age}-{form}-{name}")
    for (age, flags), form, (name, more) in product({"old": OLD, "new": NEW}.items(), Format, PLACES.items())
]


def _build(plan: Plan) -> tuple[str, ...]:
    (argv,) = commands(every_step(plan), "podman", "build")
    return argv


@pytest.mark.parametrize("flags, wanted", EVERY)
def test_every_plan_builds_once_from_one_copy(flags: dict[str, frozenset[str]], wanted: Order) -> None:
    plan = plan_podman(wanted, flags)
    check_plan(plan)
    dockerfile, module = plan.staged
    assert check_dockerfile(dockerfile.text or "") == module.name == "plugin.wasm"
    (build,) = [step for step in every_step(plan) if step.argv[:2] == ("podman", "build")]
    assert build.context == ("Dockerfile", "plugin.wasm")
    assert build.argv[-1] == "-"


@pytest.mark.parametrize("flags, wanted", EVERY)
def test_every_build_is_fresh_and_repeatable_and_of_the_format_asked(
    flags: dict[str, frozenset[str]], wanted: Order
) -> None:
    build = _build(plan_podman(wanted._replace(spec=wanted.spec._replace(epoch=86400)), flags))
    assert "--no-cache" in build
    assert values_of(build, "--format") == [str(wanted.spec.format)]
    assert values_of(build, "--timestamp") == ["86400"]
    assert values_of(build, "--platform") == ["linux/amd64"]


@pytest.mark.parametrize("flags, wanted", EVERY)
def test_every_plan_reaches_all_that_was_ordered(flags: dict[str, frozenset[str]], wanted: Order) -> None:
    plan = plan_podman(wanted, flags)
    pushes = commands(plan.steps, "podman", "push")
    own = plan.finish is not None and plan.finish.push
    assert (bool(pushes) or own) == wanted.push
    assert not (pushes and own)
    written = tuple(one for one in plan.finish.outputs if WORK not in one) if plan.finish is not None else ()
    assert written == wanted.outputs
    assert bool(commands(plan.after, "docker", "load")) == wanted.load


@pytest.mark.parametrize("flags, wanted", EVERY)
def test_what_is_not_to_stay_is_removed_and_only_that(flags: dict[str, frozenset[str]], wanted: Order) -> None:
    plan = plan_podman(wanted, flags)
    stays = wanted.push or not (wanted.outputs or wanted.load)
    assert (TEMPORARY in values_of(_build(plan), "-t")) != stays
    assert [step.argv for step in plan.cleanup] == ([] if stays else [("podman", "image", "rm", TEMPORARY)])
    ((*_, saved),) = commands(plan.export, "podman", "save")
    assert saved in values_of(_build(plan), "-t")


@pytest.mark.parametrize("form, word", [(Format.OCI, "oci"), (Format.DOCKER, "v2s2")])
def test_a_push_says_format_and_compression(form: Format, word: str) -> None:
    wanted = order("r.io/acme/p:1", "s.io/p/q:2", form=form, push=True)
    pushes = [step for step in plan_podman(wanted, NEW).steps if step.network]
    assert [step.argv[-2:] for step in pushes] == [
        ("r.io/acme/p:1", "docker://r.io/acme/p:1"),
        ("s.io/p/q:2", "docker://s.io/p/q:2"),
    ]
    for step in pushes:
        assert values_of(step.argv, "--format") == [word]
        assert values_of(step.argv, "--compression-format") == ["gzip"]
        assert "--force-compression" in step.argv


def test_an_old_podman_is_not_given_options_that_it_lacks() -> None:
    for step in every_step(plan_podman(order("r.io/acme/p:1", push=True), OLD)):
        assert not any("compression" in word or "identity" in word or "history" in word for word in step.argv)


def test_a_new_podman_leaves_its_version_and_the_time_out_of_the_image() -> None:
    build = _build(plan_podman(order("r.io/acme/p:1"), NEW))
    assert {"--identity-label=false", "--omit-history", "--created-annotation=false"} < set(build)


@pytest.mark.parametrize(
    "reference, insecure, flag",
    [
        ("127.0.0.1:5000/acme:1", (), True),
        ("localhost:5000/acme:1", (), True),
        ("r.io/acme/p:1", (), False),
        ("r.io/acme/p:1", ("s.io",), False),
        ("r.io/acme/p:1", ("r.io",), True),
        ("localhost.evil.io/acme:1", (), False),
    ],
)
def test_tls_is_left_out_for_this_machine_and_for_hosts_that_were_named(
    reference: str, insecure: tuple[str, ...], flag: bool
) -> None:
    plan = plan_podman(order(reference, push=True, insecure=frozenset(insecure)), NEW)
    (push,) = [step.argv for step in plan.steps if step.network]
    assert ("--tls-verify=false" in push) is flag


def test_annotations_labels_and_platform_go_to_the_build() -> None:
    spec = ImageSpec(annotations=(("a", "b c"),), labels=(("l", ""),), platform=Platform("linux", "arm64", "v8"))
    build = _build(plan_podman(order("r.io/p/q:1", spec=spec), NEW))
    assert values_of(build, "--annotation") == ["a=b c", "module.wasm.image/variant=compat"]
    assert values_of(build, "--label") == ["l="]
    assert values_of(build, "--platform") == ["linux/arm64/v8"]
    assert "--annotation" not in _build(plan_podman(order("r.io/p/q:1", form=Format.DOCKER, spec=spec), NEW))


@pytest.mark.parametrize(
    "value, word",
    [("$HOME", '"\\$HOME"'), ('a\\b "$c"', '"a\\\\b \\"\\$c\\""'), ("$$ it's", '"\\$\\$ it\'s"')],
)
def test_a_label_that_podman_would_expand_is_a_line_of_the_dockerfile(value: str, word: str) -> None:
    plan = plan_podman(order("r.io/p/q:1", spec=ImageSpec(labels=(("a", "b"), ("k", value)))), NEW)
    check_plan(plan)
    assert plan.staged[0].text == f'FROM scratch\nCOPY plugin.wasm ./\n\nLABEL "k"={word}\n'
    assert values_of(_build(plan), "--label") == ["a=b"]


def test_a_label_that_podman_cannot_be_told_is_refused() -> None:
    with pytest.raises(UsageError):
        plan_podman(order("r.io/p/q:1", spec=ImageSpec(labels=(("k", "$a\nb"),))), NEW)


@pytest.mark.parametrize("flags, wanted", EVERY)
def test_the_build_is_not_cut_short(flags: dict[str, frozenset[str]], wanted: Order) -> None:
    assert [step.argv[1] for step in every_step(plan_podman(wanted, flags)) if step.whole] == ["build"]


def test_a_dockerfile_of_the_users_is_taken_as_it_is() -> None:
    text = "# mine\nFROM scratch\nLABEL a=b\nCOPY sub/f.wasm ./plugin.wasm\n"
    plan = plan_podman(order("r.io/p/q:1", dockerfile=Dockerfile(text, "sub/f.wasm")), NEW)
    check_plan(plan)
    assert [(staged.name, staged.text) for staged in plan.staged] == [("Dockerfile", text), ("sub/f.wasm", None)]
    assert plan.steps[0].context == ("Dockerfile", "sub/f.wasm")
