"""HTTP to one registry: scheme, TLS, redirects, and errors in their class.

Source: distribution-spec. Nothing here repeats a request on its own, except once with the
credentials that the registry asked for, and once without TLS where that is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, UsageError, WasmimgError
from wasmimg.image.reference import DOCKER_HUB, is_loopback
from wasmimg.retry import LOG_IN, PLAIN_HTTP, UNKNOWN_AUTHORITY, Kind, classify_status
from wasmimg.stores.addresses import find_proxy, origin, read_address
from wasmimg.stores.answer import Answer
from wasmimg.stores.authentication import Login
from wasmimg.stores.credentials import Access

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    import urllib3

__all__ = ["Transport"]

_HUB_HOST = "registry-1.docker.io"
_SEND = 32 * 1024  # bytes handed to the socket at once: its time-out holds for each of these
_ERROR_BODY = 64 * 1024
_REDIRECTS = 5

Body = Callable[[], Iterable[bytes]]


class _Call(NamedTuple):
    """What is sent, wherever it goes in the end; ``limit`` is in bytes of the answer's body."""

    method: str
    headers: Mapping[str, str] = {}
    body: Body | None = None
    size: int = 0
    limit: int = _ERROR_BODY


class Transport:
    """A connection pool to ``registry``, authenticated for one repository.

    ``environment`` is where credentials and proxies are looked up; ``idle_timeout`` is in
    seconds without a byte. Raises UsageError if ``registry`` is no address.
    """

    def __init__(
        self, registry: str, repository: str, access: Access, environment: Mapping[str, str], idle_timeout: float
    ) -> None:
        self.registry = registry
        self.repository = repository
        self._access = access
        self._environment = environment
        self._login = Login(registry, repository, access, environment, self._ask_for_token)
        self._idle = idle_timeout
        self._insecure = access.is_insecure(registry)
        self._answered = False
        host = _HUB_HOST if registry == DOCKER_HUB else registry
        self.base = f"{'http' if is_loopback(registry) else 'https'}://{host}"
        self._pools: dict[tuple[str | None, bool], urllib3.PoolManager] = {}
        try:
            read_address(self.base)
        except ValueError:
            raise UsageError(
                f"{registry} is no address of a registry", hint="write it as HOST or HOST:PORT, with a port up to 65535"
            ) from None

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
        accept: Container[int] = (),
    ) -> Answer:
        """One request; its whole answer of at most ``limit`` bytes.

        ``url`` is relative to the registry; ``doing`` completes "the registry does not let
        us ..."; every status but 2xx is raised in its class unless ``accept`` has it.
        ``body`` is asked for anew when the request has to be sent again. Redirects are
        followed where that repeats nothing: for GET and HEAD.
        """
        call = _Call(method, headers or {}, body, size, limit)
        answer = self._send(call, url, self._login.granted(actions))
        if answer.status == 401 and self._is_ours(answer.url):
            authorization = self._login.meet(answer, actions)
            if authorization is not None:
                answer = self._send(call, url, authorization)
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        if answer.status == 404:
            raise ImageRefused(
                f"{self.registry} has no {self.repository} to {doing}",
                reason=f"404 {answer.words()}",
                hint="check the name; some registries want the repository created first",
            )
        raise self._refusal(answer, doing, self._login.tried if self._is_ours(answer.url) else "")

    def resolve(self, location: str, base: str) -> str:
        """The URL that ``location`` names in an answer of the URL ``base`` (RFC 9110 section 10.2.2).

        Raises NetworkFailed where it names none, or one without TLS behind one that has it.
        """
        try:
            url = read_address(urljoin(base, location)) if location else None
        except ValueError:
            url = None
        if url is None:
            raise NetworkFailed(
                f"{self.registry} sends us to no address", reason=f"the Location is {_public(location)}"
            )
        if base.startswith("https:") and url.scheme != "https":
            raise NetworkFailed(
                f"{self.registry} sends us from https to http",
                reason=url.netloc,
                hint="a registry behind a proxy that speaks TLS has to be told so: X-Forwarded-Proto: https",
            )
        return url.url

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.clear()

    def _is_ours(self, url: str) -> bool:
        return origin(read_address(url)) == origin(read_address(self.base))

    def _send(self, call: _Call, url: str, authorization: str | None) -> Answer:
        url = self.resolve(url, self.base)
        for _ in range(_REDIRECTS):
            answer = self._exchange(call, url, authorization if self._is_ours(url) else None)
            if answer.status not in (301, 302, 303, 307, 308) or call.method not in ("GET", "HEAD"):
                return answer
            url = self.resolve(answer.headers.get("location", ""), answer.url)
        raise NetworkFailed(f"{self.registry} redirects without end")

    def _ask_for_token(self, url: str, authorization: str | None, form: bytes | None) -> Answer:
        if form is None:
            call = _Call("GET")
        else:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            call = _Call("POST", headers, lambda: (form,), len(form))
        answer = self._exchange(call, url, authorization)
        if answer.status >= 400:
            raise self._refusal(answer, "log in", self._login.tried)
        return answer

    def _exchange(self, call: _Call, url: str, authorization: str | None) -> Answer:
        import urllib3
        from urllib3.exceptions import HTTPError

        headers = {"User-Agent": "wasmimg", "Accept-Encoding": "identity", **call.headers}
        if call.body is not None or call.method in ("POST", "PUT"):
            headers["Content-Length"] = str(call.size)
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            response = self._pool(url).request(
                call.method,
                url,
                headers=headers,
                body=_pieces(call.body()) if call.body is not None else None,
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=self._idle, read=self._idle),
            )
            # What a redirect or a refusal says may be longer than the blob that was asked for.
            limit = call.limit if response.status < 300 else _ERROR_BODY
            content, whole = b"", call.method == "HEAD"
            try:
                if not whole:
                    content = response.read(limit + 1)
                    if len(content) <= limit:
                        response.read()  # to the end, so that a body cut short is noticed
                        whole = True
            finally:
                response.release_conn() if whole else response.close()
        except HTTPError as error:
            if self._may_be_plain(url, error):
                answer = self._exchange(call, "http:" + url.removeprefix("https:"), authorization)
                self.base = "http:" + self.base.removeprefix("https:")
                return answer
            raise self._broken(error, url) from None
        self._answered = self._answered or self._is_ours(url)
        if not whole and response.status < 300:
            raise ImageRefused(f"{self.registry} sends more than the {limit} bytes that were to be expected")
        fields = {name.lower(): response.headers[name] for name in response.headers}
        return Answer(response.status, fields, content[:limit], url)

    def _may_be_plain(self, url: str, error: Exception) -> bool:
        """Whether the request may be repeated without TLS, as docker does for an insecure registry.

        Only until it answers for the first time: one that speaks TLS is not left for http.
        """
        from urllib3.exceptions import ConnectTimeoutError

        if not self._insecure or self._answered or not url.startswith("https:") or not self._is_ours(url):
            return False
        # Without a port in its name, http has a door of its own, port 80.
        closed = isinstance(error, ConnectTimeoutError) and read_address(self.base).port is None
        return closed or _speaks_http(error)

    def _pool(self, url: str) -> urllib3.PoolManager:
        import urllib3

        address = read_address(url)
        # The user's trust is for the registry alone, not for where it redirects to.
        trusted = address.scheme == "https" and self._is_ours(url)
        proxy = find_proxy(address, self._environment)
        key = (proxy.url if proxy else None, trusted)
        if key not in self._pools:
            options: dict[str, Any] = {}
            if trusted and self._insecure:
                if proxy is not None and proxy.url.startswith("https:"):
                    # urllib3 would let the proxy go unproven as well.
                    raise UsageError(
                        f"the insecure {self.registry} cannot be reached through the TLS of the proxy in {proxy.variable}",
                        hint="pass the registry's CA with --ca-file instead of --insecure, or name an http:// proxy",
                    )
                options["cert_reqs"] = "CERT_NONE"
                urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            elif trusted and self._access.ca_file is not None:
                options["ssl_context"] = _trust(self._access.ca_file)
            if proxy is None:
                self._pools[key] = urllib3.PoolManager(**options)
            else:
                if proxy.credentials is not None:
                    options["proxy_headers"] = {"Proxy-Authorization": proxy.credentials.basic()}
                self._pools[key] = urllib3.ProxyManager(proxy.url, **options)
        return self._pools[key]

    def _refusal(self, answer: Answer, doing: str, tried: str) -> WasmimgError:
        reason = f"{answer.status} {answer.words()}".strip()
        kind = classify_status(answer.status)
        if kind is Kind.AUTH:
            why = "; ".join(filter(None, (reason, tried)))
            return NotAllowed(f"{self.registry} does not let us {doing}", reason=why, hint=LOG_IN)
        if kind is Kind.TRANSIENT:
            pause = answer.pause()
            return NetworkFailed(f"{self.registry} could not {doing}", reason=reason, transient=True, retry_after=pause)
        if answer.status < 400 and "location" in answer.headers:
            reason += f", to {_public(answer.headers['location'])}"
        return NetworkFailed(f"{self.registry} refused to {doing}", reason=reason)

    def _broken(self, error: Exception, url: str) -> NetworkFailed:
        from urllib3.exceptions import ProxyError

        address = read_address(url)
        host = address.netloc or ""
        proxy = find_proxy(address, self._environment)
        if proxy is None or not isinstance(error, ProxyError):
            return _failure(error, host, self._idle)
        hint = f"check {proxy.variable}, or list the host under NO_PROXY"
        text = _cause(error)
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
        inner = _failure(error.original_error, where, self._idle)
        return NetworkFailed(inner.message, reason=inner.reason, hint=hint, transient=inner.transient)


def _failure(error: Exception, host: str, idle: float) -> NetworkFailed:
    """Why no answer came from ``host``, which was given ``idle`` seconds for each byte."""
    from urllib3.exceptions import (
        ConnectTimeoutError,
        LocationValueError,
        NameResolutionError,
        ReadTimeoutError,
        SSLError,
    )

    text = _cause(error)
    if _speaks_http(error):
        return NetworkFailed(f"{host} speaks plain http where https was expected", hint=PLAIN_HTTP)
    if "certificate" in text.lower():
        return NetworkFailed(f"the TLS certificate of {host} cannot be trusted", reason=text, hint=UNKNOWN_AUTHORITY)
    if isinstance(error, SSLError):
        return NetworkFailed(f"TLS with {host} failed", reason=text, transient="eof" in text.lower())
    if isinstance(error, LocationValueError):
        return NetworkFailed(f"{host} is no host name", reason=text, hint="check the registry's name")
    if isinstance(error, NameResolutionError):
        gone = "temporary" in str(error).lower()
        return NetworkFailed(
            f"the host {host} is not known", reason=text, hint="check the registry's name", transient=gone
        )
    if isinstance(error, ConnectTimeoutError):
        return NetworkFailed(
            f"{host} cannot be reached",
            reason=text,
            hint="is the registry running, and the port right?",
            transient=True,
        )
    if isinstance(error, ReadTimeoutError):
        return NetworkFailed(f"{host} was silent for {idle:g} seconds", transient=True)
    return NetworkFailed(f"the connection to {host} broke", reason=text, transient=True)


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error.__context__ or error
    return str(cause.args[-1] if isinstance(cause, OSError) and cause.args else cause)


def _trust(ca_file: Path) -> ssl.SSLContext:
    """Trust in the certificates of ``ca_file`` alone; raises UsageError."""
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except FileNotFoundError:
        raise UsageError(f"no such file: {ca_file}", hint="--ca-file wants a file of PEM certificates") from None
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"{ca_file} holds no certificate that can be read",
            reason=error.strerror or str(error),
            hint="--ca-file wants a file of PEM certificates",
        ) from None


def _pieces(chunks: Iterable[bytes]) -> Iterable[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), _SEND):
            yield chunk[at : at + _SEND]


def _speaks_http(error: Exception) -> bool:
    text = str(error).lower()
    return "wrong_version_number" in text or "record layer failure" in text or "wrong version number" in text


def _public(location: str) -> str:
    """What of ``location`` may be shown: behind ? may stand a key, and before @ a password."""
    return repr(re.sub(r"(?<=//)[^/]*@", "", location.partition("?")[0])[:100])
