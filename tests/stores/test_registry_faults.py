"""One fault of each kind at every single request: of a push and of a pull, whatever way they go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Act, Server, answer, cut, eof, lost, reset, stall
from tests.stores.network import CERTIFICATE, resolve, server_tls
from tests.stores.samples import NOBODY, QUICK, bytes_of, connect, home_with, no_pauses, parts_of, sample, stored
from tests.stores.token_server import USER, GuardedRegistry, TokenServer
from wasmimg.errors import NetworkFailed, WasmimgError
from wasmimg.events import Event
from wasmimg.image.manifest import Image, digest_of
from wasmimg.image.media_types import MEDIA_TYPES
from wasmimg.image.reference import parse_reference
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access

_FAULTS: Mapping[str, Act] = {
    **{str(status): answer(status) for status in (429, 500, 502, 503, 504)},
    "reset": reset,
    "eof": eof,
    "lost": lost,
}
_BIG = 3 * 1024 * 1024  # bytes: three chunks


class _Run(NamedTuple):
    """One transfer that can be done once: ``servers`` may fail, ``work`` does it and proves what it did."""

    servers: tuple[Server, ...]
    work: Callable[[Policy, list[Event]], None]

    def requests(self) -> int:
        return sum(len(server.seen) for server in self.servers)


def _work(
    registry: FakeRegistry, environment: Mapping[str, str], image: Image, source: str | None
) -> Callable[..., None]:
    reference = parse_reference(f"{registry.host}/acme/app:v1")

    def push(policy: Policy, heard: list[Event]) -> None:
        with connect(str(reference), policy=policy, environment=environment, tell=heard.append) as client:
            client.put_blob(image.layer.digest, image.layer.size, lambda: image.layer.chunks, mount_from=source)
            client.put_blob(image.config_digest, len(image.config), lambda: (image.config,))
            client.put_manifest(image.manifest, MEDIA_TYPES[image.format].manifest, reference)
        assert registry.manifests["acme/app", "v1"][1] == image.manifest
        assert registry.blobs["acme/app", image.layer.digest] == b"".join(image.layer.chunks)
        assert registry.blobs["acme/app", image.config_digest] == image.config

    return push


@contextmanager
def _push(folder: Path) -> Iterator[_Run]:
    with FakeRegistry() as registry:
        yield _Run((registry,), _work(registry, NOBODY, sample(), None))


@contextmanager
def _chunked_push(folder: Path) -> Iterator[_Run]:
    noise = bytes(range(256)) * (_BIG // 256)
    layer = sample().layer._replace(chunks=(noise,), size=_BIG, digest=digest_of(noise))
    image = sample()._replace(layer=layer)
    with FakeRegistry() as registry:
        registry.least = _BIG // 3
        registry.blobs["acme/app", sample().layer.digest] = b""  # what the manifest names
        yield _Run((registry,), _work(registry, NOBODY, image, None))


@contextmanager
def _mount(folder: Path) -> Iterator[_Run]:
    with FakeRegistry() as registry:
        stored(registry, sample(), "acme/base")
        yield _Run((registry,), _work(registry, NOBODY, sample(), "acme/base"))


@contextmanager
def _push_with_token(folder: Path) -> Iterator[_Run]:
    with TokenServer("acme/app") as tokens, GuardedRegistry(tokens) as registry:
        environment = home_with(folder, registry.host, username=USER[0], password=USER[1])
        yield _Run((registry, tokens), _work(registry, environment, sample(), None))


@contextmanager
def _pull(folder: Path) -> Iterator[_Run]:
    with FakeRegistry() as registry:
        text = stored(registry, sample())

        def work(policy: Policy, heard: list[Event]) -> None:
            with connect(text, policy=policy, tell=heard.append) as client:
                assert bytes_of(client.open()) == parts_of(sample())

        yield _Run((registry,), work)


@contextmanager
def _pull_with_token(folder: Path) -> Iterator[_Run]:
    with TokenServer("acme/app") as tokens, GuardedRegistry(tokens) as registry:
        text = stored(registry, sample())
        environment = home_with(folder, registry.host, username=USER[0], password=USER[1])

        def work(policy: Policy, heard: list[Event]) -> None:
            with connect(text, policy=policy, environment=environment, tell=heard.append) as client:
                assert bytes_of(client.open()) == parts_of(sample())

        yield _Run((registry, tokens), work)


# The way, and how many requests it takes where nothing fails.
_WAYS = {
    "push": (_push, 7),
    "push in chunks": (_chunked_push, 10),
    "mount": (_mount, 6),
    "push with a token": (_push_with_token, 9),
    "pull": (_pull, 3),
    "pull with a token": (_pull_with_token, 5),
}


def _places(run: _Run) -> list[tuple[int, int]]:
    """Server and number of every request of one transfer."""
    run.work(QUICK, [])
    return [(which, number) for which, server in enumerate(run.servers) for number in range(len(server.seen))]


@pytest.mark.parametrize("way", _WAYS)
def test_a_transfer_takes_no_more_requests_than_it_must(way: str, tmp_path: Path) -> None:
    start, requests = _WAYS[way]
    with start(tmp_path) as run:
        run.work(QUICK, [])
        assert run.requests() == requests


_SWEEP = [(way, fault) for way in ("push", "pull") for fault in _FAULTS]
_SWEEP += [(way, fault) for way in _WAYS if way not in ("push", "pull") for fault in ("503", "eof")]


@pytest.mark.parametrize("way, fault", _SWEEP)
def test_one_fault_at_any_request_is_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str, fault: str
) -> None:
    pauses = no_pauses(monkeypatch)
    start, _ = _WAYS[way]
    with start(tmp_path) as run:
        places = _places(run)
    for which, number in places:
        heard = list[Event]()
        pauses.clear()
        with start(tmp_path) as run:
            run.servers[which].fault(_FAULTS[fault], skip=number)
            run.work(QUICK, heard)
        assert len(pauses) == 1, f"request {number} of server {which}"
        assert [event.kind for event in heard] == ["retry"]
        assert "127.0.0.1" in heard[0].text


@pytest.mark.parametrize("way", ["pull", "pull with a token"])
def test_an_answer_that_breaks_off_is_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    no_pauses(monkeypatch)
    start, _ = _WAYS[way]
    with start(tmp_path) as run:
        places = _places(run)
    for which, number in places:
        with start(tmp_path) as run:
            run.servers[which].fault(cut, skip=number)
            run.work(QUICK, [])


def test_a_silence_at_any_request_is_survived(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_pauses(monkeypatch)
    cases = []
    for way in ("push", "push with a token", "pull"):
        with _WAYS[way][0](tmp_path) as run:
            cases += [(way, which, number) for which, number in _places(run)]

    def survive(case: tuple[str, int, int]) -> str:
        way, which, number = case
        folder = tmp_path / f"{way}-{which}-{number}"
        folder.mkdir()
        with _WAYS[way][0](folder) as run:
            run.servers[which].fault(stall, skip=number)
            heard = list[Event]()
            run.work(QUICK._replace(idle_timeout=1.0), heard)
        assert [event.text for event in heard if "silent for 1 seconds" not in event.text] == [], case
        return str(len(heard))

    began = time.monotonic()
    with ThreadPoolExecutor(len(cases)) as pool:  # each waits for its second, all at once
        assert set(pool.map(survive, cases)) == {"1"}
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415])
@pytest.mark.parametrize("way", ["push", "push with a token", "pull"])
def test_a_refusal_at_any_request_is_final(tmp_path: Path, way: str, status: int) -> None:
    start, _ = _WAYS[way]
    with start(tmp_path) as run:
        places = _places(run)
    for which, number in places:
        with start(tmp_path) as run:
            began = time.monotonic()
            run.servers[which].fault(answer(status), skip=number, times=100)
            with pytest.raises(WasmimgError) as caught:
                run.work(QUICK, [])
        assert time.monotonic() - began < 2
        assert caught.value.exit_code in (6, 7, 8)
        assert not getattr(caught.value, "transient", False)


def test_a_certificate_that_is_not_trusted_is_final(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry(tls=server_tls()) as registry:
        resolve(monkeypatch, {("registry.test", 5000): registry.port})
        for access in (Access(), Access(ca_file=CERTIFICATE)):
            began = time.monotonic()
            host = "registry.test:5000" if access.ca_file is None else registry.host
            with pytest.raises(NetworkFailed, match="cannot be trusted"):
                with connect(f"{host}/acme/app:v1", access=access) as client:
                    client.push(sample(), [parse_reference(f"{host}/acme/app:v1")])
            assert time.monotonic() - began < 2


def test_faults_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pauses = no_pauses(monkeypatch)
    with _push(tmp_path) as run:
        run.servers[0].fault(reset, times=1000)
        with pytest.raises(NetworkFailed):
            run.work(QUICK, [])
        assert len(pauses) == QUICK.attempts - 1
