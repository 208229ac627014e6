"""Meeting the challenge in a 401: which credentials, made into what, and sent to whom.

Sources: RFC 9110 section 11.6.1 (challenges), RFC 7617 (basic), distribution docs "Token
Authentication Specification" and "OAuth2 Token Authentication" (bearer).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, quote_plus, urlencode

from wasmimg.errors import NetworkFailed, NotAllowed
from wasmimg.image.reference import is_loopback
from wasmimg.stores.addresses import keeps_secrets, read_address
from wasmimg.stores.answer import Answer
from wasmimg.stores.credentials import Access, Credentials, find_credentials
from wasmimg.stores.tokens import Scope, join_scopes, read_scopes, read_token

if TYPE_CHECKING:
    from urllib3.util import Url

__all__ = ["Login"]

# A scheme, or one of its parameters: name=value or name="value".
_CHALLENGE_PART = re.compile(r"""([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?""")

_USABLE = 0.9  # of a token's life: with it, a request has to arrive as well
_SHORTEST_SECRET = 4  # letters; what is shorter stands in any sentence

# (URL, Authorization, form to post or None) -> an answer below 400
Ask = Callable[[str, "str | None", "bytes | None"], Answer]


class _Grant(NamedTuple):
    """An Authorization, for ``scopes`` (None: for all), until a moment of the monotonic clock."""

    authorization: str
    scopes: frozenset[Scope] | None
    until: float


class Login:
    """Who we are to one registry, and what it let us have.

    ``ask`` sends the one request that a token takes.
    """

    def __init__(
        self, registry: str, repository: str, access: Access, environment: Mapping[str, str], ask: Ask
    ) -> None:
        self._registry = registry
        self._repository = repository
        self._access = access
        self._environment = environment
        self._ask = ask
        self._credentials: Credentials | None = None
        self._looked_up = False
        self._grants: list[_Grant] = []
        self._challenge: dict[str, str] | None = None  # the last one that led to a token
        self._secrets: set[str] = set()

    @property
    def tried(self) -> str:
        """Which credentials were used, for the reason of a refusal; empty if the registry asked for none."""
        if self._credentials is not None:
            return f"the credentials tried are from {self._credentials.source}"
        return "no credentials for it were found" if self._looked_up else ""

    def granted(self, actions: str, source: str = "") -> str | None:
        """The Authorization for ``actions``, and to read the repository ``source``, without being asked again.

        A token that is about to expire is renewed first. Raises what asking for a token raises.
        """
        wanted = self._scopes(actions, source)
        for grant in self._grants:
            if grant.scopes is None or grant.scopes >= wanted:
                if grant.until > monotonic():
                    return grant.authorization
                wanted = grant.scopes or wanted
                break
        return None if self._challenge is None else self._fetch_token(self._challenge, wanted)

    def meet(self, answer: Answer, actions: str, source: str = "") -> str | None:
        """The Authorization that the 401 ``answer`` of the registry asks for; None if we have none to give.

        Raises NotAllowed where credentials must not go, and what asking for a token raises.
        """
        self._recipient(answer.url)
        credentials = self._find()
        wanted = self._scopes(actions, source)
        for scheme, fields in _challenges(answer.headers.get("www-authenticate", "")):
            if scheme == "basic" and credentials is not None and not credentials.identity_token:
                self._grants = [_Grant(credentials.basic(), None, math.inf)]
                return credentials.basic()
            if scheme == "bearer":
                realm = self._recipient(fields.get("realm", ""), behind=answer.url)
                challenge = {"realm": realm.url, "service": fields.get("service", "")}
                # The server may know the repository by another name, or want more for this.
                return self._fetch_token(challenge, wanted | read_scopes(fields.get("scope", "")))
        return None

    def hide(self, text: str) -> str:
        """``text`` without the secrets in it: a server may repeat what it was sent."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _scopes(self, actions: str, source: str) -> frozenset[Scope]:
        scopes = {(f"repository:{self._repository}", action) for action in actions.split(",")}
        return frozenset(scopes | ({(f"repository:{source}", "pull")} if source else set()))

    def _find(self) -> Credentials | None:
        if not self._looked_up:
            self._credentials = self._access.given or find_credentials(
                self._registry, self._repository, self._environment, docker_only=self._access.docker_only
            )
            self._looked_up = True
            if self._credentials is not None:
                self._keep_secret(self._credentials.password, self._credentials.identity_token)
                self._keep_secret(self._credentials.basic().partition(" ")[2])
        return self._credentials

    def _keep_secret(self, *secrets: str) -> None:
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                self._secrets |= {secret, quote(secret, "", errors="replace"), quote_plus(secret, errors="replace")}

    def _recipient(self, text: str, *, behind: str = "") -> Url:
        """The address ``text``, named by the answer of the URL ``behind``, if credentials may be sent there.

        Raises NotAllowed.
        """
        try:
            url = read_address(text)
        except ValueError:
            raise NotAllowed(
                f"{self._registry} names no address that credentials could be sent to",
                reason="they are sent over https or to this machine alone",
            ) from None
        host = url.host or ""
        here = is_loopback(host)
        if behind.startswith("https:"):
            plain = here and is_loopback(self._registry)
        else:
            plain = here or self._access.is_insecure(self._registry)
        if url.scheme != "https" and not plain:
            raise NotAllowed(
                f"{self._registry} wants credentials sent to {url.scheme}://{url.netloc}",
                reason="they are sent over https or to this machine alone, and never from https to http",
            )
        if keeps_secrets(host):
            raise NotAllowed(
                f"{self._registry} wants credentials sent to {url.netloc}",
                reason="they are not sent to link-local addresses, where clouds keep the secrets of their machines",
            )
        return url

    def _fetch_token(self, challenge: dict[str, str], scopes: frozenset[Scope]) -> str:
        """The Authorization for ``scopes`` by the token server of ``challenge``, kept for later requests."""
        realm = read_address(challenge["realm"])
        credentials = self._find()
        wanted = [("service", challenge["service"])] if challenge["service"] else []
        if credentials is not None and credentials.identity_token:
            wanted += [
                ("scope", " ".join(join_scopes(scopes))),
                ("grant_type", "refresh_token"),
                ("refresh_token", credentials.identity_token),
                ("client_id", "wasmimg"),
            ]
            answer = self._ask(realm.url, None, urlencode(wanted, errors="surrogatepass").encode())
        else:
            wanted += [("scope", scope) for scope in join_scopes(scopes)]
            query = urlencode(wanted, errors="surrogatepass")
            url = realm._replace(query="&".join(filter(None, (realm.query, query)))).url
            answer = self._ask(url, credentials.basic() if credentials is not None else None, None)
        token = read_token(answer)
        if token is None:
            raise NetworkFailed(
                f"the token server of {self._registry} answered without a token",
                reason=f"{realm.netloc} answered {answer.status}",
            )
        self._keep_secret(token.value, token.refresh)
        if token.refresh and credentials is not None and credentials.identity_token:
            self._credentials = credentials._replace(identity_token=token.refresh)
        grant = _Grant(f"Bearer {token.value}", scopes, monotonic() + token.seconds * _USABLE)
        self._grants = [grant, *(one for one in self._grants if one.scopes and not one.scopes <= scopes)]
        self._challenge = challenge
        return grant.authorization


def _challenges(header: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Scheme in lower case and parameters, in the order of the ``WWW-Authenticate`` ``header``."""
    scheme: str | None = None
    fields: dict[str, str] = {}
    for part in _CHALLENGE_PART.finditer(header):
        name, quoted, plain = part.groups()
        if quoted is not None or plain is not None:
            fields[name.lower()] = plain or re.sub(r"\\(.)", r"\1", quoted)
            continue
        if scheme is not None:
            yield scheme, fields
        scheme, fields = name.lower(), {}
    if scheme is not None:
        yield scheme, fields
