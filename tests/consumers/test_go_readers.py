"""JSON, gzip and tar as Go reads them: words taken from Go itself, and properties that hold for any bytes."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration.registry.shapes import GOOD, LAYER, MODULE, PLAIN, Parts, index, of, on, zipped
from tests.consumers.places import Place
from wasmimg.consumers.fetcher import judge
from wasmimg.consumers.gogzip import Stream, inflate
from wasmimg.consumers.gojson import GoError, parse_index, parse_manifest
from wasmimg.consumers.gotar import GoEntry, base_name, read_entries
from wasmimg.consumers.selection import parse_consumer
from wasmimg.errors import WasmimgError
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import MEDIA_TYPES, OCI_INDEX
from wasmimg.verification import report_on

_SIZE = "json: cannot unmarshal {} into Go struct field Descriptor.layers.size of type int64"
# What v1.ParseManifest of go-containerregistry said of them, built with Go 1.26.
_MANIFESTS = [
    (b'{"layers":[{"size":"1"}]}', _SIZE.format("string")),
    (b'{"layers":[{"size":1.5}]}', _SIZE.format("number 1.5")),
    (b'{"layers":[{"size":99999999999999999999}]}', _SIZE.format("number 99999999999999999999")),
    (b'{"layers":[{"size":true}]}', _SIZE.format("bool")),
    (b'{"layers":{}}', "json: cannot unmarshal object into Go struct field Manifest.layers of type []v1.Descriptor"),
    (b'{"layers":[5]}', "json: cannot unmarshal number into Go struct field Manifest.layers of type v1.Descriptor"),
    (b'{"config":[]}', "json: cannot unmarshal array into Go struct field Manifest.config of type v1.Descriptor"),
    (
        b'{"mediaType":5}',
        "json: cannot unmarshal number into Go struct field Manifest.mediaType of type types.MediaType",
    ),
    (b"[]", "json: cannot unmarshal array into Go value of type v1.Manifest"),
    (b'"x"', "json: cannot unmarshal string into Go value of type v1.Manifest"),
    (
        b'{"layers":[{"digest":5}]}',
        "json: cannot unmarshal number into Go struct field Descriptor.layers.digest of type string",
    ),
    (
        b'{"layers":[{"platform":{"os":5}}]}',
        "json: cannot unmarshal number into Go struct field Platform.layers.platform.os of type string",
    ),
    (
        b'{"annotations":{"a":5}}',
        "json: cannot unmarshal number into Go struct field Manifest.annotations of type string",
    ),
    (
        b'{"annotations":[]}',
        "json: cannot unmarshal array into Go struct field Manifest.annotations of type map[string]string",
    ),
    (
        b'{"layers":[{"urls":5}]}',
        "json: cannot unmarshal number into Go struct field Descriptor.layers.urls of type []string",
    ),
    (b'{"layers":[{"digest":"x"}]}', 'cannot parse hash: "x"'),
    (b'{"layers":[{"digest":null}]}', 'cannot parse hash: ""'),
    (b'{"layers":[{"digest":"sha512:ab"}]}', 'unsupported hash: "sha512"'),
    (b'{"layers":[{"digest":"sha256:zb"}]}', "found non-hex character in hash: z"),
    (b'{"layers":[{"digest":"sha256:ab"}]}', "wrong number of hex digits for sha256: ab"),
    (b'{"layers":[{"data":"***"}]}', "illegal base64 data at input byte 0"),
    (b'{"schemaVersion":"2","layers":[{"digest":"x"}]}', 'cannot parse hash: "x"'),
    (b"", "EOF"),
    (b"  ", "EOF"),
    (b"{", "unexpected EOF"),
    (b'{"a":tru', "unexpected EOF"),
    (b'{"a":"b', "unexpected EOF"),
    (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    (b"[1,]", "invalid character ']' looking for beginning of value"),
    (b'{"a" 1}', "invalid character '1' after object key"),
    (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    (b'{"a":[1 2]}', "invalid character '2' after array element"),
    (b"{a:1}", "invalid character 'a' looking for beginning of object key string"),
    (b"nulx", "invalid character 'x' in literal null (expecting 'l')"),
    (b'{"a":-}', "invalid character '}' in numeric literal"),
    (b'{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
    (b'{"a":1e}', "invalid character '}' in exponent of numeric literal"),
    (b'{"a":"\\x"}', "invalid character 'x' in string escape code"),
    (b'{"a":"\\u12"}', "invalid character '\"' in \\u hexadecimal character escape"),
    (b'{"a":"\x01"}', "invalid character '\\x01' in string literal"),
    (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    (b'{"a":-Infinity}', "invalid character 'I' in numeric literal"),
    (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
    (b"<html>", "invalid character '<' looking for beginning of value"),
]


@pytest.mark.parametrize("raw, words", _MANIFESTS)
def test_a_manifest_that_go_cannot_read_is_refused_in_go_s_words(raw: bytes, words: str) -> None:
    with pytest.raises(GoError) as caught:
        parse_manifest(raw)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    "raw",
    [
        b"null",
        b"{}",
        b'{"a":1}}',
        b'{"layers":null,"config":null}',
        b'{"LAYERS":[],"Config":{"SIZE":5}}',
        b'{"":"\\ud800\xff"} x',
    ],
)
def test_what_go_makes_of_odd_json_is_a_manifest(raw: bytes) -> None:
    assert parse_manifest(raw).layers == ()


def test_fields_are_found_in_any_case_and_the_last_of_two_counts() -> None:
    manifest = parse_manifest(b'{"mediatype":"a","MEDIATYPE":"b","Layers":[{"Size":1,"size":2,"mediaType":"\xff"}]}')
    assert manifest.media_type == "b"
    assert manifest.layers[0].size == 2
    assert manifest.layers[0].media_type == "\ufffd"


def test_objects_that_stand_twice_are_laid_over_each_other() -> None:
    manifest = parse_manifest(b'{"config":{"size":5,"mediaType":"a"},"config":{"mediaType":"b","size":null}}')
    assert (manifest.config.size, manifest.config.media_type) == (5, "b")
    (child,) = parse_index(
        b'{"manifests":[{"platform":{"os":"linux"},"platform":null,"data":"AA==","data":null}]}'
    ).manifests
    assert (child.platform, child.data) == (None, None)


@pytest.mark.parametrize(
    "name, base",
    [
        (b"a/plugin.wasm", b"plugin.wasm"),
        (b"plugin.wasm//", b"plugin.wasm"),
        (b"", b"."),
        (b"//", b"/"),
        (b"a/.", b"."),
    ],
)
def test_base_names_are_go_s(name: bytes, base: bytes) -> None:
    assert base_name(name) == base


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=5))
def test_sound_gzip_of_any_members_is_read_whole(members: list[bytes]) -> None:
    blob = b"".join(map(zipped, members))
    stream = inflate(Stream(blob), 1 << 20)
    assert (bytes(stream.data), stream.end, stream.cut) == (b"".join(members), "", False)


@given(st.binary(min_size=1, max_size=5000), st.data())
def test_a_cut_gzip_gives_what_came_before(content: bytes, data: st.DataObject) -> None:
    blob = zipped(content)
    kept = data.draw(st.integers(10, len(blob) - 1))
    stream = inflate(Stream(blob[:kept]), 1 << 20)
    assert content.startswith(bytes(stream.data))
    assert stream.end == "unexpected EOF"


@given(st.binary(min_size=1, max_size=300), st.integers(0, 5000), st.integers(1, 255))
def test_a_changed_byte_never_passes_unnoticed(content: bytes, at: int, change: int) -> None:
    blob = bytearray(zipped(content * 7))
    at = 10 + at % (len(blob) - 10)
    blob[at] ^= change
    try:
        stream = inflate(Stream(bytes(blob)), 1 << 20)
    except GoError:
        return
    assert stream.end or bytes(stream.data) == content * 7


def test_what_lies_in_front_of_the_damage_is_read() -> None:
    noise = bytes(zlib.crc32(bytes([at & 255, at >> 8])) & 255 for at in range(60_000))
    blob = gzip.compress(noise, 6, mtime=0)
    hurt = blob[:40_000] + b"\xff" * 64 + blob[40_064:]
    stream = inflate(Stream(hurt), 1 << 20)
    assert stream.end
    assert bytes(stream.data)[:39_000] == noise[:39_000]


def test_a_bomb_stays_within_its_bounds() -> None:
    deflater = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join([*(deflater.compress(bytes(1 << 20)) for _ in range(64)), deflater.flush()])
    tracemalloc.start()
    stream = inflate(Stream(bomb), 4 << 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(stream.data), stream.cut) == (4 << 20, True)
    assert peak < 12 << 20


_NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_characters="/"), min_size=1, max_size=150)


@given(
    st.lists(st.tuples(_NAMES, st.binary(max_size=2000)), max_size=6),
    st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_every_tar_that_python_writes_is_read_alike(members: list[tuple[str, bytes]], form: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    data = buffer.getvalue()
    found = [(one.name.decode(), data[one.start : one.start + one.stored]) for one in read_entries(Stream(data))]
    assert found == members


@given(st.binary(max_size=2000), st.integers(0, 1500), st.binary(max_size=40))
def test_any_tar_ends_in_entries_or_in_words(junk: bytes, at: int, patch: bytes) -> None:
    for data in (junk, PLAIN[:at] + patch + PLAIN[at + len(patch) :], PLAIN + junk):
        entries: list[GoEntry] = []
        with suppress(GoError):
            entries += read_entries(Stream(data))
        assert len(entries) <= len(data) // 512 + 1


_CONSUMERS = tuple(map(parse_consumer, ("istio", "istio@1.12", "envoy-gateway", "higress")))
_FIELDS = [
    "layers",
    "Layers",
    "config",
    "mediaType",
    "digest",
    "size",
    "manifests",
    "platform",
    "os",
    "architecture",
    "data",
    "urls",
]
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([digest_of(LAYER), "sha256:"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), children, max_size=4),
    max_leaves=12,
)
_SERVED = st.sampled_from([*(types.manifest for types in MEDIA_TYPES.values()), OCI_INDEX, "", "application/json"])


def _judged(parts: Parts) -> None:
    """Nothing but verdicts and our own errors comes out."""
    try:
        report = report_on(Place(parts), "docker://r.io/a/b:v1", _CONSUMERS)
    except WasmimgError:
        return
    for verdict in report.verdicts:
        assert verdict.accepted != bool(verdict.words)
    json.dumps([verdict._asdict() for verdict in report.verdicts])


@given(_VALUES, _SERVED)
def test_any_manifest_ends_in_a_verdict(value: object, served: str) -> None:
    raw = json.dumps(value).encode()
    _judged(Parts({digest_of(LAYER): LAYER}, {digest_of(raw): (served, raw)}, digest_of(raw)))


@given(st.binary(max_size=300), _SERVED)
def test_any_bytes_for_a_manifest_end_in_a_verdict(raw: bytes, served: str) -> None:
    _judged(Parts({}, {digest_of(raw): (served, raw)}, digest_of(raw)))


@given(
    st.sampled_from([GOOD, index((GOOD, on("linux", "amd64")))]),
    st.integers(0, 2000),
    st.binary(min_size=1, max_size=3),
)
def test_a_manifest_with_changed_bytes_ends_in_a_verdict(parts: Parts, at: int, patch: bytes) -> None:
    media_type, raw = parts.manifests[parts.top]
    at %= len(raw)
    changed = raw[:at] + patch + raw[at + len(patch) :]
    _judged(parts._replace(manifests={**parts.manifests, parts.top: (media_type, changed)}))


@given(st.integers(0, len(LAYER)), st.binary(max_size=20), st.booleans())
def test_a_layer_with_changed_bytes_ends_in_a_verdict(at: int, patch: bytes, honest: bool) -> None:
    changed = LAYER[:at] + patch + LAYER[at + len(patch) :]
    parts = of(changed) if honest else GOOD._replace(blobs={**GOOD.blobs, digest_of(LAYER): changed})
    _judged(parts)


@given(st.integers(0, len(PLAIN)), st.binary(max_size=20))
def test_a_tar_with_changed_bytes_ends_in_a_verdict(at: int, patch: bytes) -> None:
    changed = PLAIN[:at] + patch + PLAIN[at + len(patch) :]
    parts = of(zipped(changed))
    _judged(parts)
    (verdict,) = judge(Place(parts), _CONSUMERS[:1])
    assert verdict.accepted or changed[: len(MODULE) + 512] != PLAIN[: len(MODULE) + 512]
