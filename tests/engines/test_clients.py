"""What a program can do is asked once; a cache that is broken costs no more than asking again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from wasmimg.engines.clients import Client, read_client
from wasmimg.errors import NoEngine

_DOCKER = """case "$1" in
--version) echo 'Docker version 28.5.2, build ecc6942' ;;
version) echo 1.51; echo 'Cannot connect to the Docker daemon' >&2; exit 1 ;;
buildx) echo 'github.com/docker/buildx v0.29.1 1234567' ;;
push) echo '      --disable-content-trust   Skip image signing (default true)' ;;
esac
"""
_BUILDAH = """case "$1" in
--version) echo 'buildah version 1.28.2 (image-spec 1.1.0-rc2, runtime-spec 1.0.2-dev)' ;;
commit) printf 'Options:\\n  -D, --disable-compression   no --compression\\n      --timestamp int\\n' ;;
esac
"""
_PODMAN = """case "$1" in
--version) echo 'podman version 5.4.2' ;;
build) echo '  --timestamp int' ;;
push) echo '  --compression-format string' ;;
esac
"""
BODIES = {"docker": _DOCKER, "buildah": _BUILDAH, "podman": _PODMAN}


class _Bench:
    def __init__(self, folder: Path) -> None:
        self.fakes = Fakes(folder)
        self.home = folder / "home"
        self.home.mkdir()
        self.environment = {"PATH": f"{self.fakes.programs}:/bin", "HOME": str(self.home)}
        self.cache = self.home / ".cache" / "wasmimg" / "clients.json"

    def read(self, name: str, **more: str) -> Client:
        return read_client(name, {**self.environment, **more}, 5.0)

    def asked(self) -> int:
        return len(self.fakes.calls())


@pytest.fixture
def bench(tmp_path: Path) -> _Bench:
    made = _Bench(tmp_path)
    for name, body in BODIES.items():
        made.fakes.add(name, body, mute=True)
    return made


def test_docker_says_its_version_its_api_and_its_plugin(bench: _Bench) -> None:
    client = bench.read("docker")
    assert (client.kind, client.version, client.major, client.api, client.buildx) == (
        "docker",
        "28.5.2",
        28,
        "1.51",
        "v0.29.1",
    )
    assert client.flags == {"push": {"disable-content-trust"}}
    assert client.path == str(bench.fakes.programs / "docker")


def test_buildah_says_which_options_commit_has(bench: _Bench) -> None:
    client = bench.read("buildah")
    assert (client.kind, client.version) == ("buildah", "1.28.2")
    assert client.flags == {"commit": {"disable-compression", "compression", "timestamp"}}


def test_podman_says_which_options_build_and_push_have(bench: _Bench) -> None:
    assert bench.read("podman").flags == {"build": {"timestamp"}, "push": {"compression-format"}}


@pytest.mark.parametrize("engine", BODIES)
def test_it_is_asked_once(engine: str, bench: _Bench) -> None:
    first = bench.read(engine)
    asked = bench.asked()
    assert asked > 0
    assert bench.read(engine) == first
    assert bench.asked() == asked


def test_several_programs_are_remembered_side_by_side(bench: _Bench) -> None:
    for _ in range(2):
        for engine in BODIES:
            bench.read(engine)
    assert bench.asked() == 4 + 2 + 3


def test_another_program_under_the_same_name_is_asked(bench: _Bench) -> None:
    bench.read("buildah")
    bench.fakes.add("buildah", _BUILDAH.replace("1.28.2", "1.43.2"), mute=True)
    assert bench.read("buildah").version == "1.43.2"


def test_a_plugin_that_comes_later_is_seen(bench: _Bench) -> None:
    bench.fakes.add("docker", _DOCKER.replace("buildx) echo", "buildx) exit 1; echo"))
    assert bench.read("docker").buildx == ""
    bench.fakes.add("docker", _DOCKER, mute=True)
    stamp = os.stat(bench.fakes.programs / "docker")
    plugins = bench.home / ".docker" / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-buildx").touch()
    os.utime(bench.fakes.programs / "docker", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert bench.read("docker").buildx == "v0.29.1"


def test_a_plugin_folder_that_the_users_settings_name_is_looked_into(bench: _Bench) -> None:
    (bench.home / ".docker").mkdir()
    extra = bench.home / "extra"
    extra.mkdir()
    (bench.home / ".docker" / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(extra)]}))
    bench.read("docker")
    asked = bench.asked()
    (extra / "docker-buildx").touch()
    bench.read("docker")
    assert bench.asked() > asked


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"null",
        b'{"schema":0,"clients":{}}',
        b'{"schema":1}',
        b'{"schema":1,"clients":[]}',
        b"[" * 100_000,
    ],
)
def test_a_broken_cache_is_written_anew(content: bytes, bench: _Bench) -> None:
    good = bench.read("buildah")
    bench.cache.write_bytes(content)
    assert bench.read("buildah") == good
    asked = bench.asked()
    assert bench.read("buildah") == good
    assert bench.asked() == asked


@pytest.mark.parametrize(
    "change",
    [
        {"kind": 1},
        {"version": None},
        {"flags": []},
        {"flags": {"commit": 1}},
        {"flags": {"commit": [1]}},
        {"stamp": None},
        {"stamp": []},
    ],
)
def test_a_broken_entry_is_asked_anew(change: dict[str, object], bench: _Bench) -> None:
    good = bench.read("buildah")
    content = json.loads(bench.cache.read_bytes())
    (entry,) = content["clients"].values()
    entry.update(change)
    bench.cache.write_text(json.dumps(content))
    assert bench.read("buildah") == good


def test_a_cache_folder_that_cannot_be_made_does_not_matter(bench: _Bench) -> None:
    (bench.home / ".cache").write_text("in the way")
    assert bench.read("buildah") == bench.read("buildah")
    assert (bench.home / ".cache").read_text() == "in the way"


@pytest.mark.parametrize("home", ["", "relative"])
def test_without_a_home_nothing_is_written(
    home: str, bench: _Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert bench.read("buildah", HOME=home).version == "1.28.2"
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "calls"] == before


def test_the_cache_lies_where_xdg_says(bench: _Bench, tmp_path: Path) -> None:
    bench.read("buildah", XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert (tmp_path / "xdg" / "wasmimg" / "clients.json").is_file()
    assert not bench.cache.exists()


def test_the_cache_does_not_grow_without_end(bench: _Bench) -> None:
    for number in range(50):
        bench.read("docker", DOCKER_CONFIG=f"/nonexistent/{number}")
    clients = json.loads(bench.cache.read_bytes())["clients"]
    assert len(clients) <= 32
    assert any("/nonexistent/49" in key for key in clients)


@pytest.mark.parametrize("words", ["podman version 4.3.1", "podman version 5.8.6"])
def test_podmans_stand_in_is_known_for_what_it_is(words: str, bench: _Bench) -> None:
    bench.fakes.add("docker", f"echo 'Emulate Docker CLI using podman.' >&2\necho '{words}'\n", mute=True)
    client = bench.read("docker")
    assert (client.kind, client.version) == ("podman", words.rpartition(" ")[2])


@pytest.mark.parametrize("engine", BODIES)
@pytest.mark.parametrize("body", ["echo something else", "true", "echo usage >&2", "printf 'docker-compose 1'"])
def test_a_program_of_another_kind_is_refused(engine: str, body: str, bench: _Bench) -> None:
    bench.fakes.add(engine, body, mute=True)
    with pytest.raises(NoEngine, match=f"what is called {engine} here is not {engine}") as caught:
        bench.read(engine)
    assert "--engine embedded" in (caught.value.hint or "")
    assert not bench.cache.exists()


def test_a_program_that_fails_is_not_remembered(bench: _Bench) -> None:
    bench.fakes.add("buildah", "echo broken >&2; exit 3", mute=True)
    with pytest.raises(NoEngine, match="buildah does not answer") as caught:
        bench.read("buildah")
    assert caught.value.reason == "broken"
    assert not bench.cache.exists()


def test_docker_is_not_sent_to_its_daemon_for_its_own_version(bench: _Bench) -> None:
    bench.fakes.add("docker", f'echo "$DOCKER_HOST:$DOCKER_CONTEXT" >>"$record/hosts"\n{_DOCKER}', mute=True)
    bench.read("docker", DOCKER_HOST="tcp://10.255.255.1:2375", DOCKER_CONTEXT="far")
    version, api, buildx, _ = (bench.fakes.record / "hosts").read_text().splitlines()
    assert api == buildx == "unix:///nonexistent/wasmimg:"
    assert version == "tcp://10.255.255.1:2375:far"
