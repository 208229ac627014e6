"""What the fetchers of the proxies do with an image, restated step by step.

Istio's (istio/istio pkg/wasm/{cache,imagefetcher}.go) is the model; Envoy Gateway's
(envoyproxy/gateway internal/wasm) and Higress' are ports of it, and all stand on
google/go-containerregistry ("ggcr"). Where they differ is in istio.py, envoy_gateway.py and
higress.py. Nothing here is stricter than they are: bytes that do not match their digest are
accepted where a fetcher does not notice, so nothing but a verdict may be made of them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wasmimg.consumers import envoy_gateway, higress, istio
from wasmimg.consumers.advice import advise, mending_command
from wasmimg.consumers.gogzip import Stream, inflate
from wasmimg.consumers.gojson import GoDescriptor, GoError, GoManifest, parse_index, parse_manifest, quoted
from wasmimg.consumers.gotar import base_name, read_entries
from wasmimg.consumers.rules import Rules
from wasmimg.consumers.selection import Consumer
from wasmimg.errors import ImageRefused
from wasmimg.image.layer import ENTRY_NAME
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import ARTIFACT_LAYER, MEDIA_TYPES, Format, is_index
from wasmimg.module.limits import TAR_LIMIT
from wasmimg.module.reader import MAGIC
from wasmimg.stores.opened import OpenedImage, RawManifest

__all__ = ["Fetched", "Shelf", "Verdict", "fetch", "has_fetcher", "judge", "rules_of"]

_RULES = {"istio": istio.rules, "envoy-gateway": envoy_gateway.rules, "higress": higress.rules}
_INDEX_DEPTH = 20  # ggcr has no limit; nobody nests deeper
_LARGEST = 1 << 48  # bytes that Go can allocate on linux/amd64 (src/runtime/malloc.go, maxAlloc)
_SCHEMA_1 = frozenset({"json", "prettyjws"})
_NO_HEADER = r"[\x00-\x08\x0a-\x1f\x7f]"  # golang.org/x/net/http/httpguts, ValidHeaderFieldValue


class Verdict(NamedTuple):
    """What a consumer says of an image.

    When it refuses, ``words`` are its own, ``meaning`` says the same in ours, and ``fix`` is a
    way out.
    """

    consumer: Consumer
    accepted: bool
    words: str = ""
    meaning: str = ""
    fix: str = ""


class Fetched(NamedTuple):
    """How far a fetcher came: the manifest it took, with its digest; the layer and the module in it."""

    verdict: Verdict
    manifest_digest: str = ""
    manifest: GoManifest | None = None
    layer: GoDescriptor | None = None
    module: memoryview | None = None


class Shelf:
    """What was read of an image, so that several fetchers read it once.

    ``tars`` are sound layers by digest; ``source`` is how the user calls the image.
    """

    def __init__(
        self, opened: OpenedImage, tars: dict[str, bytes | memoryview] | None = None, source: str = ""
    ) -> None:
        self.where = opened.where
        self.source = source or opened.where
        self.reference = opened.where.removeprefix("docker://") if opened.where.startswith("docker://") else ""
        self.tars = {} if tars is None else tars
        self._opened = opened
        self._manifests: dict[str, RawManifest | None] = {}
        self._blobs: dict[str, bytes | None] = {}
        self._streams: dict[tuple[str, str], Stream | GoError] = {}

    @property
    def url(self) -> str:
        """The URL of the image in a WasmPlugin; it has none outside a registry."""
        return f"oci://{self.reference}" if self.reference else "URL"

    def manifest(self, digest: str = "") -> RawManifest | None:
        """A manifest as it is; ``""`` is the one that the reference names."""
        if digest not in self._manifests:
            self._manifests[digest] = self._opened.raw_manifest(digest)
        return self._manifests[digest]

    def blob(self, digest: str) -> bytes | None:
        """A blob as it is."""
        if digest not in self._blobs:
            self._blobs[digest] = self._opened.raw_blob(digest)
        return self._blobs[digest]

    def inflated(self, source: Stream, digest: str) -> Stream:
        """What is in the gzip stream ``source`` of the blob ``digest``; raises GoError."""
        key = digest, source.end
        if key not in self._streams:
            try:
                self._streams[key] = inflate(source, TAR_LIMIT)
            except GoError as error:
                self._streams[key] = error
        found = self._streams[key]
        if isinstance(found, GoError):
            raise found
        return found

    def address(self, kind: str, digest: str) -> str:
        """The URL of a part of the image, as ggcr prints it (pkg/name/registry.go, Scheme)."""
        host, _, rest = self.reference.partition("/")
        if not self.reference:
            return "URL"
        repository = re.sub(r"(?::[^/:@]+)?(?:@.*)?$", "", rest)
        plain = re.match(
            r"localhost(:|$)|127\.|\[?::1\]?|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|.*\.local(?:host)?(:\d+)?$",
            host,
        )
        return f"{'http' if plain else 'https'}://{host}/v2/{repository}/{kind}/{digest}"


def judge(
    opened: OpenedImage, consumers: tuple[Consumer, ...], *, tars: dict[str, bytes | memoryview] | None = None
) -> tuple[Verdict, ...]:
    """The verdict of every consumer that has a fetcher; ``tars`` are layers that were read, checked
    and unpacked already, by digest. Raises what reading the image raises."""
    shelf = Shelf(opened, tars)
    return tuple(fetch(shelf, consumer).verdict for consumer in consumers if has_fetcher(consumer))


def fetch(shelf: Shelf, consumer: Consumer) -> Fetched:
    """Do as the fetcher of ``consumer`` does; raises what reading the image raises."""
    return _Fetch(shelf, consumer, rules_of(consumer)).run()


def has_fetcher(consumer: Consumer) -> bool:
    """Whether a consumer fetches images: the proxy alone does not."""
    return consumer.name in _RULES


def rules_of(consumer: Consumer) -> Rules:
    """The rules of a consumer that has a fetcher."""
    return _RULES[consumer.name](consumer.release_number())


class _Fetch:
    def __init__(self, shelf: Shelf, consumer: Consumer, rules: Rules) -> None:
        self.shelf = shelf
        self.consumer = consumer
        self.rules = rules
        self.layer: GoDescriptor | None = None

    def run(self) -> Fetched:
        found = Fetched(Verdict(self.consumer, True))
        try:
            raw = self._resolve()
            found = found._replace(manifest_digest=digest_of(raw))
            self._compare(found.manifest_digest)
            try:
                manifest = parse_manifest(raw)
            except GoError as error:
                raise GoError(f"could not fetch Wasm binary: could not retrieve manifest: {error}") from None
            found = found._replace(manifest=manifest)
            try:
                module = self._module(manifest)
            except GoError as error:
                raise GoError(f"could not fetch Wasm binary: {error}") from None
            found = found._replace(layer=self.layer, module=module)
            if len(module) < 8 or bytes(module[:4]) != MAGIC:  # cache.go, isValidWasmBinary
                raise GoError(f"fetched Wasm binary from {self.shelf.url} is invalid")
        except GoError as refusal:
            words = str(refusal)
            meaning, fix = advise(words, mending_command(self.shelf.source))
            return found._replace(verdict=Verdict(self.consumer, False, words, meaning, fix))
        return found

    def _resolve(self) -> bytes:
        """ggcr pkg/v1/remote: Get, Descriptor.Image, remoteIndex.imageByPlatform, childDescriptor.

        The media type that decides is the one under which the manifest is served, or for a child
        the one in its descriptor; the ``mediaType`` inside is not looked at.
        """
        served = self.shelf.manifest()
        assert served is not None  # else reading it has raised
        media_type, raw = served
        reference = self.shelf.reference or "REF"
        pinned = _digest_in(reference)
        if pinned and digest_of(raw) != pinned:
            raise GoError(f"could not fetch Wasm OCI image: could not fetch manifest: {_other(raw, pinned, reference)}")
        try:
            for _ in range(_INDEX_DEPTH):
                if media_type.startswith("application/vnd.docker.distribution.manifest.v1+"):
                    raise GoError(
                        f"unsupported MediaType: {quoted(media_type)}, see https://github.com/google/go-containerregistry/issues/377"
                    )
                if not is_index(media_type):
                    return raw
                child = _child(raw, reference)
                if child is None:
                    raise GoError(f"no child with platform linux/amd64 in index {reference}")
                media_type, raw = child.media_type, self._child_bytes(child, reference)
                reference = f"{_repository(reference)}@{child.digest}"
        except GoError as error:
            raise GoError(f"could not fetch Wasm OCI image: could not fetch image: {error}") from None
        raise ImageRefused(f"{self.shelf.where} has indexes more than {_INDEX_DEPTH} deep")

    def _child_bytes(self, child: GoDescriptor, reference: str) -> bytes:
        if child.data is not None:  # internal/verify, Descriptor
            actual = digest_of(child.data)
            if actual != child.digest:
                raise GoError(f"error verifying Digest; got {quoted(actual)}, want {quoted(child.digest or ':')}")
            if len(child.data) != child.size:
                raise GoError(f"error verifying Size; got {len(child.data)}, want {child.size}")
            return child.data
        if re.search(_NO_HEADER, child.media_type):  # fetchManifest asks for just this type
            address = self.shelf.address("manifests", child.digest or ":")
            raise GoError(f'Get {quoted(address)}: net/http: invalid header field value for "Accept"')
        if not child.digest:
            raise GoError(f"GET {self.shelf.address('manifests', ':')}: …")
        served = self.shelf.manifest(child.digest)
        if served is None:
            raise GoError(f"GET {self.shelf.address('manifests', child.digest)}: MANIFEST_UNKNOWN: …")
        if digest_of(served.data) != child.digest:
            raise GoError(_other(served.data, child.digest, f"{_repository(reference)}@{child.digest}"))
        return served.data

    def _compare(self, digest: str) -> None:
        """cache.go: a digest in the URL is compared with the manifest that an index led to, so never with the index."""
        pinned = _digest_in(self.shelf.reference)
        if pinned and pinned != digest:
            actual, wanted = digest.removeprefix("sha256:"), pinned.removeprefix("sha256:")
            raise GoError(
                f"module downloaded from {self.shelf.url} has checksum {actual}, which does not match: {wanted}"
            )

    def _module(self, manifest: GoManifest) -> memoryview:
        """imagefetcher.go, PrepareFetch: the manifest's own mediaType says which branch is taken."""
        if manifest.media_type == MEDIA_TYPES[Format.DOCKER].manifest:
            try:
                return self._compat(manifest, Format.DOCKER)
            except GoError as error:
                raise GoError(f"could not extract Wasm file from the image as Docker container {error}") from None
        try:
            return self._compat(manifest, Format.OCI)
        except GoError as error:
            compat = f"could not parse as compat variant: {error}"
        try:
            return self._artifact(manifest)
        except GoError as error:
            artifact = f"could not parse as oci variant: {error}"
        # hashicorp/go-multierror format.go, ListFormatFunc; or Go's errors.Join.
        both = (
            f"2 errors occurred:\n\t* {compat}\n\t* {artifact}" if self.rules.lists_errors else f"{compat}\n{artifact}"
        )
        raise GoError(f"the given image is in invalid format as an OCI image: {both}")

    def _compat(self, manifest: GoManifest, form: Format) -> memoryview:
        """imagefetcher.go, extractDockerImage and extractOCIStandardImage."""
        count = len(manifest.layers)
        if self.rules.one_layer and count != 1:
            raise GoError(f"number of layers must be 1 but got {count}")
        if not count:
            raise GoError("number of layers must be greater than zero")
        layer, wanted = _described(manifest, manifest.layers[-1]), MEDIA_TYPES[form].layer
        if layer.media_type != wanted:
            raise GoError(f"invalid media type {layer.media_type} (expect {wanted})")
        known = self.shelf.tars.get(layer.digest)
        source = Stream(b"") if known is not None else self._compressed(layer)
        try:
            try:
                unpacked = Stream(known) if known is not None else self.shelf.inflated(source, layer.digest)
            except GoError as error:
                raise GoError(f"failed to parse layer as tar.gz: {error}") from None
            module = self._plugin(unpacked)
        except GoError as error:
            raise GoError(f"could not extract wasm binary: {error}") from None
        self.layer = layer
        return module

    def _plugin(self, unpacked: Stream) -> memoryview:
        """imagefetcher.go, extractWasmPluginBinary."""
        if unpacked.cut and self.rules.tar_limit is None:
            raise ImageRefused(f"the layer unpacks to more than the {TAR_LIMIT} bytes that are read here")
        tar = unpacked.within(self.rules.tar_limit)
        for entry in read_entries(tar):
            hit = base_name(entry.name) == ENTRY_NAME.encode()
            if hit and self.rules.tells_size and entry.size > TAR_LIMIT:
                raise GoError(f"{ENTRY_NAME} size {entry.size} exceeds maximum size {TAR_LIMIT}")
            if (hit or self.rules.allocates) and not 0 <= entry.size <= _LARGEST:
                raise GoError("panic: runtime error: makeslice: len out of range")
            if not hit:
                continue
            if entry.sparse:
                raise ImageRefused(f"{ENTRY_NAME} is a sparse file in the tar, and is not read here")
            end = entry.start + min(entry.stored, entry.size)
            if entry.size > entry.stored:
                raise GoError(f"failed to read {ENTRY_NAME}: EOF")
            if end > len(tar.data):
                empty = entry.start == len(tar.data) and entry.size and not tar.end
                raise GoError(f"failed to read {ENTRY_NAME}: {'unexpected EOF' if empty else tar.or_unexpected()}")
            return memoryview(tar.data)[entry.start : end]
        raise GoError(f"{ENTRY_NAME} not found in the archive")

    def _artifact(self, manifest: GoManifest) -> memoryview:
        """imagefetcher.go, extractOCIArtifactImage."""
        if len(manifest.layers) != 2:
            raise GoError(f"number of layers must be 2 but got {len(manifest.layers)}")
        layers = [_described(manifest, layer) for layer in manifest.layers]
        layer = next((one for one in layers if one.media_type == ARTIFACT_LAYER), None)
        if layer is None:
            raise GoError(f"could not find the layer of type {ARTIFACT_LAYER}")
        source, limit = self._compressed(layer), self.rules.artifact_limit
        self.layer = layer
        if limit is not None and len(source.data) > limit:
            if self.rules.artifact_words:
                raise GoError(self.rules.artifact_words.format(limit))
            return memoryview(source.data)[:limit]  # cut off, and nobody says so
        if source.end:
            raise GoError(f"could not extract wasm binary: {source.end}")
        return memoryview(source.data)

    def _compressed(self, layer: GoDescriptor) -> Stream:
        """ggcr pkg/v1/remote/image.go, Compressed; internal/verify, ReadCloser.

        Size and digest are looked at when the end of the blob is read, and not before.
        """
        data = layer.data
        if data is not None and not layer.digest:  # internal/verify, ReadCloser
            raise GoError('could not get layer content: unsupported hash: ""')
        if data is None:
            data = self.shelf.blob(layer.digest) if layer.digest else None
            if data is None:
                address = self.shelf.address("blobs", layer.digest or ":")
                raise GoError(
                    f"could not get layer content: GET {address}: {'BLOB_UNKNOWN: …' if layer.digest else '…'}"
                )
            if self.rules.checks_length and len(data) != layer.size and layer.size != -1:
                address = self.shelf.address("blobs", layer.digest)
                raise GoError(
                    f"could not get layer content: GET {address}: Content-Length header {len(data)} does not match expected size {layer.size}"
                )
        read = data if layer.size == -1 else data[: max(layer.size, 0)]
        if layer.size not in (-1, len(read)):
            return Stream(read, f"error verifying size; got {len(read)}, want {layer.size}")
        actual = digest_of(read)
        if actual != layer.digest:
            words = f"error verifying sha256 checksum after reading {len(read)} bytes; got {quoted(actual)}, want {quoted(layer.digest)}"
            return Stream(read, words)
        return Stream(read)


def _child(raw: bytes, reference: str) -> GoDescriptor | None:
    """remoteIndex.childByPlatform: the first that matches; one that says no platform is for linux/amd64."""
    for child in parse_index(raw).manifests:
        if child.platform is None or (child.platform.os, child.platform.architecture) == ("linux", "amd64"):
            return child
    return None


def _described(manifest: GoManifest, layer: GoDescriptor) -> GoDescriptor:
    """pkg/v1/partial, BlobDescriptor: what describes a layer is the first thing in the manifest with its digest."""
    return next(one for one in (manifest.config, *manifest.layers) if one.digest == layer.digest)


def _digest_in(reference: str) -> str:
    name, at, digest = reference.rpartition("@")
    return digest if at and name else ""


def _repository(reference: str) -> str:
    return re.sub(r"(?::[^/:@]+)?(?:@.*)?$", "", reference)


def _other(raw: bytes, wanted: str, reference: str) -> str:
    return f"manifest digest: {quoted(digest_of(raw))} does not match requested digest: {quoted(wanted)} for {quoted(reference)}"
