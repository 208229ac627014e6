"""Pools of connections: one for each proxy, and for whether the registry itself is at the other end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wasmimg.errors import NetworkFailed, UsageError
from wasmimg.retry import Kind, classify_status
from wasmimg.stores.addresses import Proxy, find_proxy, read_address
from wasmimg.stores.credentials import Access
from wasmimg.stores.failures import cause_of, failure
from wasmimg.stores.trust import tls_context

if TYPE_CHECKING:
    import urllib3
    from urllib3.util import Url

__all__ = ["Connections"]


class Connections:
    """The connections for one ``registry`` (host[:port]), and to wherever it sends us."""

    def __init__(self, registry: str, access: Access, environment: Mapping[str, str]) -> None:
        self._registry = registry
        self._access = access
        self._environment = environment
        self._pools: dict[tuple[str | None, bool], urllib3.PoolManager] = {}

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def pool(self, address: Url, *, ours: bool) -> urllib3.PoolManager:
        """The pool for ``address``; only where it is ``ours``, the registry's, does the user's trust hold.

        Raises UsageError for certificates or proxies that cannot be used.
        """
        proxy = find_proxy(address, self._environment)
        own = ours and address.scheme == "https"
        key = (proxy.url if proxy else None, own)
        if key not in self._pools:
            self._pools[key] = self._new(proxy, self._own_tls(proxy) if own else {})
        return self._pools[key]

    def _own_tls(self, proxy: Proxy | None) -> dict[str, Any]:
        import urllib3

        unproven = self._access.is_insecure(self._registry)
        if unproven:
            if proxy is not None and proxy.url.startswith("https:"):
                # urllib3 would let the proxy go unproven as well.
                raise UsageError(
                    f"the insecure {self._registry} cannot be reached through the TLS of the proxy in {proxy.variable}",
                    hint="pass the registry's CA with --ca-file instead of --insecure, or name an http:// proxy",
                )
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        context = tls_context(self._registry, self._access, self._environment, unproven=unproven)
        return {} if context is None else {"ssl_context": context}

    def _new(self, proxy: Proxy | None, options: dict[str, Any]) -> urllib3.PoolManager:
        import urllib3

        from wasmimg.stores.sockets import POOLS

        if proxy is None:
            pool = urllib3.PoolManager(**options)
        else:
            if proxy.credentials is not None:
                options["proxy_headers"] = {"Proxy-Authorization": proxy.credentials.basic()}
            pool = urllib3.ProxyManager(proxy.url, **options)
        pool.pool_classes_by_scheme = POOLS
        return pool

    def broken(self, error: Exception, address: Url, idle: float) -> NetworkFailed:
        """Why no answer came from ``address``, given ``idle`` seconds for each byte: it, or the proxy."""
        from urllib3.exceptions import ProxyError

        host = address.netloc or ""
        proxy = find_proxy(address, self._environment)
        if proxy is None or not isinstance(error, ProxyError):
            return failure(error, host, idle)
        hint = f"check {proxy.variable}, or list the host under NO_PROXY"
        text = cause_of(error)
        refused = re.search(r"Tunnel connection failed: (\d{3})", text)
        if refused:
            transient = classify_status(int(refused[1])) is Kind.TRANSIENT
            return NetworkFailed(
                f"the proxy in {proxy.variable} does not let us through to {host}",
                reason=text,
                hint=hint,
                transient=transient,
            )
        where = f"{read_address(proxy.url).netloc} (the proxy in {proxy.variable})"
        inner = failure(error.original_error, where, idle)
        return NetworkFailed(inner.message, reason=inner.reason, hint=hint, transient=inner.transient)
