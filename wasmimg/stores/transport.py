"""HTTP to one registry: scheme, TLS, authentication, and errors in their class.

Sources: distribution-spec; RFC 7617 (basic); distribution docs "Token Authentication
Specification" (bearer). Nothing here repeats a request on its own, except once with the
credentials that the registry asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, UsageError, WasmimgError
from wasmimg.image.reference import DOCKER_HUB, is_loopback
from wasmimg.retry import LOG_IN, PLAIN_HTTP, UNKNOWN_AUTHORITY, Kind, classify_status
from wasmimg.stores.credentials import Access, Credentials, find_credentials

if TYPE_CHECKING:
    import urllib3

__all__ = ["Answer", "Transport"]

_HUB_HOST = "registry-1.docker.io"
_SEND = 32 * 1024  # bytes handed to the socket at once: its time-out holds for each of these
_ERROR_BODY = 64 * 1024
_REDIRECTS = 5

Body = Callable[[], Iterable[bytes]]


class Answer(NamedTuple):
    """A response that was read whole: status, headers by lower-case name, body, final URL."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Transport:
    """A connection pool to ``registry``, authenticated for one repository.

    ``environment`` is where credentials and proxies are looked up; ``idle_timeout`` is in
    seconds without a byte.
    """

    def __init__(
        self, registry: str, repository: str, access: Access, environment: Mapping[str, str], idle_timeout: float
    ) -> None:
        self.registry = registry
        self.repository = repository
        self._access = access
        self._environment = environment
        self._credentials: Credentials | None = None
        self._looked_up = False
        self._authorization: dict[str, str] = {}
        self._idle = idle_timeout
        self._insecure = access.is_insecure(registry)
        host = _HUB_HOST if registry == DOCKER_HUB else registry
        self.base = f"{'http' if is_loopback(registry) else 'https'}://{host}"
        self._pools: dict[str, urllib3.PoolManager] = {}

    def request(
        self,
        method: str,
        url: str,
        *,
        doing: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        size: int = 0,
        limit: int = _ERROR_BODY,
        actions: str = "pull",
        accept: Iterable[int] = (),
    ) -> Answer:
        """One request; its whole answer of at most ``limit`` bytes.

        ``url`` is relative to the registry; ``doing`` completes "the registry does not let
        us ..."; statuses from 400 are raised in their class unless ``accept`` lists them.
        ``body`` is asked for anew when the request has to be sent again.
        """
        target = urljoin(self.base, url)
        answer = self._send(method, target, headers, body, size, limit, self._authorization.get(actions))
        if answer.status == 401 and self._same_host(target):
            authorization = self._authorize(answer, actions)
            if authorization:
                self._authorization[actions] = authorization
                answer = self._send(method, target, headers, body, size, limit, authorization)
        if answer.status >= 400 and answer.status not in accept:
            raise self._refusal(answer, doing)
        return answer

    def _same_host(self, url: str) -> bool:
        ours, theirs = urlsplit(self.base), urlsplit(url)
        return (ours.scheme, ours.netloc) == (theirs.scheme, theirs.netloc)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        body: Body | None,
        size: int,
        limit: int,
        authorization: str | None,
    ) -> Answer:
        for _ in range(_REDIRECTS):
            sent = {"User-Agent": "wasmimg", "Accept-Encoding": "identity", **(headers or {})}
            if body is not None or method in ("POST", "PUT"):
                sent["Content-Length"] = str(size)
            if authorization and self._same_host(url):
                sent["Authorization"] = authorization
            answer = self._exchange(method, url, sent, body, limit)
            if answer.status not in (301, 302, 303, 307, 308) or method not in ("GET", "HEAD"):
                return answer
            url = urljoin(url, answer.headers.get("location", ""))
            if self.base.startswith("https:") and not url.startswith("https:"):
                raise NetworkFailed(f"{self.registry} redirects from https to http", reason=urlsplit(url).netloc)
        raise NetworkFailed(f"{self.registry} redirects without end")

    def _exchange(self, method: str, url: str, headers: Mapping[str, str], body: Body | None, limit: int) -> Answer:
        import urllib3
        from urllib3.exceptions import HTTPError

        try:
            response = self._pool(url).request(
                method,
                url,
                headers=headers,
                body=_pieces(body()) if body is not None else None,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._idle, read=self._idle),
            )
            try:
                content = b"" if method == "HEAD" else response.read(limit + 1)
                whole = len(content) <= limit
                if whole and method != "HEAD":
                    response.read()  # to the end, so that a body cut short is noticed
            finally:
                response.release_conn() if method == "HEAD" or whole else response.close()
        except HTTPError as error:
            if self.base.startswith("https:") and self._insecure and _speaks_http(error):
                self.base = "http:" + self.base.removeprefix("https:")
                return self._exchange(method, "http:" + url.removeprefix("https:"), headers, body, limit)
            raise self._broken(error, url) from None
        if not whole and response.status < 400:
            raise ImageRefused(f"{self.registry} sends more than the {limit} bytes that were to be expected")
        return Answer(
            response.status, {key.lower(): value for key, value in response.headers.items()}, content[:limit], url
        )

    def _pool(self, url: str) -> urllib3.PoolManager:
        host = urlsplit(url).hostname or ""
        scheme = urlsplit(url).scheme
        proxy = _proxy_for(scheme, host, self._environment)
        key = f"{proxy}|{self._same_host(url)}"
        if key not in self._pools:
            import urllib3

            options: dict[str, object] = {}
            if scheme == "https":
                # The user's trust is for the registry alone, not for where it redirects to.
                ours = self._same_host(url)
                if ours and self._access.ca_file is not None:
                    if not self._access.ca_file.is_file():
                        raise UsageError(
                            f"no such file: {self._access.ca_file}", hint="--ca-file wants a file of PEM certificates"
                        )
                    options["ca_certs"] = str(self._access.ca_file)
                if ours and self._insecure:
                    options["cert_reqs"] = "CERT_NONE"
                    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            self._pools[key] = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)  # type: ignore[arg-type]
        return self._pools[key]

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def _find(self) -> Credentials | None:
        if not self._looked_up:
            self._credentials = self._access.given or find_credentials(
                self.registry, self.repository, self._environment, docker_only=self._access.docker_only
            )
            self._looked_up = True
        return self._credentials

    def _authorize(self, answer: Answer, actions: str) -> str | None:
        """The Authorization that the challenge in a 401 asks for; None if there is none to give."""
        challenge = answer.headers.get("www-authenticate", "")
        scheme, _, rest = challenge.strip().partition(" ")
        credentials = self._find()
        if scheme.lower() == "basic" and credentials is not None and not credentials.identity_token:
            return credentials.basic()
        if scheme.lower() != "bearer":
            return None
        fields = {
            key.lower(): quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', rest)
        }
        return self._fetch_token(fields, actions, credentials)

    def _fetch_token(self, challenge: Mapping[str, str], actions: str, credentials: Credentials | None) -> str | None:
        realm = urlsplit(challenge.get("realm", ""))
        if realm.scheme != "https" and not (realm.scheme == "http" and (is_loopback(realm.netloc) or self._insecure)):
            raise NotAllowed(
                f"{self.registry} wants credentials sent to {realm.scheme or 'nowhere'}://{realm.netloc}",
                reason="they are sent over https or to this machine alone",
            )
        wanted = {"scope": f"repository:{self.repository}:{actions}"}
        if challenge.get("service"):
            wanted["service"] = challenge["service"]
        if credentials is not None and credentials.identity_token:
            form = urlencode(
                {
                    **wanted,
                    "grant_type": "refresh_token",
                    "refresh_token": credentials.identity_token,
                    "client_id": "wasmimg",
                }
            )
            data = form.encode()
            sent = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(data))}
            answer = self._exchange("POST", realm.geturl(), sent, lambda: [data], _ERROR_BODY)
        else:
            url = realm._replace(query="&".join(filter(None, (realm.query, urlencode(wanted))))).geturl()
            headers = {"Authorization": credentials.basic()} if credentials is not None else {}
            answer = self._exchange("GET", url, headers, None, _ERROR_BODY)
        if answer.status >= 400:
            raise self._refusal(answer, "have a token")
        try:
            reply = json.loads(answer.body)
            token = reply.get("token") or reply.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            token = None
        if not isinstance(token, str):
            raise NetworkFailed(f"the token server of {self.registry} answered without a token", reason=realm.netloc)
        return f"Bearer {token}"

    def _refusal(self, answer: Answer, doing: str) -> WasmimgError:
        reason = f"{answer.status} {_words(answer)}".strip()
        kind = classify_status(answer.status)
        if kind is Kind.AUTH:
            used = self._find()
            tried = f"the credentials tried are from {used.source}" if used else "no credentials for it were found"
            return NotAllowed(f"{self.registry} does not let us {doing}", reason=f"{reason}; {tried}", hint=LOG_IN)
        if kind is Kind.TRANSIENT:
            pause = _retry_after(answer.headers.get("retry-after"))
            return NetworkFailed(f"{self.registry} could not {doing}", reason=reason, transient=True, retry_after=pause)
        if answer.status == 404:
            return ImageRefused(
                f"{self.registry} has no {self.repository} to {doing}",
                reason=reason,
                hint="check the name; some registries want the repository created first",
            )
        return NetworkFailed(f"{self.registry} refused to {doing}", reason=reason)

    def _broken(self, error: Exception, url: str) -> NetworkFailed:
        from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError, SSLError, TimeoutError

        host = urlsplit(url).netloc
        cause = error.__cause__ or error.__context__ or error
        text = str(cause.args[-1] if isinstance(cause, OSError) and cause.args else cause)
        if _speaks_http(error):
            return NetworkFailed(f"{host} speaks plain http where https was expected", hint=PLAIN_HTTP)
        if isinstance(error, SSLError) or "certificate" in text.lower():
            return NetworkFailed(
                f"the TLS certificate of {host} cannot be trusted", reason=text, hint=UNKNOWN_AUTHORITY
            )
        if isinstance(error, NameResolutionError):
            gone = "temporary" in str(error).lower()
            return NetworkFailed(
                f"the host {host} is not known", reason=text, hint="check the registry's name", transient=gone
            )
        if isinstance(error, (NewConnectionError, TimeoutError)) and not isinstance(error, ReadTimeoutError):
            return NetworkFailed(
                f"{host} cannot be reached",
                reason=text,
                hint="is the registry running, and the port right?",
                transient=True,
            )
        if isinstance(error, ReadTimeoutError):
            return NetworkFailed(f"{host} was silent for {self._idle:g} seconds", transient=True)
        return NetworkFailed(f"the connection to {host} broke", reason=text, transient=True)


def _pieces(chunks: Iterable[bytes]) -> Iterable[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), _SEND):
            yield chunk[at : at + _SEND]


def _speaks_http(error: Exception) -> bool:
    text = str(error).lower()
    return "wrong_version_number" in text or "record layer failure" in text or "wrong version number" in text


def _proxy_for(scheme: str, host: str, environment: Mapping[str, str]) -> str | None:
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY") if scheme == "https" else (f"{scheme}_proxy",)
    proxy = next((environment[name] for name in (*names, "all_proxy", "ALL_PROXY") if environment.get(name)), None)
    if proxy is None or is_loopback(host):
        return None
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    excluded = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    return None if proxy_bypass_environment(host, {"no": excluded}) else proxy


def _retry_after(value: str | None) -> float | None:
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    from datetime import datetime, timezone
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(timezone.utc)).total_seconds())
    except (ValueError, TypeError):
        return None


def _words(answer: Answer) -> str:
    """What the registry says: the codes and messages of its errors, or the start of its body."""
    from http import HTTPStatus

    try:
        errors = json.loads(answer.body)["errors"]
        said = "; ".join(
            ": ".join(filter(None, (str(one.get("code", "")), str(one.get("message", ""))))) for one in errors
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = "" if b"<" in answer.body[:200] else answer.body[:200].decode("utf-8", "replace").strip()
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    return ", ".join(filter(None, (phrase, said[:500])))
