"""A token server that follows the specification to the letter, and a registry that believes it alone.

Sources: distribution docs "Token Authentication Specification", "OAuth2 Token Authentication",
"Token Scope Documentation".
"""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from urllib.parse import parse_qsl

from tests.stores.fake_registry import FakeRegistry
from tests.stores.fake_server import Reply, Seen, Server

__all__ = ["IDENTITY", "USER", "GuardedRegistry", "TokenServer"]

USER = ("me", "hunter2")
IDENTITY = "refresh-me"
_SCOPE = re.compile(r"repository:([a-z0-9/-]+):((?:pull|push)(?:,(?:pull|push))*)")

Rights = frozenset[tuple[str, str]]  # repository, action


class _Issued(NamedTuple):
    rights: Rights
    until: float


class TokenServer(Server):
    """Gives ``USER``, or the owner of the identity token, tokens for what ``allowed`` has.

    ``now`` is its clock, in seconds, and ``life`` how long a token holds (None: it does not say, and
    they hold for a minute). With ``rotating`` an identity token is good for one exchange.
    """

    def __init__(self, *repositories: str, life: int | None = 300, rotating: bool = False) -> None:
        super().__init__()
        self.allowed: Rights = frozenset((one, action) for one in repositories for action in ("pull", "push"))
        self.life = life
        self.now = 0.0
        self.age = 0  # seconds for which a token has been valid when it is given out
        self.identity = IDENTITY
        self._rotating = rotating
        self.issued: dict[str, _Issued] = {}
        self.asked: list[list[str]] = []  # the scopes of every request that was granted

    def reply(self, seen: Seen) -> Reply:
        fields = parse_qsl(seen.body.decode() if seen.method == "POST" else seen.query, strict_parsing=True)
        form = dict(fields)
        if form.get("service") != "registry.test":
            return Reply(400, (), b'{"error":"invalid_request"}')
        if seen.method == "POST":
            if form.get("grant_type") != "refresh_token" or not form.get("client_id"):
                return Reply(400, (), b'{"error":"invalid_request"}')
            if form.get("refresh_token") != self.identity:
                return Reply(400, (), b'{"error":"invalid_grant"}')
            scopes = form["scope"].split(" ")
        else:
            if seen.headers.get("authorization") != _basic(*USER):
                return Reply(401)
            scopes = [value for name, value in fields if name == "scope"]
        matches = [_SCOPE.fullmatch(scope) for scope in scopes]
        if None in matches:
            return Reply(400, (), b'{"error":"invalid_scope"}')
        wanted = {(match[1], action) for match in matches if match for action in match[2].split(",")}
        return self._issue(frozenset(wanted) & self.allowed, scopes, posted=seen.method == "POST")

    def _issue(self, rights: Rights, scopes: list[str], *, posted: bool) -> Reply:
        name = f"t{len(self.issued)}-secret"
        self.issued[name] = _Issued(rights, self.now + (60 if self.life is None else self.life))
        self.asked.append(scopes)
        body: dict[str, object] = {"access_token" if posted else "token": name}
        if self.life is not None:
            moment = datetime.now(timezone.utc) - timedelta(seconds=self.age)
            issued = moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
            body |= {"expires_in": self.life, "issued_at": issued}
        if posted and self._rotating:
            self.identity = f"{IDENTITY}-{len(self.issued)}"
            body["refresh_token"] = self.identity
        return Reply(200, (), json.dumps(body).encode())


class GuardedRegistry(FakeRegistry):
    """A registry that lets in who has a token of ``tokens`` with the right for each request, in time."""

    def __init__(self, tokens: TokenServer) -> None:
        super().__init__()
        self._guard = tokens
        self.realm = f"http://{tokens.host}/token"

    def _unauthorized(self, seen: Seen) -> Reply | None:
        match = re.match(r"/v2/(.+?)/(?:blobs|manifests)/", seen.path)
        repository = match[1] if match else ""
        actions = ["pull"] if seen.method in ("GET", "HEAD") else ["pull", "push"]
        wanted = {(repository, action) for action in actions}
        scope = f"repository:{repository}:{','.join(actions)}"
        source = dict(parse_qsl(seen.query)).get("from")
        if source:
            wanted.add((source, "pull"))
            scope += f" repository:{source}:pull"
        name = seen.headers.get("authorization", "").removeprefix("Bearer ")
        token = self._guard.issued.get(name)
        if token is not None and token.until > self._guard.now and token.rights >= wanted:
            return None
        why = "insufficient_scope" if token is not None and token.until > self._guard.now else "invalid_token"
        fields = f'realm="{self.realm}",service="registry.test",scope="{scope}",error="{why}"'
        return Reply(401, (("WWW-Authenticate", f"Bearer {fields}"),), b'{"errors":[{"code":"UNAUTHORIZED"}]}')


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
