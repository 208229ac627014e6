"""``--serve`` and ``--serve --watch``: a plugin that stays, and one that is replaced while it runs."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from integration.calling import WASMIMG
from integration.envoy_try.conftest import envoys

_PATIENCE = 20.0  # seconds


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    lines: list[str]


class _Served:
    """A plugin that is served, and what wasmimg says meanwhile."""

    def __init__(self, module: Path, environment: dict[str, str], *words: str) -> None:
        self.module = module
        self.process = subprocess.Popen(
            [*WASMIMG, "try", str(module), "--serve", "--json", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._said: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        assert self.process.stdout is not None
        text = ""
        while not text.endswith("}\n") or text.count("{") != text.count("}"):
            line = self.process.stdout.readline()
            assert line, f"{text}{self.said}"
            text += line
        self.ready = json.loads(text)

    def _listen(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            self._said.extend(self.process.stderr)

    @property
    def said(self) -> str:
        return "".join(self._said)

    def get(self, url: str = "", *, headers: Mapping[str, str] | None = None, timeout: float = _PATIENCE) -> _Answer:
        address = urlsplit(url or self.ready["url"])
        assert address.hostname == "127.0.0.1"
        connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=timeout)
        try:
            connection.request("GET", "/somewhere", headers=headers or {})
            answer = connection.getresponse()
            return _Answer(answer.status, dict(answer.getheaders()), answer.read().decode().splitlines())
        finally:
            connection.close()

    def replace(self, module: Path) -> None:
        """As compilers do: the file is emptied, and then written."""
        shutil.copyfile(module, self.module)

    def wait_for(self, words: str) -> None:
        self.until(lambda: words in self.said)

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < end, self.said
            time.sleep(0.02)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@pytest.fixture
def serve(tmp_path: Path, tried_plugins: dict[str, Path], calm: dict[str, str]) -> Iterator[Callable[..., _Served]]:
    """Serves a copy of a plugin; at the end nothing may be left of it."""
    running = list[_Served]()

    def call(plugin: str, *words: str) -> _Served:
        module = tmp_path / "plugin.wasm"
        shutil.copyfile(tried_plugins[plugin], module)
        running.append(_Served(module, calm, *words))
        return running[-1]

    yield call
    for one in running:
        with suppress(ProcessLookupError):
            one.process.send_signal(signal.SIGINT)
        one.process.wait(_PATIENCE)
        assert one.process.stdout is not None
        one.process.stdout.close()
        assert "Traceback" not in one.said
    assert envoys(calm) == []
    assert list(Path(calm["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_until_its_user_ends_it(number: signal.Signals, serve: Callable[..., _Served]) -> None:
    served = serve("changing")
    answer = served.get(headers={"X-Secret": "1", "X-Kept": "2"})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html")
    assert answer.lines[0] == "GET /elsewhere HTTP/1.1"
    assert {"x-a: on", "x-kept: 2"} <= set(answer.lines)
    assert "x-secret: 1" not in answer.lines
    assert "x-secret: 1" in served.get(served.ready["url_without"], headers={"X-Secret": "1"}).lines
    assert served.end(number) == 0


def test_what_the_plugin_logs_is_shown_as_it_comes(serve: Callable[..., _Served]) -> None:
    served = serve("talking")
    served.wait_for("info: configured\n")
    served.get()
    served.wait_for("debug: a request\n  of two lines\nwarning: done\n")


def test_a_plugin_that_fails_is_told_once_and_stays(serve: Callable[..., _Served]) -> None:
    served = serve("trapping")
    assert served.get().status == 503
    served.wait_for("plugin.wasm: the plugin failed\n  it says: Function: proxy_on_request_headers failed: ")
    served.wait_for("from then on Envoy answers all requests in its place, with status 503\n")
    assert served.get().status == 503
    assert served.end(signal.SIGINT) == 0
    assert served.said.count("the plugin failed\n") == 1


def test_one_that_fails_at_once_is_told(serve: Callable[..., _Served]) -> None:
    served = serve("trapping-at-once")
    served.wait_for("; the plugin failed\n  it says: Function: proxy_on_context_create failed: ")
    assert served.get().status == 503


def test_a_new_one_that_fails_at_once_is_not_called_loaded(
    serve: Callable[..., _Served], tried_plugins: dict[str, Path]
) -> None:
    served = serve("refusing", "--watch")
    served.replace(tried_plugins["trapping-at-once"])
    served.wait_for(
        "the plugin failed; waiting for a better one\n  it says: Function: proxy_on_context_create failed: "
    )
    assert served.get().status == 503
    assert "the new module is loaded" not in served.said
    served.replace(tried_plugins["changing"])
    served.wait_for("the new module is loaded\n")
    assert served.get().status == 200
    served.replace(tried_plugins["trapping"])
    served.until(lambda: served.said.count("the new module is loaded\n") == 2)
    assert served.get().status == 503
    served.wait_for(
        "the plugin failed; waiting for a better one\n  it says: Function: proxy_on_request_headers failed: "
    )


def test_a_plugin_does_not_steer_the_terminal(serve: Callable[..., _Served]) -> None:
    served = serve("ringing")
    served.get()
    served.wait_for("info: \\x1b[2J\\x07\\x00!\n")


def test_a_new_module_takes_the_place_of_the_old_without_a_lost_request(
    serve: Callable[..., _Served], tried_plugins: dict[str, Path]
) -> None:
    served = serve("talking", "--watch")
    statuses = list[int]()
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            statuses.append(served.get().status)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for plugin, status in (("refusing", 403), ("changing", 200), ("refusing", 403)):
            served.replace(tried_plugins[plugin])
            served.until(lambda status=status: statuses[-1:] == [status])  # type: ignore[misc]
    finally:
        ended.set()
        asking.join()
    assert set(statuses) == {200, 403}
    assert served.said.count("the new module is loaded\n") == 3


def test_a_broken_one_is_told_and_the_old_goes_on(
    serve: Callable[..., _Served], tried_plugins: dict[str, Path]
) -> None:
    served = serve("refusing", "--watch", "--timeout", "2")
    served.replace(tried_plugins["unwilling"])
    served.wait_for("refuses it; the plugin from before is there as it was\n")
    assert served.get().status == 403
    served.replace(tried_plugins["truncated"])
    served.wait_for("warning: the new module is damaged")
    assert served.get().status == 403
    served.replace(tried_plugins["looping-at-start"])
    served.wait_for("did not come up in 2 s; the plugin from before is there as it was\n")
    assert served.get().status == 403
    served.replace(tried_plugins["changing"])
    served.wait_for("the new module is loaded\n")
    assert served.get().status == 200


def test_after_a_crash_or_an_endless_loop_a_better_one_is_taken_on_the_same_port(
    serve: Callable[..., _Served], tried_plugins: dict[str, Path]
) -> None:
    served = serve("without-memory", "--watch")
    with pytest.raises(OSError):  # noqa: PT011 (a connection can be lost in several ways)
        served.get()
    served.wait_for("died of SIGSEGV; waiting for a better one\n")
    served.wait_for("it says: Caught Segmentation fault")
    served.replace(tried_plugins["looping"])
    served.wait_for("the new module is loaded\n")
    with pytest.raises(TimeoutError):
        served.get(timeout=0.2)
    served.replace(tried_plugins["refusing"])
    served.wait_for("Envoy is started again")
    served.until(lambda: served.said.count("the new module is loaded\n") == 2)
    assert served.get().status == 403


def test_without_a_watch_a_crash_is_the_end(serve: Callable[..., _Served]) -> None:
    served = serve("without-memory")
    with pytest.raises(OSError):  # noqa: PT011
        served.get()
    assert served.process.wait(_PATIENCE) == 3
    assert served.process.stdout is not None
    assert json.loads(served.process.stdout.read())["outcome"] == "died"
