"""The real fetchers take what every engine makes of a real plugin, in every format."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from integration.calling import build, wasmimg
from integration.conftest import EVERY_WAY
from integration.fetchers import Ask, Fetcher

_WAYS = [(engine, form, "compat") for engine, form in EVERY_WAY] + [("embedded", "oci", "artifact")]
_FOR = ("--for", "higress")  # for whose proxy the plugin is made; the fetchers of all are asked


@pytest.mark.parametrize(("engine", "form", "variant"), _WAYS)
def test_what_is_pushed_is_taken_by_all(
    engine: str,
    form: str,
    variant: str,
    registry: str,
    plugin: Path,
    environment: dict[str, str],
    fetchers: dict[str, Fetcher],
) -> None:
    reference = f"{registry}/agreement/{engine}:{form}-{variant}"
    how = ("-e", engine, "-f", form, "--variant", variant, "-t", reference, "--push", *_FOR)
    printed = build(plugin, *how, environment=environment).strip()
    said = wasmimg("verify", reference, *_FOR, "--json", environment=environment)
    report = json.loads(said.out)
    assert said.code == 0
    assert [verdict["accepted"] for verdict in report["verdicts"]] == [True] * 3
    assert (report["format"], report["variant"]) == (form, variant)
    module = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert report["digests"]["module"] == f"sha256:{module}"
    for consumer, fetcher in fetchers.items():
        for url in (f"oci://{reference}", f"oci://{printed}"):
            answer = fetcher.ask(Ask(url, checksum=printed.rpartition("@sha256:")[2]))
            assert (answer.accepted, answer.error, answer.module) == (True, "", module), consumer
            assert Path(answer.path).read_bytes() == plugin.read_bytes()
