"""What follows from docker's client, its daemon, and what the user chose."""

from __future__ import annotations

import pytest

from wasmimg.engines.clients import Client
from wasmimg.engines.docker import docker_facts
from wasmimg.engines.docker_daemon import Daemon
from wasmimg.errors import NoEngine

SIGNING = {"push": frozenset({"disable-content-trust", "quiet"})}
NEW = Client("/usr/bin/docker", "docker", "28.5.2", "1.51", "v0.29.1", SIGNING)
BARE = NEW._replace(buildx="")
OLD = Client("/usr/bin/docker", "docker", "20.10.24+dfsg1", "1.41")
OLD_DAEMON = Daemon("20.10.24", buildkit=False)
NEW_DAEMON = Daemon("28.5.2", buildkit=True)


def _buildkit(client: Client, daemon: Daemon, wanted: str | None) -> bool:
    environment = {} if wanted is None else {"DOCKER_BUILDKIT": wanted}
    return docker_facts(client, daemon, environment).buildkit


@pytest.mark.parametrize("daemon", [OLD_DAEMON, NEW_DAEMON], ids=lambda daemon: daemon.version)
@pytest.mark.parametrize(
    "client, wanted, buildkit",
    [
        (NEW, None, True),
        (NEW, "1", True),
        (NEW, "0", False),
        (NEW, "", True),
        (BARE, None, False),
        (NEW._replace(version="23.0.0"), None, True),
        (NEW._replace(version="29.6.0-rc.1"), None, True),
        (OLD, "1", True),
        (OLD, "0", False),
        (OLD._replace(buildx="v0.10.0"), "0", False),
    ],
)
def test_which_builder_runs(client: Client, daemon: Daemon, wanted: str | None, buildkit: bool) -> None:
    assert _buildkit(client, daemon, wanted) is buildkit


@pytest.mark.parametrize("wanted", [None, ""])
def test_an_old_client_takes_the_builder_that_its_daemon_names(wanted: str | None) -> None:
    assert not _buildkit(OLD, OLD_DAEMON, wanted)
    assert _buildkit(OLD, NEW_DAEMON, wanted)


@pytest.mark.parametrize("client", [NEW, OLD], ids=lambda client: client.version)
@pytest.mark.parametrize(
    "wanted, buildkit", [("false", False), ("False", False), ("f", False), ("true", True), ("TRUE", True), ("t", True)]
)
def test_the_builder_is_chosen_by_every_word_that_docker_reads(client: Client, wanted: str, buildkit: bool) -> None:
    assert _buildkit(client, OLD_DAEMON, wanted) is buildkit


@pytest.mark.parametrize("wanted", ["1", "true"])
def test_buildkit_that_is_asked_for_and_absent_is_refused_before_docker_does(wanted: str) -> None:
    with pytest.raises(NoEngine, match="buildx is not installed") as caught:
        docker_facts(BARE, NEW_DAEMON, {"DOCKER_BUILDKIT": wanted})
    assert "unset DOCKER_BUILDKIT" in (caught.value.hint or "")


def test_version_store_and_context_are_the_daemons() -> None:
    facts = docker_facts(NEW, Daemon("20.10.5", containerd=True, context="remote"), {})
    assert (facts.version, facts.containerd, facts.context) == ("20.10.5", True, "remote")


@pytest.mark.parametrize("word, signed", [("1", True), ("true", True), ("0", False), ("", False), ("no", False)])
def test_content_trust_is_seen(word: str, signed: bool) -> None:
    assert docker_facts(NEW, NEW_DAEMON, {"DOCKER_CONTENT_TRUST": word}).signed is signed


def test_a_docker_without_content_trust_signs_nothing() -> None:
    newest = NEW._replace(version="29.9.2", flags={"push": frozenset({"quiet"})})
    assert not docker_facts(newest, NEW_DAEMON, {"DOCKER_CONTENT_TRUST": "1"}).signed
