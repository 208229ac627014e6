"""Plugins from source, in five languages: check accepts each, and so does Envoy, which shows its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration.calling import clean_environment, wasmimg
from integration.envoy.asking import ask, running
from integration.examples.building import EXAMPLES


@pytest.mark.parametrize("name", [example.plugin for example in EXAMPLES])
def test_check_and_envoy_take_it(name: str, built_examples: Mapping[str, Path], tmp_path: Path) -> None:
    module = built_examples[name]
    for host in ("envoy@1.40", "istio", "envoy-gateway", "higress"):
        said = wasmimg("check", module, "--for", host, "--json", environment=clean_environment())
        assert said.code == 0, said.out
        assert not [one for one in json.loads(said.out)[0]["findings"] if one["level"] == "error"]
    (tmp_path / "ask").mkdir()
    (tmp_path / "run").mkdir()
    assert ask(module.read_bytes(), tmp_path / "ask").fate == "header"
    with running(module.read_bytes(), tmp_path / "run") as envoy:
        answer = envoy.request()
    assert answer is not None
    # Its configuration, for those that read one.
    assert answer.headers["x-wasmimg"] == (name if name == "hello-wat" else "hello")
