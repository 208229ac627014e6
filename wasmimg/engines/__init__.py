"""Who builds: docker, buildah, or wasmimg itself."""
