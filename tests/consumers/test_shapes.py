"""What each fetcher says of every shape in the zoo, without a network."""

from __future__ import annotations

import pytest

from integration.registry.shapes import GOOD, LAYER, MODULE, OCI, Parts, image, index, of, on, one, tar, zipped
from integration.registry.zoo import ZOO, Animal
from tests.consumers.places import Place
from wasmimg.consumers.fetcher import Shelf, fetch, judge
from wasmimg.consumers.selection import Consumer, parse_consumer
from wasmimg.image.layer import tar_header
from wasmimg.image.manifest import canonical_json, digest_of
from wasmimg.module.limits import TAR_LIMIT
from wasmimg.verification import report_on

_SOURCE = "docker://r.io/acme/plugin:v1"
_ISTIO = (Consumer("istio"),)


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_every_fetcher_says_what_the_real_one_says(animal: Animal) -> None:
    place = Place(animal.parts)
    consumers = tuple(map(parse_consumer, animal.refusals))
    for verdict in judge(place, consumers):
        words = animal.refusals[str(verdict.consumer)]
        assert verdict.accepted == (not words), verdict
        assert words in verdict.words
        assert bool(verdict.meaning and verdict.fix) == bool(words), verdict
    assert len(place.read) == len(set(place.read))  # several consumers, and everything is read once


@pytest.mark.parametrize(
    "animal", [one for one in ZOO if not all(one.refusals.values())], ids=lambda animal: animal.name
)
def test_what_is_taken_is_warned_of_and_its_module_is_checked(animal: Animal) -> None:
    report = report_on(Place(animal.parts), _SOURCE, (Consumer("istio", "1.22"),))
    assert {warned.code for warned in report.warnings} == set(animal.warns)
    assert all(warned.message and warned.fix for warned in report.warnings)
    assert {finding.code for finding in report.findings if finding.level == "error"} == ({animal.module} - {""})
    assert report.exit_code == (3 if animal.module else 0)
    assert report.facts is not None
    assert report.loads == (not animal.module)


def _says(parts: Parts, consumer: str, where: str = _SOURCE) -> str:
    (verdict,) = judge(Place(parts, where), (parse_consumer(consumer),))
    assert verdict.accepted != bool(verdict.words)
    return verdict.words


_TWO = image((OCI.layer, zipped(tar(("a", b"x")))), (OCI.layer, LAYER))


@pytest.mark.parametrize("consumer", ["istio@1.12", "istio@1.15.7", "istio@v1.15"])
def test_istio_before_1_16_wants_exactly_one_layer(consumer: str) -> None:
    assert "number of layers must be 1 but got 2" in _says(_TWO, consumer)
    assert "number of layers must be 1 but got 0" in _says(image(), consumer)
    assert not _says(GOOD, consumer)


@pytest.mark.parametrize(
    "consumer", ["istio", "istio@1.16", "istio@1.30.2", "higress", "higress@1.4", "envoy-gateway@1.0"]
)
def test_later_ones_take_the_last_layer(consumer: str) -> None:
    assert not _says(_TWO, consumer)


_LONG = of(LAYER, change=lambda body: body["layers"][0].update(size=len(LAYER) + 1))


@pytest.mark.parametrize(
    "consumer, refuses", [("istio@1.29", False), ("istio@1.30", True), ("istio", True), ("higress", False)]
)
def test_a_size_that_lies_is_noticed_by_newer_ones(consumer: str, refuses: bool) -> None:
    assert bool(_says(_LONG, consumer)) == refuses


def test_the_words_name_the_image_and_its_parts_as_the_proxy_does() -> None:
    digest = digest_of(LAYER)
    assert _says(_LONG, "istio").count(f"GET https://r.io/v2/acme/plugin/blobs/{digest}: Content-Length header") == 1
    local = "docker://127.0.0.1:5000/a/b@" + _LONG.top
    assert f"GET http://127.0.0.1:5000/v2/a/b/blobs/{digest}:" in _says(_LONG, "istio", local)
    assert (
        _says(one(tar(("plugin.wasm", b""))), "istio")
        == "fetched Wasm binary from oci://r.io/acme/plugin:v1 is invalid"
    )
    assert _says(one(tar(("plugin.wasm", b""))), "istio", "oci:out") == "fetched Wasm binary from URL is invalid"
    assert _says(index((GOOD, on("linux", "arm"))), "istio") == (
        "could not fetch Wasm OCI image: could not fetch image: no child with platform linux/amd64 in index r.io/acme/plugin:v1"
    )


def test_two_errors_are_told_as_each_consumer_tells_them() -> None:
    bare = image(("application/wasm", MODULE))
    compat = f"could not parse as compat variant: invalid media type application/wasm (expect {OCI.layer})"
    artifact = "could not parse as oci variant: number of layers must be 2 but got 1"
    head = "could not fetch Wasm binary: the given image is in invalid format as an OCI image: "
    assert _says(bare, "istio") == f"{head}2 errors occurred:\n\t* {compat}\n\t* {artifact}"
    assert _says(bare, "envoy-gateway") == f"{head}{compat}\n{artifact}"


def test_a_pinned_index_is_refused_and_its_image_pinned_is_taken() -> None:
    pinned = index((GOOD, on("linux", "amd64")))
    words = _says(pinned, "istio", f"docker://r.io/acme/plugin:v1@{pinned.top}")
    actual, wanted = GOOD.top.removeprefix("sha256:"), pinned.top.removeprefix("sha256:")
    assert words.endswith(f"has checksum {actual}, which does not match: {wanted}")
    assert not _says(GOOD, "istio", f"docker://r.io/acme/plugin@{GOOD.top}")
    other = "sha256:" + "0" * 64
    assert f'manifest digest: "{GOOD.top}" does not match requested digest: "{other}"' in _says(
        GOOD, "istio", f"docker://r.io/acme/plugin@{other}"
    )


def test_the_warning_of_an_index_names_the_digest_to_pin() -> None:
    report = report_on(Place(index((GOOD, on("linux", "amd64")))), _SOURCE, _ISTIO)
    (warned,) = report.warnings
    assert warned.fix.startswith(f"pin {GOOD.top}")
    assert report.facts is not None
    assert report.facts.manifest_digest == GOOD.top
    assert report.facts.index_digest not in (None, GOOD.top)
    assert report.facts.module_digest == digest_of(MODULE)
    assert report.facts.layer_digest == digest_of(LAYER)


@pytest.mark.parametrize(
    "reference, codes",
    [
        ("r.io/acme/plugin:v1", set()),
        ("r.io/acme/plugin:latest", {"WV103"}),
        ("r.io:5000/acme/plugin", {"WV103"}),
        (f"r.io/acme/plugin:latest@{GOOD.top}", set()),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/plugin:v1", {"WV105"}),
        ("europe-docker.pkg.dev/p/r/plugin:v1", {"WV105"}),
        ("acme.azurecr.io/plugin:v1", {"WV105"}),
        ("acme.azurecr.io.example.org/plugin:v1", set()),
    ],
)
def test_names_that_will_hurt_are_warned_of(reference: str, codes: set[str]) -> None:
    report = report_on(Place(GOOD, f"docker://{reference}"), reference, _ISTIO)
    assert {warned.code for warned in report.warnings} == codes
    assert report.exit_code == 0


def test_a_layer_that_takes_long_is_warned_of_by_the_time_a_proxy_has() -> None:
    slow = of(LAYER, change=lambda body: body["layers"][0].update(size=31_000_000))
    istio = report_on(Place(slow), _SOURCE, (Consumer("istio", "1.20"),))
    assert "30 seconds" in next(warned.message for warned in istio.warnings if warned.code == "WV104")
    gateway = report_on(Place(slow), _SOURCE, (Consumer("envoy-gateway", "1.0"),))
    assert "WV104" not in {warned.code for warned in gateway.warnings}


@pytest.mark.parametrize(
    "source, command",
    [
        ("docker://r.io/a/b:v1", "wasmimg convert docker://r.io/a/b:v1 r.io/a/b:v1-fixed"),
        ("r.io:5000/a/b", "wasmimg convert r.io:5000/a/b r.io:5000/a/b:fixed"),
        (f"r.io/a/b@{GOOD.top}", f"wasmimg convert r.io/a/b@{GOOD.top} r.io/a/b:fixed"),
        ("oci:my out", "wasmimg convert 'oci:my out' -o oci:fixed"),
        ("docker-archive:x.tar", "wasmimg convert docker-archive:x.tar -o oci:fixed"),
    ],
)
def test_the_way_out_is_a_command_that_can_be_pasted(source: str, command: str) -> None:
    place = Place(one(tar(("filter.wasm", MODULE))))
    report = report_on(place, source, _ISTIO)
    assert report.exit_code == 8
    assert all(verdict.fix.endswith(command) for verdict in report.refused)


def test_a_chosen_one_decides_and_the_others_are_shown() -> None:
    report = report_on(Place(_TWO), _SOURCE, (Consumer("istio", "1.12"), Consumer("istio")))
    assert [str(verdict.consumer) for verdict in report.verdicts] == ["istio@1.12", "istio", "envoy-gateway", "higress"]
    assert [str(verdict.consumer) for verdict in report.refused] == ["istio@1.12"]
    assert report.exit_code == 8
    assert report_on(Place(_TWO), _SOURCE, _ISTIO).exit_code == 0


@pytest.mark.parametrize(
    "parts, code", [(GOOD, 0), (one(tar(("x", b""))), 8), (one(tar(("plugin.wasm", MODULE[:8]))), 3)]
)
def test_for_the_proxy_alone_any_fetcher_will_do(parts: Parts, code: int) -> None:
    assert report_on(Place(parts), _SOURCE, (Consumer("envoy"),)).exit_code == code


def test_a_layer_that_was_unpacked_already_is_not_read_again() -> None:
    place = Place(GOOD)
    (verdict,) = judge(place, _ISTIO, tars={digest_of(LAYER): tar(("plugin.wasm", MODULE))})
    assert verdict.accepted
    assert digest_of(LAYER) not in place.read


@pytest.mark.parametrize("over, words", [(0, ""), (1, "failed to read plugin.wasm: unexpected EOF")])
def test_the_limit_holds_for_what_was_unpacked_already(over: int, words: str) -> None:
    size = TAR_LIMIT - 512 + over
    unpacked = tar_header("plugin.wasm", size, 0) + MODULE[:8] + bytes(size - 8 + 1024)
    (verdict,) = judge(Place(GOOD), _ISTIO, tars={digest_of(LAYER): unpacked})
    assert verdict.accepted == (not words)
    assert words in verdict.words


def test_indexes_in_indexes_without_end_are_an_error_of_ours() -> None:
    from wasmimg.errors import ImageRefused

    parts = GOOD
    for _ in range(30):
        parts = index((parts, {}))
    with pytest.raises(ImageRefused, match="indexes more than"):
        judge(Place(parts), _ISTIO)


def test_what_is_fetched_is_the_module_itself() -> None:
    for parts in (GOOD, _TWO, index((GOOD, {}))):
        module = fetch(Shelf(Place(parts)), Consumer("istio")).module
        assert module is not None
        assert bytes(module) == MODULE


def test_a_manifest_of_a_foreign_encoding_is_refused_in_words() -> None:
    raw = canonical_json({"layers": []}).decode().encode("utf-16")
    parts = Parts({}, {digest_of(raw): (OCI.manifest, raw)}, digest_of(raw))
    assert "invalid character 'ÿ' looking for beginning of value" in _says(parts, "istio")
