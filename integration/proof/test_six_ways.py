"""The whole way, with real parts only: a source, an engine, a registry, Istio's cache, Envoy, a header."""

from __future__ import annotations

import json
import time
from pathlib import Path

from integration.calling import build, wasmimg
from integration.conftest import EVERY_WAY
from integration.fetchers import Ask, Fetcher

_ALLOWED = 60.0  # seconds for all ways together


def test_what_every_engine_makes_runs_in_envoy(
    c_plugin: Path, registry: str, environment: dict[str, str], fetchers: dict[str, Fetcher]
) -> None:
    (istio,) = [fetcher for name, fetcher in fetchers.items() if name.startswith("istio")]
    took = {way: _the_whole_way(*way, c_plugin, registry, environment, istio) for way in EVERY_WAY}
    table = "\n".join(f"  {engine:<9} {form:<7} {seconds:5.1f} s" for (engine, form), seconds in took.items())
    print(f"source -> wasmimg build --push -> registry -> Istio's cache -> Envoy -> header:\n{table}")
    assert {engine for engine, _ in took} == {"docker", "buildah", "podman", "embedded"}
    assert sum(took.values()) < _ALLOWED, table


def _the_whole_way(
    engine: str, form: str, plugin: Path, registry: str, environment: dict[str, str], istio: Fetcher
) -> float:
    began = time.monotonic()
    # A cache that had the image, by its tag or its module, would show nothing.
    reference = f"{registry}/proof/{engine}-{form}:1"
    printed = build(plugin, "-e", engine, "-f", form, "-t", reference, "--push", environment=environment).strip()
    checksum = printed.rpartition("@sha256:")[2]
    answer = istio.ask(Ask(f"oci://{reference}", checksum=checksum, cache=f"proof-{engine}-{form}"))
    assert (answer.accepted, answer.error) == (True, ""), (engine, form)
    for words, value in (((), "hello-c"), (("--plugin-config", f"by {engine}"), f"by {engine}")):
        said = wasmimg("try", answer.path, *words, "--json", environment=environment)
        assert said.code == 0, said
        (request,) = json.loads(said.out)["requests"]
        assert request["status"] == 200
        assert ["x-wasmimg", value] in request["response"]["headers"]
        (change,) = request["response"]["changes"]
        assert (change["kind"], change["name"], change["after"]) == ("added", "x-wasmimg", [value])
    return time.monotonic() - began
