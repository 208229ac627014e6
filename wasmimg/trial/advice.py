"""What an end that is not a good one means, and what can be done."""

from __future__ import annotations

from typing import NamedTuple

from wasmimg.trial.report import DIED, HELD, HUNG, REFUSED, TRAPPED, UNANSWERED

__all__ = ["Advice", "advise"]


class Advice(NamedTuple):
    """``meaning`` and ``fix`` are sentences; empty where there is nothing to say."""

    meaning: str = ""
    fix: str = ""


def advise(outcome: str, words: str, timeout: float, *, starting: bool = False) -> Advice:
    """For ``outcome`` with Envoy's ``words``, in its start or in a request that had ``timeout`` seconds."""
    if outcome == REFUSED and "configure base Wasm plugin" in words:
        if "proxy_on_configure failed" in words:
            return Advice(
                "the plugin fails while it reads its configuration",
                "give it a configuration that it understands: --plugin-config, --plugin-config-file",
            )
        return Advice(
            "the plugin's proxy_on_vm_start or proxy_on_configure returned false: it does not want this configuration",
            "give it one that it understands: --plugin-config, --plugin-config-file; its own lines in the log may say which",
        )
    if outcome == DIED:
        return Advice(
            "Envoy itself crashed, and not wasmimg; in a cluster the proxy would go down with all its traffic"
        )
    if outcome == HUNG:
        what = "when it starts" if starting else "with this request"
        fix = f"if it only needs longer than {timeout:g} s: --timeout SECONDS"
        return Advice(f"the plugin does not come to an end {what}, and with it the thread of Envoy that runs it", fix)
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
