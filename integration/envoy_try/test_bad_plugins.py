"""Plugins that Envoy refuses, that fail, that never end, and that kill Envoy: each is told as what it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from integration.envoy_try.conftest import Try

_CONFIGURE = "Wasm VM failed Failed to configure base Wasm plugin"


@pytest.mark.parametrize("words", [(), ("--validate",)])
@pytest.mark.parametrize(
    ("plugin", "envoy", "ours"),
    [
        ("truncated", "Wasm VM failed Failed to parse corrupted Wasm module", "check finds WI105: "),
        ("needing-more", "due to a missing import: env.proxy_redis_init", "check finds WI136: "),
        ("unwilling", _CONFIGURE, "--plugin-config"),
        ("not-starting", "Wasm VM failed Failed to start base Wasm", "proxy_on_vm_start returned false"),
        ("exiting-at-start", "Uncaught Error: restricted_callback", "Rust with crate-type cdylib"),
        ("needing-more", "env.proxy_redis_init", "this Envoy is not Higress's"),
        ("trapping-at-start", f"Uncaught RuntimeError: unreachable\n    {_CONFIGURE}", "--plugin-config"),
    ],
)
def test_refused(plugin: str, envoy: str, ours: str, words: tuple[str, ...], try_: Try) -> None:
    said = try_(plugin, *words)
    assert (said.code, said.err) == (3, "")
    assert said.out.startswith(f"{plugin}.wasm: Envoy 1.")
    assert "refuses it" in said.out.splitlines()[0]
    assert envoy in said.out
    assert ours in said.out
    assert "Unable to create Wasm plugin" not in said.out  # Envoy's last line, which says nothing
    if plugin == "unwilling":
        assert "log       error     no configuration" in said.out


def test_a_trap_is_told_and_the_other_requests_are_sent(try_: Try, tmp_path: Path) -> None:
    (tmp_path / "two.http").write_text("GET /1\n###\nGET /2\n")
    said = try_("trapping", "--json", "--request", tmp_path / "two.http")
    found = json.loads(said.out)
    assert (said.code, found["exit_code"], found["outcome"]) == (3, 3, "trapped")
    first, second = found["requests"]
    assert (first["status"], first["status_without"]) == (503, 200)
    assert first["words"].startswith("Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable")
    assert (second["status"], second["outcome"], second["words"]) == (503, "trapped", "")


def test_a_trap_before_the_first_request_is_told(try_: Try, tmp_path: Path) -> None:
    (tmp_path / "two.http").write_text("GET /1\n###\nGET /2\n")
    said = try_("trapping-at-once", "--json", "--request", tmp_path / "two.http")
    found = json.loads(said.out)
    assert (said.code, found["outcome"], found["start"]["outcome"]) == (3, "trapped", "trapped")
    assert found["start"]["words"].startswith("Function: proxy_on_context_create failed: ")
    assert found["start"]["seconds"] > 0
    assert [(one["status"], one["outcome"]) for one in found["requests"]] == [(503, "trapped")] * 2
    assert "MB of memory; the plugin failed\n  it says: Function: proxy_on_context" in try_("trapping-at-once").out


@pytest.mark.parametrize("level", ["debug", "error"])
def test_a_trap_is_not_lost_among_many_lines(level: str, try_: Try) -> None:
    said = try_("trapping-while-talking", "--log-level", level)
    assert said.code == 3
    assert "it says: Function: proxy_on_request_headers failed" in said.out
    assert "error     again\n" in said.out
    assert ("more lines of this level were left out here" in said.out) == (level == "debug")


@pytest.mark.parametrize(
    ("plugin", "outcome", "words"),
    [
        ("trapping-in-a-tick", "trapped", "Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable"),
        ("looping-in-a-tick", "hung", ""),
    ],
)
def test_ticks_are_waited_for(plugin: str, outcome: str, words: str, try_: Try) -> None:
    said = try_(plugin, "--timeout", "3", "--json")
    found = json.loads(said.out)
    (request,) = found["requests"]
    assert (said.code, found["outcome"], request["outcome"]) == (3, outcome, "answered")
    assert found["afterwards"]["outcome"] == outcome
    assert found["afterwards"]["words"].startswith(words)
    assert found["afterwards"]["meaning"]
    assert "\nafter the requests: " in try_(plugin, "--timeout", "3").out


def test_what_dies_before_it_begins_is_told_by_a_warning_of_check(try_: Try) -> None:
    said = try_("talking-too-early")
    assert said.code == 3
    assert " died of SIGSEGV\n" in said.out
    assert "check finds WI144: " in said.out


def test_a_trap_after_the_response_does_not_hide_it(try_: Try) -> None:
    said = try_("trapping-afterwards")
    assert said.code == 3
    assert "GET /: 200: the plugin failed\n" in said.out
    assert "added     x-a: on\n" in said.out
    assert "it says: Function: proxy_on_log failed" in said.out


def test_envoys_crash_is_envoys(try_: Try) -> None:
    said = try_("without-memory")
    assert (said.code, said.err) == (3, "")
    assert " died of SIGSEGV\n" in said.out
    assert "it says: Caught Segmentation fault" in said.out
    assert "check finds WI122: " in said.out
    found = json.loads(try_("without-memory", "--json").out)
    assert (found["outcome"], found["requests"][0]["signal"]) == ("died", "SIGSEGV")
    assert found["memory"] > 0


@pytest.mark.parametrize(
    ("plugin", "outcome", "told"),
    [
        ("looping", "hung", "the plugin does not come to an end"),
        ("looping-at-start", "hung", "Envoy was not ready: the plugin does not come to an end"),
        ("looping-afterwards", "hung", "the plugin does not come to an end"),
        ("talking-for-ever", "hung", "the plugin does not come to an end"),
        ("holding", "held", "the plugin paused the request"),
    ],
)
def test_what_never_ends_is_ended(plugin: str, outcome: str, told: str, try_: Try) -> None:
    began = time.monotonic()
    said = try_(plugin, "--timeout", "1", "--json")
    assert time.monotonic() - began < 10
    found = json.loads(said.out)
    last = found["requests"][-1] if found["requests"] else found["start"]
    assert (said.code, found["outcome"]) == (3, outcome)
    assert told in last["meaning"]
    assert len(last["log"]) <= 10_101


def test_validate_of_one_that_never_ends(try_: Try) -> None:
    said = try_("looping-at-start", "--validate", "--timeout", "1")
    assert (said.code, "did not come up in 1 s" in said.out) == (3, True)
