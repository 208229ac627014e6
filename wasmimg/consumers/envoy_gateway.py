"""Envoy Gateway's fetcher: its controller pulls, and serves the module to Envoy (envoyproxy/gateway internal/wasm)."""

from __future__ import annotations

from wasmimg.consumers.rules import Change, Rules, at_release
from wasmimg.module.limits import TAR_LIMIT

__all__ = ["rules"]

# envoyproxy/gateway internal/wasm/imagefetcher.go, ported from Istio after its rule of one layer was gone.
_FIRST = Rules(
    one_layer=False,
    tar_limit=TAR_LIMIT,  # extractWasmPluginBinary: io.LimitReader(gr, maxWasmSize)
    artifact_limit=TAR_LIMIT,  # extractOCIArtifactImageWithLimit
    artifact_words="wasm layer size exceeds maximum size {}",
    tells_size=True,  # extractWasmPluginBinary: "%s size %d exceeds maximum size %d"
    allocates=False,
    checks_length=False,
    lists_errors=False,  # PrepareFetch: errors.Join
    untagged_is_always=True,
    budget=300.0,  # internal/wasm/cache.go, DefaultPullTimeout
)
_CHANGES = (
    # Measured with 1.9.1; see istio.py for what is known of the go-containerregistry it builds on.
    Change((1, 9), "checks_length", True, "google/go-containerregistry pkg/v1/remote/fetcher.go, fetchBlobURL"),
)


def rules(release: tuple[int, int] | None) -> Rules:
    """The rules of ``release``, as in (1, 9); None is the newest."""
    return at_release(_FIRST, _CHANGES, release)
