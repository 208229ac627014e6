"""Checksum, pull secret and pull policy: what users are told of them is what the real fetchers do."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from integration.agreement.comparing import house, judged, quoted_in
from integration.calling import build, clean_environment, wasmimg
from integration.fetchers import Answer, Ask, Fetcher
from integration.fetchers.building import PROGRAMS
from integration.registry.zoo import ZOO
from tests.stores.fake_registry import FakeRegistry
from wasmimg.consumers.fetcher import rules_of
from wasmimg.consumers.selection import parse_consumer

every_consumer = pytest.mark.parametrize("consumer", PROGRAMS)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody without credentials."""
    return clean_environment(HOME=str(tmp_path))


def _pushed(module: Path, environment: dict[str, str], *references: str) -> str:
    """Push with the embedded engine; what is printed for the first reference."""
    tags = [word for reference in references for word in ("-t", reference)]
    return build(module, "-e", "embedded", *tags, "--push", environment=environment).splitlines()[0]


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@every_consumer
def test_the_checksum_is_the_manifest_digest_that_is_printed(
    consumer: str, registry: str, example: Path, home: dict[str, str], fetchers: dict[str, Fetcher]
) -> None:
    reference = f"{registry}/pulls/checksum:{consumer.partition('@')[0]}"
    printed = _pushed(example, home, reference)
    digests = json.loads(wasmimg("verify", reference, "--json", environment=home).out)["digests"]
    right = digests["manifest"].removeprefix("sha256:")
    assert printed == f"{reference}@sha256:{right}"
    answer = fetchers[consumer].ask(Ask(f"oci://{reference}", checksum=right))
    assert (answer.accepted, answer.module) == (True, _sum(example))
    for other in ("layer", "module"):
        wrong = digests[other].removeprefix("sha256:")
        answer = fetchers[consumer].ask(Ask(f"oci://{reference}", checksum=wrong))
        assert not answer.accepted
        words = f"module downloaded from oci://{reference} has checksum {right}, which does not match: {wrong}"
        assert answer.error == words


@every_consumer
def test_the_digest_of_an_index_pins_nothing(consumer: str, fetchers: dict[str, Fetcher]) -> None:
    animal = next(one for one in ZOO if one.name == "buildx-attestation")
    with FakeRegistry() as fake:
        reference = house(fake, "pulls/index", animal.parts)
        pinned = f"{reference.rpartition(':')[0]}@{animal.parts.top}"
        assert judged(reference, [consumer])[consumer].verdict.accepted
        words = judged(pinned, [consumer])[consumer].verdict.words
        assert fetchers[consumer].ask(Ask(f"oci://{reference}")).accepted
        answer = fetchers[consumer].ask(Ask(f"oci://{pinned}"))
    assert "which does not match" in words
    assert quoted_in(words, answer.error)


@every_consumer
def test_a_pull_secret_lets_in(
    consumer: str, locked_registry: str, example: Path, tmp_path: Path, fetchers: dict[str, Fetcher]
) -> None:
    secret = _secret(locked_registry, "right")
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_bytes(secret)
    known, nobody = (clean_environment(HOME=str(home)) for home in (tmp_path, tmp_path / "other"))
    reference = f"{locked_registry}/pulls/secret:{consumer.partition('@')[0]}"
    _pushed(example, known, reference)
    assert wasmimg("verify", reference, environment=known).code == 0
    answer = fetchers[consumer].ask(Ask(f"oci://{reference}", pull_secret=secret))
    assert (answer.accepted, answer.module) == (True, _sum(example))

    assert wasmimg("verify", reference, environment=nobody).code == 6
    for useless in (b"", _secret("elsewhere.test", "right"), _secret(locked_registry, "wrong")):
        answer = fetchers[consumer].ask(Ask(f"oci://{reference}", pull_secret=useless))
        assert not answer.accepted
        assert "could not fetch Wasm OCI image: could not fetch manifest: " in answer.error
        assert "UNAUTHORIZED" in answer.error


def _secret(host: str, password: str) -> bytes:
    """The ``.dockerconfigjson`` of a secret."""
    auth = base64.b64encode(f"anna:{password}".encode()).decode()
    return json.dumps({"auths": {host: {"auth": auth}}}).encode()


@every_consumer
def test_a_tag_is_pulled_again_by_its_policy(
    consumer: str, registry: str, example: Path, home: dict[str, str], tmp_path: Path, fetchers: dict[str, Fetcher]
) -> None:
    """Another module under the same tags is seen by Always, and only after the resource changed."""
    base = f"{registry}/pulls/policy-{consumer.partition('@')[0]}"
    other = tmp_path / "other.wasm"
    other.write_bytes(example.read_bytes() + b"\0\3\1xy")  # a custom section more
    untagged_is_always = rules_of(parse_consumer(consumer)).untagged_is_always
    digest = _pushed(example, home, f"{base}:v1", f"{base}:latest").rpartition("@")[2]
    # URL, pull policy, checksum; and whether a change is seen once the resource changed
    cases = [
        (f"{base}:v1", "", "", False),
        (f"{base}:v1", "IfNotPresent", "", False),
        (f"{base}:v1", "Always", "", True),
        (f"{base}:v1", "Always", digest.removeprefix("sha256:"), False),
        (f"{base}:latest", "", "", True),
        (f"{base}:latest", "IfNotPresent", "", False),
        (base, "", "", untagged_is_always),
        (base, "IfNotPresent", "", False),
        (base, "Always", "", True),
        (f"{base}@{digest}", "Always", "", False),
    ]

    def ask(version: str) -> list[Answer]:
        return [
            fetchers[consumer].ask(Ask(f"oci://{url}", checksum, b"", policy, version, cache=f"{consumer} {number}"))
            for number, (url, policy, checksum, _) in enumerate(cases)
        ]

    for answer in ask("1"):
        assert (answer.error, answer.module) == ("", _sum(example))
    _pushed(other, home, f"{base}:v1", f"{base}:latest")
    for answer in ask("1"):
        assert (answer.error, answer.module) == ("", _sum(example)), "nothing changed but the tag"
    seen = [answer.module == _sum(other) for answer in ask("2")]
    assert seen == [fresh for _, _, _, fresh in cases]
