"""What docker says of itself: its builder, its store, and whether it is docker at all."""

from __future__ import annotations

import json

import pytest

from wasmimg.engines.docker import docker_facts
from wasmimg.errors import NoEngine

CONTAINERD = '[["driver-type","io.containerd.snapshotter.v1"]]'
CLASSIC = '[["Backing Filesystem","extfs"],["Supports d_type","true"]]'


def _version(client: str, server: str = "28.5.2") -> str:
    return json.dumps({"Client": {"Version": client}, "Server": {"Version": server}})


@pytest.mark.parametrize(
    "client, buildx, wanted, buildkit",
    [
        ("28.5.2", True, None, True),
        ("28.5.2", True, "1", True),
        ("28.5.2", True, "0", False),
        ("28.5.2", True, "", True),
        ("28.5.2", False, None, False),
        ("23.0.0", True, None, True),
        ("20.10.24+dfsg1", False, None, False),
        ("20.10.24+dfsg1", True, None, False),
        ("20.10.24+dfsg1", False, "1", True),
        ("20.10.24+dfsg1", False, "0", False),
        ("29.6.0-rc.1", True, None, True),
    ],
)
def test_which_builder_runs(client: str, buildx: bool, wanted: str | None, buildkit: bool) -> None:
    assert docker_facts(_version(client), CLASSIC, buildx, wanted).buildkit is buildkit


@pytest.mark.parametrize("client, buildx", [("28.5.2", True), ("20.10.24", False)])
@pytest.mark.parametrize(
    "wanted, buildkit", [("false", False), ("False", False), ("f", False), ("true", True), ("TRUE", True), ("t", True)]
)
def test_the_builder_is_chosen_by_every_word_that_docker_reads(
    client: str, buildx: bool, wanted: str, buildkit: bool
) -> None:
    assert docker_facts(_version(client), CLASSIC, buildx, wanted).buildkit is buildkit


@pytest.mark.parametrize("status, containerd", [(CONTAINERD, True), (CLASSIC, False), ("null", False), ("", False)])
def test_which_store_holds_the_image(status: str, containerd: bool) -> None:
    assert docker_facts(_version("28.5.2"), status, True, None).containerd is containerd


def test_the_version_is_the_daemons() -> None:
    assert docker_facts(_version("28.2.2", "20.10.5"), CLASSIC, True, None).version == "20.10.5"


@pytest.mark.parametrize(
    "answer",
    [
        '{"Client":{"APIVersion":"4.3.1","Version":"4.3.1","GoVersion":"go1.19.8","OsArch":"linux/amd64"}}',
        '{"Client":{"APIVersion":"5.4.2","Version":"5.4.2","Engine":"Podman Engine"},"Server":null}',
        "Emulate Docker CLI using podman.",
    ],
)
def test_a_stand_in_of_podman_is_refused_and_buildah_named(answer: str) -> None:
    with pytest.raises(NoEngine, match="is not docker") as caught:
        docker_facts(answer, "", False, None)
    assert "--engine buildah" in (caught.value.hint or "")


@pytest.mark.parametrize("answer", ["", "null", "[]", '"28"', "{}", '{"Client":{},"Server":{}}', "usage: docker", "{"])
def test_an_answer_that_is_none_is_no_engine(answer: str) -> None:
    with pytest.raises(NoEngine):
        docker_facts(answer, CLASSIC, True, None)
