"""What the words of a fetcher mean, and what helps."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["advise", "mending_command"]

# Stands for a command that makes a right image of this one.
_CONVERT = "{convert}"


class _Advice(NamedTuple):
    """``words`` is a pattern for what the fetcher says; ``fix`` may hold ``{convert}``."""

    words: str
    meaning: str
    fix: str


# The first that matches counts, so what is said first of two errors stands first. Source of the
# causes: the issues of Istio, Envoy Gateway and Higress in which users met these words.
_ADVICE = (
    _Advice(
        "no child with platform linux/amd64",
        "it is an index without an image for linux/amd64, and every proxy takes that one, on arm64 nodes too",
        "build for linux/amd64 (a module runs on every architecture), or " + _CONVERT,
    ),
    _Advice(
        "which does not match",
        "the digest behind @ is that of the index, and a proxy compares it with the image that the index leads to",
        "pin the image's own digest, or " + _CONVERT,
    ),
    _Advice(
        "does not match requested digest|error verifying Digest",
        "the registry sends another manifest than the one that was asked for by digest",
        "push the image again",
    ),
    _Advice(
        "Content-Length header|error verifying [sS]ize",
        "the size that the manifest says of the layer is not the size of its bytes",
        "push the image again; if that does not help, build it again",
    ),
    _Advice(
        "error verifying sha256",
        "the bytes of the layer are not the ones that the manifest names",
        "push the image again; if that does not help, build it again",
    ),
    _Advice(
        "unsupported MediaType",
        "it is an image in a format of 2014 (docker schema 1), which no proxy reads",
        "build it with a newer docker or buildah, or with wasmimg",
    ),
    _Advice(
        "could not retrieve manifest|invalid character|cannot unmarshal",
        "the manifest cannot be read: it is damaged, or names a digest that is not SHA-256",
        "build the image again",
    ),
    _Advice(
        "BLOB_UNKNOWN|MANIFEST_UNKNOWN|: …",
        "a part of the image is missing in the registry",
        "push the image again",
    ),
    _Advice(
        "invalid media type application/vnd.module.wasm.content.layer.v1.wasm",
        "the layer is the bare module, which a proxy takes only as one of exactly two layers; 'must be 2' is not the cause",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type application/(vnd\.wasm\.content\.layer\.v1\+wasm|wasm)",
        "the layer is the bare module, as wasm-to-oci, wkg or oras push it; a proxy wants a tar with plugin.wasm in it",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type \S*zstd",
        "the layer is compressed with zstd, and a proxy reads gzip only",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type (application/vnd\.oci\.image\.layer\.v1\.tar|application/vnd\.docker\.image\.rootfs\.diff\.tar) ",
        "the layer is not compressed, and a proxy reads gzip only",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type application/vnd\.docker\.image\.rootfs\.diff\.tar\.gzip \(expect application/vnd\.oci",
        "the layer is in docker's format and its manifest in that of OCI, and a proxy wants both alike",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type application/vnd\.oci\.image\.layer\.v1\.tar\+gzip \(expect application/vnd\.docker",
        "the layer is in the format of OCI and its manifest in docker's, and a proxy wants both alike",
        _CONVERT,
    ),
    _Advice(
        r"invalid media type application/vnd\.oci\.empty",
        "the last layer is an empty one, as an artifact has it that docker pulled and pushed: the module is gone",
        "copy the original with a tool that keeps artifacts (skopeo, oras, crane), or build it again from the .wasm",
    ),
    _Advice(
        "invalid media type",
        "a proxy looks at the last layer only, and that has a media type which it does not take",
        _CONVERT,
    ),
    _Advice(
        "number of layers must be 1 but got",
        "Istio before 1.16 takes images of exactly one layer",
        "one COPY and no base image, or " + _CONVERT,
    ),
    _Advice(
        "number of layers must be greater than zero",
        "there is no layer in it",
        "build the image again, with COPY plugin.wasm ./",
    ),
    _Advice(
        "exceeds maximum size|failed to read plugin.wasm|makeslice",
        "plugin.wasm is cut short, or is larger than the 256 MiB that a proxy reads of the unpacked layer",
        "make the module smaller (wasm-opt --strip-debug -Os) and build the image again",
    ),
    _Advice(
        "failed to parse layer as tar.gz|flate:|gzip:",
        "the layer is called gzip and is none, or is damaged",
        _CONVERT,
    ),
    _Advice(
        "plugin.wasm not found in the archive",
        "a proxy looks for plugin.wasm in the last layer, and there is none in it",
        "let the last layer hold it: COPY {{your.wasm}} ./plugin.wasm; or " + _CONVERT,
    ),
    _Advice(
        "is invalid$",
        "what is called plugin.wasm first is not a module: a folder, a link, or another file",
        _CONVERT,
    ),
    _Advice(
        "archive/tar:|unexpected EOF",
        "the tar in the layer is damaged",
        "build the image again",
    ),
)


def advise(words: str, convert: str) -> tuple[str, str]:
    """What ``words`` of a fetcher mean, and how to mend it; ``convert`` is the command that makes a right image."""
    for advice in _ADVICE:
        if re.search(advice.words, words):
            return advice.meaning, advice.fix.format(convert=convert)
    return "", "build the image again"


def mending_command(source: str) -> str:
    """The command that makes a right image of the one at SOURCE, beside it and not instead of it."""
    import shlex

    from wasmimg.stores.places import has_prefix

    words = f"wasmimg convert {shlex.quote(source)}"
    if has_prefix(source) and not source.startswith("docker://"):
        return f"{words} -o oci:fixed"
    reference = source.removeprefix("docker://")
    name, _, _ = reference.partition("@")
    repository, colon, tag = name.rpartition(":")
    if colon and "/" not in tag:
        return f"{words} {repository}:{tag}-fixed"
    return f"{words} {name}:fixed"
