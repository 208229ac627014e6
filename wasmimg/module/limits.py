"""How many bytes proxies read."""

from __future__ import annotations

__all__ = ["MODULE_LIMIT", "TAR_LIMIT"]

# Istio and Envoy Gateway stop reading the decompressed tar stream of a layer here
# (istio pkg/wasm/imagefetcher.go, ISTIO_WASM_MAX_BINARY_SIZE_BYTES; gateway internal/wasm).
TAR_LIMIT = 256 * 1024 * 1024

# The limit counts the decompressed tar: one header of 512 bytes stands before the module.
MODULE_LIMIT = TAR_LIMIT - 512
