"""Istio's fetcher: istio-agent, in every proxy, pulls the image itself (istio/istio pkg/wasm)."""

from __future__ import annotations

from wasmimg.consumers.rules import Change, Rules, at_release
from wasmimg.module.limits import TAR_LIMIT

__all__ = ["rules"]

# istio/istio pkg/wasm/imagefetcher.go, release 1.12, the first with WasmPlugin.
_FIRST = Rules(
    one_layer=True,  # extractDockerImage, extractOCIStandardImage: "number of layers must be 1 but got"
    tar_limit=None,  # extractWasmPluginBinary: tar.NewReader(gr)
    artifact_limit=None,  # extractOCIArtifactImage: io.ReadAll
    artifact_words="",
    tells_size=False,
    allocates=True,  # extractWasmPluginBinary: make([]byte, h.Size) for every entry
    checks_length=False,
    lists_errors=True,  # PrepareFetch: multierror.Append
    untagged_is_always=False,  # pilot and cache.go: Always only for a URL that ends in ":latest"
    budget=30.0,  # pilot/pkg/model/extensions.go, buildDataSource
)
_CHANGES = (
    Change((1, 16), "one_layer", False, "istio/istio pkg/wasm/imagefetcher.go, pull request 40647"),
    Change((1, 17), "tar_limit", TAR_LIMIT, "istio/istio pkg/wasm/imagefetcher.go, extractWasmPluginBinary"),
    # From here on ISTIO_WASM_MAX_BINARY_SIZE_BYTES sets both limits; 256 MiB is its default.
    Change((1, 30), "artifact_limit", TAR_LIMIT, "istio/istio pkg/wasm/imagefetcher.go, extractOCIArtifactImage"),
    # Read in go-containerregistry 0.21.7 and not in 0.21.3, of spring 2026. Which release of Istio was the
    # first to build on it is not established: the first of that year is taken, where the stricter rule warns.
    Change((1, 30), "checks_length", True, "google/go-containerregistry pkg/v1/remote/fetcher.go, fetchBlobURL"),
)


def rules(release: tuple[int, int] | None) -> Rules:
    """The rules of ``release``, as in (1, 16); None is the newest."""
    return at_release(_FIRST, _CHANGES, release)
