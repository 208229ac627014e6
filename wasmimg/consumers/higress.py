"""Higress' fetcher: a fork of Istio's agent (higress-group/istio pkg/wasm, branch istio-1.19)."""

from __future__ import annotations

from wasmimg.consumers import istio
from wasmimg.consumers.rules import Rules

__all__ = ["rules"]

# higress-group/istio pkg/wasm/imagefetcher.go is Istio's of 1.19 but for a second try over plain http.
# Releases of Higress have numbers of their own, and all that were looked at behave so.
_FORKED_FROM = (1, 19)


def rules(release: tuple[int, int] | None) -> Rules:
    """The rules of every release."""
    return istio.rules(_FORKED_FROM)
