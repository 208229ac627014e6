"""Meeting the challenge in a 401: which credentials, made into what, and sent to whom.

Sources: RFC 9110 section 11.6.1 (challenges), RFC 7617 (basic), distribution docs "Token
Authentication Specification" and "OAuth2 Token Authentication" (bearer).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from wasmimg.errors import NetworkFailed, NotAllowed
from wasmimg.image.reference import is_loopback
from wasmimg.stores.addresses import is_link_local, read_address
from wasmimg.stores.answer import Answer
from wasmimg.stores.credentials import Access, Credentials, find_credentials

if TYPE_CHECKING:
    from urllib3.util import Url

__all__ = ["Login"]

# A scheme, or one of its parameters: name=value or name="value".
_CHALLENGE_PART = re.compile(r"""([\w!#$%&'*+.^`|~-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?""")

# (URL, Authorization, form to post or None) -> an answer below 400
Ask = Callable[[str, "str | None", "bytes | None"], Answer]


class Login:
    """Who we are to one registry, and what it let us have: an Authorization for each set of actions.

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
        self._granted: dict[str, str] = {}

    @property
    def tried(self) -> str:
        """Which credentials were used, for the reason of a refusal; empty if the registry asked for none."""
        if self._credentials is not None:
            return f"the credentials tried are from {self._credentials.source}"
        return "no credentials for it were found" if self._looked_up else ""

    def granted(self, actions: str) -> str | None:
        """The Authorization for ``actions`` that an earlier challenge led to."""
        return self._granted.get(actions)

    def meet(self, answer: Answer, actions: str) -> str | None:
        """The Authorization that the 401 ``answer`` of the registry asks for; None if we have none to give.

        Raises NotAllowed where credentials must not go, and what asking for a token raises.
        """
        self._recipient(answer.url)
        credentials = self._find()
        for scheme, fields in _challenges(answer.headers.get("www-authenticate", "")):
            authorization = None
            if scheme == "basic" and credentials is not None and not credentials.identity_token:
                authorization = credentials.basic()
            elif scheme == "bearer":
                authorization = f"Bearer {self._fetch_token(fields, actions, credentials)}"
            if authorization is not None:
                self._granted[actions] = authorization
                return authorization
        return None

    def _find(self) -> Credentials | None:
        if not self._looked_up:
            self._credentials = self._access.given or find_credentials(
                self._registry, self._repository, self._environment, docker_only=self._access.docker_only
            )
            self._looked_up = True
        return self._credentials

    def _recipient(self, text: str) -> Url:
        """The address ``text``, if credentials may be sent there; raises NotAllowed."""
        try:
            url = read_address(text)
        except ValueError:
            raise NotAllowed(
                f"{self._registry} names no address that credentials could be sent to",
                reason="they are sent over https or to this machine alone",
            ) from None
        host = url.host or ""
        if url.scheme != "https" and not is_loopback(host) and not self._access.is_insecure(self._registry):
            raise NotAllowed(
                f"{self._registry} wants credentials sent to {url.scheme}://{url.netloc}",
                reason="they are sent over https or to this machine alone",
            )
        if is_link_local(host):
            raise NotAllowed(
                f"{self._registry} wants credentials sent to {url.netloc}",
                reason="they are not sent to link-local addresses, where clouds keep the secrets of their machines",
            )
        return url

    def _fetch_token(self, challenge: Mapping[str, str], actions: str, credentials: Credentials | None) -> str:
        realm = self._recipient(challenge.get("realm", ""))
        wanted = {"scope": f"repository:{self._repository}:{actions}"}
        if challenge.get("service"):
            wanted["service"] = challenge["service"]
        if credentials is not None and credentials.identity_token:
            wanted |= {
                "grant_type": "refresh_token",
                "refresh_token": credentials.identity_token,
                "client_id": "wasmimg",
            }
            answer = self._ask(realm.url, None, urlencode(wanted, errors="surrogatepass").encode())
        else:
            url = realm._replace(query="&".join(filter(None, (realm.query, urlencode(wanted))))).url
            answer = self._ask(url, credentials.basic() if credentials is not None else None, None)
        try:
            reply = json.loads(answer.body)
            token = reply.get("token") or reply.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        # What may stand in a header; RFC 6750 section 2.1 allows even less.
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise NetworkFailed(
                f"the token server of {self._registry} answered without a token",
                reason=f"{realm.netloc} answered {answer.status}",
            )
        return token


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
