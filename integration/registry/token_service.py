"""A token server whose tokens Debian's docker-registry believes.

Source: distribution docs "Token Authentication Implementation" (a JWT, signed ES256, with the
certificate of its key in ``x5c``).
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

from tests.stores.fake_server import Reply, Seen, Server

KEY = Path(__file__).parents[2] / "tests" / "stores" / "loopback.pem"
ISSUER, SERVICE = "issuer.test", "registry.test"
USER = ("anna", "right")
IDENTITY = "identity-of-anna"


class TokenService(Server):
    """Lets ``anna`` in, by her password or identity token, to do in any repository what she asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[str]] = []

    @property
    def auth(self) -> Mapping[str, object]:
        """What the registry's configuration says of us."""
        return {
            "token": {
                "realm": f"http://{self.host}/token",
                "service": SERVICE,
                "issuer": ISSUER,
                "rootcertbundle": str(KEY),
            }
        }

    def reply(self, seen: Seen) -> Reply:
        fields = parse_qsl(seen.body.decode() if seen.method == "POST" else seen.query)
        if seen.method == "POST":
            known = ("refresh_token", IDENTITY) in fields
            scopes = dict(fields)["scope"].split()
        else:
            known = seen.headers.get("authorization") == "Basic " + base64.b64encode(":".join(USER).encode()).decode()
            scopes = [value for name, value in fields if name == "scope"]
        if not known:
            return Reply(401)
        self.asked.append(scopes)
        token = _sign([scope.split(":") for scope in scopes])
        return Reply(200, (), json.dumps({"access_token": token, "token": token, "expires_in": 300}).encode())


def _sign(scopes: list[list[str]]) -> str:
    pem = KEY.read_text()
    certificate = "".join(pem.partition("-----BEGIN CERTIFICATE-----")[2].partition("-----END")[0].split())
    now = int(time.time())
    access = [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in scopes]
    claims = {"iss": ISSUER, "sub": USER[0], "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1"}
    signed = ".".join(
        _encoded(json.dumps(part).encode())
        for part in ({"typ": "JWT", "alg": "ES256", "x5c": [certificate]}, {**claims, "access": access})
    )
    der = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(KEY)], input=signed.encode(), capture_output=True, check=True
    ).stdout
    return f"{signed}.{_encoded(_raw(der))}"


def _raw(der: bytes) -> bytes:
    """The two numbers of an ECDSA signature, 32 bytes each (RFC 7518 section 3.4), out of their DER."""
    first = 4 + der[3]
    numbers = der[4:first], der[first + 2 :]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
