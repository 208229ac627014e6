"""Where buildah cannot open its store it gets one of its own, if it was asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from tests.engines.orders import every_step, order
from wasmimg.engines.base import WORK, Order, check_plan
from wasmimg.engines.buildah import plan_buildah
from wasmimg.engines.probe import Choice, choose
from wasmimg.errors import NoEngine
from wasmimg.image.media_types import Format

_LOCKED = """[ "$1" != info ] || [ -n "$CONTAINERS_STORAGE_CONF" ] || {
echo "Error: open /var/lib/containers/storage/storage.lock: read-only file system" >&2; exit 125; }
[ "$1" != info ] || { cat "$CONTAINERS_STORAGE_CONF" >"$record/conf"; env >"$record/environment"; }
"""
PLACES = [
    order("r.io/acme/p:1", "r.io/acme/p:2", push=True),
    order("r.io/acme/p:1", outputs=("oci:out",)),
    order("r.io/acme/p:1", load=True),
]


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    found = Fakes(tmp_path)
    found.add("buildah", _LOCKED)
    return found


def _choose(fakes: Fakes, asked: str, monkeypatch: pytest.MonkeyPatch, uid: int = 0) -> Choice:
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    environment = {"PATH": f"{fakes.programs}:/usr/bin:/bin", "HOME": "/nonexistent", "STORAGE_DRIVER": "overlay"}
    return choose(asked, Format.OCI, environment=environment, idle=5.0)


def test_buildah_that_was_asked_for_gets_a_store_of_its_own(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = _choose(fakes, "buildah", monkeypatch)
    assert (choice.engine, choice.private) == ("buildah", True)
    assert "in a store of its own (Error: open /var/lib/containers/storage/storage.lock" in choice.why
    environment = dict(line.split("=", 1) for line in (fakes.record / "environment").read_text().splitlines())
    folder = environment["HOME"]
    assert (fakes.record / "conf").read_text() == (
        f'[storage]\ndriver = "vfs"\ngraphroot = "{folder}/store"\nrunroot = "{folder}/run"\n'
    )
    assert environment["_CONTAINERS_USERNS_CONFIGURED"] == "done"
    assert "STORAGE_DRIVER" not in environment
    assert not Path(folder).exists()


def test_auto_goes_on_without_buildah(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _choose(fakes, "auto", monkeypatch).engine == "embedded"


def test_who_may_not_change_an_owner_is_refused_in_buildahs_words(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoEngine, match="buildah does not answer") as caught:
        _choose(fakes, "buildah", monkeypatch, uid=1000)
    assert "storage.lock" in (caught.value.reason or "")


def test_buildah_that_does_not_work_there_either_is_refused_in_its_first_words(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.add("buildah", '[ "$1" != info ] || { echo "no: $CONTAINERS_STORAGE_CONF" >&2; exit 125; }')
    with pytest.raises(NoEngine) as caught:
        _choose(fakes, "buildah", monkeypatch)
    assert caught.value.reason == "no:"


@pytest.mark.parametrize("wanted", PLACES)
def test_every_step_of_buildah_is_there_and_wasmimg_delivers(wanted: Order) -> None:
    plan = plan_buildah(wanted, private=True)
    check_plan(plan)
    steps = [step for step in every_step(plan) if step.argv[0] == "buildah"]
    assert steps
    for step in steps:
        assert dict(step.environment)["CONTAINERS_STORAGE_CONF"] == f"{WORK}/storage.conf"
        assert dict(step.environment)["STORAGE_DRIVER"] is None
        assert not step.network
    assert plan.finish is not None
    assert plan.finish.push is wanted.push
    (settings,) = [staged.text for staged in plan.staged if staged.name == "storage.conf"]
    assert settings is not None
    assert f'graphroot = "{WORK}/store"' in settings


def test_an_image_that_is_to_stay_is_refused() -> None:
    with pytest.raises(NoEngine, match="its store cannot be opened") as caught:
        plan_buildah(order("r.io/acme/p:1"), private=True)
    assert "--push or -o" in (caught.value.hint or "")
