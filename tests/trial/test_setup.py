"""The configuration that Envoy gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasmimg.trial.envoy import Envoy
from wasmimg.trial.setup import Ports, Setup, configuration, discovery

MODULE = Path("/somewhere/plugin.wasm")
SETUP = Setup(Envoy("/usr/bin/envoy", "1.40.0"))


def _filters(config: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        one["name"]: one["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
        for one in config["static_resources"]["listeners"]
    }


def _ports(config: dict[str, Any]) -> list[int]:
    addresses = [one["address"]["socket_address"] for one in config["static_resources"]["listeners"]]
    assert {one["address"] for one in addresses} == {"127.0.0.1"}
    return [one["port_value"] for one in addresses]


def test_one_listener_has_the_plugin_and_they_are_equal_else() -> None:
    config = configuration(MODULE, SETUP, 4711)
    filters = _filters(config)
    plugin, *rest = filters["plugin"]
    assert rest == filters["plain"]
    assert [one["name"] for one in rest] == ["router"]
    wasm = plugin["typed_config"]["config"]
    assert wasm["vm_config"]["code"] == {"local": {"filename": str(MODULE)}}
    assert (wasm["root_id"], "configuration" in wasm) == ("", False)
    assert _ports(config) == [0, 0]
    assert config["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 0}


def test_the_plugins_configuration_and_root_id() -> None:
    config = configuration(MODULE, SETUP._replace(config="", root_id="my_root"), 4711)
    wasm = _filters(config)["plugin"][0]["typed_config"]["config"]
    assert wasm["root_id"] == "my_root"
    assert wasm["configuration"] == {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": ""}


def test_both_ways_lead_to_the_one_upstream() -> None:
    config = configuration(MODULE, SETUP, 4711, Ports(1111, 2222))
    assert _ports(config) == [1111, 2222]
    (cluster,) = config["static_resources"]["clusters"]
    assert "4711" in json.dumps(cluster)


def test_a_watched_plugin_is_discovered_in_a_file() -> None:
    file = Path("/somewhere/plugin.json")
    config = configuration(MODULE, SETUP, 4711, watched=file)
    plugin = _filters(config)["plugin"][0]
    found = plugin["config_discovery"]
    assert found["config_source"]["path_config_source"]["path"] == str(file)
    new = discovery(MODULE, SETUP, "7")
    assert new["version_info"] == "7"
    (resource,) = new["resources"]
    assert resource["name"] == plugin["name"]
    assert resource["typed_config"] == found["default_config"]
    assert found["type_urls"] == [resource["typed_config"]["@type"]]
