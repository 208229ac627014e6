"""``wasmimg verify`` on every shape of the zoo, from a real registry where that takes the shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import urllib3

from integration.calling import Said, clean_environment, wasmimg
from integration.registry.shapes import MODULE, Parts
from integration.registry.zoo import ZOO, Animal
from tests.stores.fake_registry import FakeRegistry
from wasmimg.image.manifest import digest_of
from wasmimg.image.media_types import DOCKER_INDEX, MEDIA_TYPES, OCI_INDEX

_ACCEPT = ", ".join([*(types.manifest for types in MEDIA_TYPES.values()), OCI_INDEX, DOCKER_INDEX])
_CHOSEN = ("--for", "istio", "--for", "istio@1.22")


class Housed(NamedTuple):
    """An animal's image somewhere: ``real`` tells whether Debian's docker-registry holds it."""

    reference: str
    real: bool
    said: Said


def _push(host: str, repository: str, parts: Parts) -> bool:
    """Put ``parts`` into a registry as they are; False when it takes them not, or changes them."""
    http = urllib3.PoolManager(retries=False)
    base = f"http://{host}/v2/{repository}"
    for digest, data in parts.blobs.items():
        begun = http.request("POST", f"{base}/blobs/uploads/")
        where = begun.headers["Location"]
        joint = "&" if "?" in where else "?"
        done = http.request("PUT", f"{where}{joint}digest={digest}", body=data)
        if done.status != 201:
            return False
    for digest, (media_type, data) in parts.manifests.items():
        for name in (digest, "v1") if digest == parts.top else (digest,):
            done = http.request("PUT", f"{base}/manifests/{name}", body=data, headers={"Content-Type": media_type})
            if done.status != 201:
                return False
    for digest, (media_type, data) in parts.manifests.items():
        got = http.request("GET", f"{base}/manifests/{digest}", headers={"Accept": _ACCEPT})
        if (got.status, got.data, got.headers.get("Content-Type")) != (200, data, media_type):
            return False
    return True


def _house(host: str, repository: str, animal: Animal, fake: FakeRegistry) -> tuple[str, bool]:
    if _push(host, repository, animal.parts):
        return f"{host}/{repository}:v1", True
    for digest, data in animal.parts.blobs.items():
        fake.blobs[repository, digest] = data
    for digest, manifest in animal.parts.manifests.items():
        fake.manifests[repository, digest] = manifest
    fake.manifests[repository, "v1"] = animal.parts.manifests[animal.parts.top]
    return f"{fake.host}/{repository}:v1", False


@pytest.fixture(scope="module")
def housed(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Housed]]:
    """Every animal, and what verify says of it; asked for side by side, which takes less time."""
    environment = clean_environment(HOME=str(tmp_path_factory.mktemp("home")))
    with FakeRegistry() as fake, ThreadPoolExecutor(4) as pool:

        def ask(animal: Animal) -> tuple[str, Housed]:
            reference, real = _house(registry, f"zoo/{animal.name}", animal, fake)
            said = wasmimg("verify", reference, "--json", *_CHOSEN, environment=environment)
            return animal.name, Housed(reference, real, said)

        yield dict(pool.map(ask, ZOO))


@pytest.mark.parametrize("animal", ZOO, ids=lambda animal: animal.name)
def test_verify_says_what_each_proxy_would_say(animal: Animal, housed: dict[str, Housed]) -> None:
    said = housed[animal.name].said
    report = json.loads(said.out)
    assert {verdict["consumer"] for verdict in report["verdicts"]} == set(animal.refusals)
    for verdict in report["verdicts"]:
        words = animal.refusals[verdict["consumer"]]
        assert verdict["accepted"] == (not words), verdict
        assert words in verdict["words"]
    refused = any(words for consumer, words in animal.refusals.items() if consumer.startswith("istio"))
    assert said.code == report["exit_code"] == (8 if refused else 3 if animal.module else 0), said.err
    if not all(animal.refusals.values()):
        assert {warned["code"] for warned in report["warnings"]} == set(animal.warns)
        assert report["loads"] == (not animal.module)
    assert said.err == ""


def test_the_three_digests_are_those_of_the_parts(housed: dict[str, Housed]) -> None:
    for name in ("oci", "docker", "buildx-attestation", "artifact", "nested"):
        digests = json.loads(housed[name].said.out)["digests"]
        assert digests["module"] == digest_of(MODULE)
        animal = next(one for one in ZOO if one.name == name)
        assert digests["layer"] in animal.parts.blobs
        assert digests["manifest"] in animal.parts.manifests


def test_most_of_the_zoo_lives_in_a_real_registry(housed: dict[str, Housed]) -> None:
    assert sum(one.real for one in housed.values()) >= 100


def test_a_shape_is_judged_alike_at_its_digest(housed: dict[str, Housed], tmp_path: object) -> None:
    """A pinned image is taken, and a pinned index is not: proxies compare the digest of what it leads to."""
    environment = clean_environment(HOME=str(tmp_path))
    for name, code, words in (("oci", 0, "takes it"), ("buildx-attestation", 8, "which does not match")):
        animal = next(one for one in ZOO if one.name == name)
        repository = housed[name].reference.rpartition(":")[0]
        said = wasmimg("verify", f"{repository}@{animal.parts.top}", environment=environment)
        assert said.code == code
        assert words in said.out
