"""What an end that is not a good one means, and what can be done."""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmimg.trial.report import DIED, HELD, HUNG, REFUSED, TRAPPED, UNANSWERED

__all__ = ["Advice", "advise", "advise_broken"]

_FAILED = re.compile(r"Function: (\S+) failed: ")


class Advice(NamedTuple):
    """``meaning`` and ``fix`` are sentences; empty where there is nothing to say."""

    meaning: str = ""
    fix: str = ""


def advise(outcome: str, words: str, timeout: float, *, starting: bool = False) -> Advice:
    """For ``outcome`` with Envoy's ``words``, in its start or in a request that had ``timeout`` seconds."""
    if outcome == REFUSED:
        return _refusal(words)
    if outcome == DIED:
        return Advice(
            "Envoy itself crashed, and not wasmimg; in a cluster the proxy would go down with all its traffic"
        )
    if outcome == HUNG and starting:
        return Advice(
            "Envoy was not ready: the plugin does not come to an end when it starts, or Envoy still compiles it",
            f"if it only needs longer than {timeout:g} s: --timeout SECONDS",
        )
    if outcome == HUNG:
        return Advice(
            "the plugin does not come to an end, and with it the thread of Envoy that runs it",
            f"if it only needs longer than {timeout:g} s: --timeout SECONDS",
        )
    if outcome == HELD:
        return Advice(
            f"the plugin paused the request, and did not let it go on within {timeout:g} s",
            "return Continue (0), or resume it; does it wait for the answer to a call that never comes?",
        )
    if outcome == TRAPPED:
        return Advice("the plugin failed; from then on Envoy answers all requests in its place, with status 503")
    if outcome == UNANSWERED:
        return Advice("the connection was closed before there was a whole answer")
    return Advice()


def advise_broken(name: str) -> Advice:
    """For a message whose header ``name`` holds a line end."""
    return Advice(
        f"the value of {name} holds a line end, and Envoy sends it as it is: whoever reads the message may take it "
        "for the end of the header, or of all headers",
        "leave line ends out of values; does the plugin's configuration end with one?",
    )


def _refusal(words: str) -> Advice:
    # What a module may call before proxy_on_vm_start: proxy-wasm/proxy-wasm-cpp-host src/wasm.cc (startVm).
    if "restricted_callback" in words:
        return Advice(
            "the module calls what it may not call yet: while it initializes itself (_initialize, _start) Envoy "
            "lets it log, and read the time, random numbers, arguments and environment; to exit is not allowed",
            "build a library and no program: Rust with crate-type cdylib, C and C++ with -mexec-model=reactor, "
            "Go with -buildmode=c-shared; and begin with the rest in proxy_on_vm_start",
        )
    fix = "give it one that it understands: --plugin-config, --plugin-config-file"
    if "Failed to start base Wasm" in words:
        if "proxy_on_vm_start failed" in words:
            return Advice("the plugin fails when it starts, in proxy_on_vm_start")
        return Advice(
            "the plugin's proxy_on_vm_start returned false: it does not want to run",
            "return true (1) from it; its own lines in the log may say what it misses",
        )
    if "configure base Wasm plugin" in words:
        if "proxy_on_configure failed" in words:
            return Advice("the plugin fails while it reads its configuration", fix)
        return Advice(
            "the plugin's proxy_on_configure returned false: it does not want this configuration",
            f"{fix}; its own lines in the log may say which",
        )
    if match := _FAILED.search(words):
        return Advice(f"the plugin fails when it starts, in {match[1]}")
    return Advice()
