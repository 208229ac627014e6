"""Addresses that are named from outside: by a registry, or by the proxy variables.

One reader decides about an address and connects to it, urllib3's: two readers can disagree on
which part of ``http://localhost\\@other.example`` is the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.errors import UsageError
from wasmimg.image.reference import is_loopback
from wasmimg.stores.credentials import Credentials

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from urllib3.util import Url

__all__ = ["Proxy", "find_proxy", "keeps_secrets", "origin", "read_address"]

_PORTS = {"http": 80, "https": 443}
_METADATA = ("fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16")
_METADATA_NAMES = ("metadata.google.internal", "metadata.goog")


class Proxy(NamedTuple):
    """``url`` is without user and password, which are in ``credentials``; ``variable`` named it."""

    url: str
    credentials: Credentials | None
    variable: str


def read_address(text: str) -> Url:
    """The http or https address ``text``, without user, password and fragment.

    Raises ValueError when it is none, or has no host or no possible port.
    """
    return _read(text)._replace(auth=None, fragment=None)


def _read(text: str) -> Url:
    from urllib3.util import parse_url

    url = parse_url(text)
    if url.scheme not in _PORTS or not re.fullmatch(r"[!-~]+", url.host or ""):
        raise ValueError("no http or https address")
    return url


def origin(url: Url) -> tuple[str, str, int]:
    """Scheme, host and port: what must be equal for credentials to be sent along (RFC 6454)."""
    scheme = url.scheme or ""
    return scheme, url.host or "", url.port or _PORTS[scheme]


def keeps_secrets(host: str) -> bool:
    """Whether ``host`` is one where a cloud answers with the secrets of the machine that asks.

    169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291), in every spelling; what Amazon, Google,
    Alibaba and Azure have beside; and the names that Google gives them.
    """
    import ipaddress
    import socket

    name = host.strip("[]").rstrip(".").lower()
    if name in _METADATA_NAMES:
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        try:  # 0xa9fea9fe and 169.16689662 are addresses too where names are looked up
            address = ipaddress.IPv4Address(socket.inet_aton(name))
        except OSError:
            return False
    if isinstance(address, ipaddress.IPv6Address):
        address = _embedded(address) or address
    return address.is_link_local or str(address) in _METADATA


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached by way of ``address``: mapped, 6to4, NAT64 (RFC 6052), compatible."""
    from ipaddress import IPv4Address

    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    prefix, last = divmod(int(address), 1 << 32)
    return IPv4Address(last) if prefix == 0x0064_FF9B << 64 or (prefix == 0 and last > 0xFFFF) else None


def find_proxy(url: Url, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy that the variables name for ``url``; None for none, and for this machine always.

    HTTP_PROXY in capitals is not read: a CGI server fills it from a header (httpoxy.org).
    Raises UsageError, without the value, which may hold a password.
    """
    names = ("https_proxy", "HTTPS_PROXY") if url.scheme == "https" else ("http_proxy",)
    variable = next((name for name in (*names, "all_proxy", "ALL_PROXY") if environment.get(name)), None)
    _, host, port = origin(url)
    if variable is None or is_loopback(host):
        return None
    from urllib.parse import unquote
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    excluded = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if proxy_bypass_environment(f"{host}:{port}", {"no": excluded}):
        return None
    value = environment[variable]
    try:
        proxy = _read(value if "://" in value else f"http://{value}")
    except ValueError:
        raise UsageError(
            f"the proxy in {variable} cannot be used",
            reason="it is no http or https address",
            hint="write it as http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with special characters as %XX",
        ) from None
    user, _, password = (proxy.auth or "").partition(":")
    credentials = Credentials(unquote(user), unquote(password), variable) if proxy.auth else None
    return Proxy(proxy._replace(auth=None, path=None, query=None, fragment=None).url, credentials, variable)
