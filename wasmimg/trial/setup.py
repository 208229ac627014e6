"""What a trial is made with, and Envoy's configuration for it.

The configuration is JSON, which Envoy reads like YAML. Sources: envoyproxy/envoy api/envoy/config
(listener/v3, core/v3/extension.proto) and api/envoy/extensions (filters/http/wasm/v3, wasm/v3).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.trial.envoy import Envoy

__all__ = ["PLAIN", "PLUGIN", "READY_HOST", "Ports", "Setup", "configuration", "discovery"]

PLUGIN = "plugin"  # the listener with the plugin, and the plugin's name
PLAIN = "plain"  # the listener without
READY_HOST = "ready.wasmimg.invalid"  # the plain listener answers for this host itself
UPSTREAM = "upstream"  # the cluster; a plugin may call it, too

_TYPES = "type.googleapis.com/"
_WASM = f"{_TYPES}envoy.extensions.filters.http.wasm.v3.Wasm"
_ROUTER = f"{_TYPES}envoy.extensions.filters.http.router.v3.Router"
_MANAGER = f"{_TYPES}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


class Setup(NamedTuple):
    """``config`` is the plugin's configuration, None for none; ``timeout`` is in seconds.

    ``log_level`` is the lowest level of the plugin's lines that is kept.
    """

    envoy: Envoy
    config: str | None = None
    root_id: str = ""
    timeout: float = 30.0
    log_level: str = "debug"


class Ports(NamedTuple):
    """Ports on loopback; 0 stands for any that is free."""

    plugin: int = 0
    plain: int = 0


_ANY = Ports()


def configuration(
    module: Path, setup: Setup, upstream: int, ports: Ports = _ANY, watched: Path | None = None
) -> dict[str, Any]:
    """Two listeners before one upstream, of which one has the plugin.

    With ``watched``, Envoy takes a new plugin from that file (see :func:`discovery`) and goes
    on with the old one when it refuses the new.
    """
    plugin: dict[str, Any] = {"name": PLUGIN}
    if watched is None:
        plugin["typed_config"] = _plugin(module, setup)
    else:
        plugin["config_discovery"] = {
            "config_source": {"path_config_source": {"path": str(watched)}},
            "default_config": _plugin(module, setup),
            "apply_default_config_without_warming": True,
            "type_urls": [_WASM],
        }
    return {
        "node": {"id": "wasmimg", "cluster": "wasmimg"},
        "admin": {"address": _address(0)},
        "static_resources": {
            "listeners": [
                _listener(PLUGIN, ports.plugin, [plugin], [_to_upstream()]),
                _listener(PLAIN, ports.plain, [], [_to_upstream(), _ready()]),
            ],
            "clusters": [_cluster(upstream)],
        },
    }


def discovery(module: Path, setup: Setup, version: str) -> dict[str, Any]:
    """The file from which a running Envoy takes a new plugin."""
    plugin = {
        "@type": f"{_TYPES}envoy.config.core.v3.TypedExtensionConfig",
        "name": PLUGIN,
        "typed_config": _plugin(module, setup),
    }
    return {"version_info": version, "resources": [plugin]}


def _plugin(module: Path, setup: Setup) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": PLUGIN,
        "root_id": setup.root_id,
        "vm_config": {"runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": str(module)}}},
    }
    if setup.config is not None:
        # As Istio hands over pluginConfig (istio pilot/pkg/model/extensions.go).
        config["configuration"] = {"@type": f"{_TYPES}google.protobuf.StringValue", "value": setup.config}
    return {"@type": _WASM, "config": config}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _listener(name: str, port: int, filters: list[dict[str, Any]], hosts: list[dict[str, Any]]) -> dict[str, Any]:
    router = {"@type": _ROUTER, "suppress_envoy_headers": True}  # they hold times, which always differ
    manager = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "stream_idle_timeout": "0s",
        "route_config": {"virtual_hosts": hosts},
        "http_filters": [*filters, {"name": "router", "typed_config": router}],
    }
    return {
        "name": name,
        "address": _address(port),
        "enable_reuse_port": False,  # or two could have one port and share the requests
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _to_upstream() -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": UPSTREAM, "timeout": "0s"}}
    return {"name": "all", "domains": ["*"], "routes": [route]}


def _ready() -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "direct_response": {"status": 200}}
    return {"name": "ready", "domains": [READY_HOST], "routes": [route]}


def _cluster(port: int) -> dict[str, Any]:
    endpoint = {"endpoint": {"address": _address(port)}}
    return {
        "name": UPSTREAM,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": UPSTREAM, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }
