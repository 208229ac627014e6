"""HTTP to one registry: scheme, redirects, and errors in their class.

Source: distribution-spec. Nothing here repeats a request on its own, except once with the
credentials that the registry asked for, and once with or without TLS where that is allowed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

from wasmimg.errors import ImageRefused, NetworkFailed, NotAllowed, UsageError, WasmimgError
from wasmimg.image.reference import DOCKER_HUB, is_loopback
from wasmimg.retry import LOG_IN, Kind, classify_status
from wasmimg.stores.addresses import keeps_secrets, origin, read_address
from wasmimg.stores.answer import Answer
from wasmimg.stores.authentication import Login
from wasmimg.stores.connections import Connections
from wasmimg.stores.credentials import Access
from wasmimg.stores.failures import speaks_http, speaks_tls

if TYPE_CHECKING:
    import urllib3

__all__ = ["Transport"]

_HUB_HOST = "registry-1.docker.io"
_SEND = 32 * 1024  # bytes handed to the socket at once: after each it is seen whether any moved
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
        self._login = Login(registry, repository, access, environment, self._ask_for_token)
        self._idle = idle_timeout
        self._insecure = access.is_insecure(registry)
        self._answered = False
        host = _HUB_HOST if registry == DOCKER_HUB else registry
        self.base = f"{'http' if is_loopback(registry) else 'https'}://{host}"
        self._connections = Connections(registry, access, environment)
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
        source: str = "",
        accept: Container[int] = (),
    ) -> Answer:
        """One request; its whole answer of at most ``limit`` bytes.

        ``url`` is relative to the registry; ``doing`` completes "the registry does not let
        us ..."; every status but 2xx is raised in its class unless ``accept`` has it.
        ``body`` is asked for anew when the request has to be sent again. ``source`` is another
        repository that must be readable for this. Redirects are followed where that repeats
        nothing: for GET and HEAD.
        """
        call = _Call(method, headers or {}, body, size, limit)
        answer = self._send(call, url, self._login.granted(actions, source))
        if answer.status == 401 and self._is_ours(answer.url):
            authorization = self._login.meet(answer, actions, source)
            if authorization is not None:
                answer = self._send(call, url, authorization)
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        if answer.status == 404 and not answer.lost():
            raise ImageRefused(
                f"{self.registry} has no {self.repository} to {doing}",
                reason=self._reason(answer),
                hint="check the name; some registries want the repository created first",
            )
        raise self._refusal(answer, doing, self._login.tried if self._is_ours(answer.url) else "")

    def resolve(self, location: str, base: str) -> str:
        """The URL that ``location`` names in an answer of the URL ``base`` (RFC 9110 section 10.2.2).

        Raises NetworkFailed where it names none, one without TLS behind one that has it, or one
        where a cloud keeps its secrets.
        """
        try:
            url = read_address(urljoin(base, location)) if location else None
        except ValueError:
            url = None
        if url is None:
            raise NetworkFailed(
                f"{self.registry} sends us to no address", reason=f"the Location is {self._public(location)}"
            )
        if base.startswith("https:") and url.scheme != "https":
            raise NetworkFailed(
                f"{self.registry} sends us from https to http",
                reason=url.netloc,
                hint="a registry behind a proxy that speaks TLS has to be told so: X-Forwarded-Proto: https",
            )
        if keeps_secrets(url.host or "") and not self._is_ours(url.url):
            raise NetworkFailed(
                f"{self.registry} sends us to a link-local address",
                reason=f"{url.netloc}: there clouds keep the secrets of their machines",
            )
        return url.url

    def close(self) -> None:
        """Close every connection."""
        self._connections.close()

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
        if answer.status < 400:
            return answer
        if answer.status == 400 and answer.said("invalid_grant"):  # RFC 6749 section 5.2
            why = "; ".join((self._reason(answer), self._login.tried))
            raise NotAllowed(f"{self.registry} does not let us log in", reason=why, hint=LOG_IN)
        raise self._refusal(answer, "log in", self._login.tried)

    def _exchange(self, call: _Call, url: str, authorization: str | None) -> Answer:
        """Send ``call``, and again in the other scheme where the registry turns out to speak that."""
        from urllib3.exceptions import HTTPError

        try:
            answer = self._attempt(call, url, authorization)
        except HTTPError as error:
            if self._may_be_plain(url, error):
                answer = self._exchange(call, "http:" + url.removeprefix("https:"), authorization)
                self.base = "http:" + self.base.removeprefix("https:")
                return answer
            if self._may_be_tls(url) and _broke(error):
                secure = self._with_tls(call, url, authorization, certain=False)
                if secure is not None:
                    return secure
            raise self._connections.broken(error, read_address(url), self._idle) from None
        # The answer to a HEAD does not say what is bad about it.
        if (answer.wants_tls() or (answer.status == 400 and call.method == "HEAD")) and self._may_be_tls(url):
            secure = self._with_tls(call, url, authorization, certain=answer.wants_tls())
            if secure is not None:
                return secure
        self._answered = self._answered or self._is_ours(url)
        return answer

    def _may_be_plain(self, url: str, error: Exception) -> bool:
        """Whether the request may be repeated without TLS, as docker does for an insecure registry.

        Only until it answers for the first time: one that speaks TLS is not left for http.
        """
        from urllib3.exceptions import ConnectTimeoutError

        if not self._insecure or self._answered or not url.startswith("https:") or not self._is_ours(url):
            return False
        # Without a port in its name, http has a door of its own, port 80.
        closed = isinstance(error, ConnectTimeoutError) and read_address(self.base).port is None
        return closed or speaks_http(error)

    def _may_be_tls(self, url: str) -> bool:
        """Whether ``url`` is of a registry on this machine that has not answered yet in plain http."""
        return not self._answered and url.startswith("http:") and self._is_ours(url) and is_loopback(self.registry)

    def _with_tls(self, call: _Call, url: str, authorization: str | None, *, certain: bool) -> Answer | None:
        """The answer of a registry on this machine to https; None if it does not speak that.

        Whether it does is known (``certain``) or a guess. Raises NetworkFailed if it is not trusted.
        """
        from urllib3.exceptions import HTTPError

        plain, url = self.base, "https:" + url.removeprefix("http:")
        self.base = "https:" + plain.removeprefix("http:")  # the user's trust is for the registry alone
        try:
            answer = self._attempt(call, url, authorization)
        except HTTPError as error:
            self.base = plain
            if certain or speaks_tls(error):
                raise self._connections.broken(error, read_address(url), self._idle) from None
            return None
        except WasmimgError:
            self.base = plain
            raise
        self._answered = True
        return answer

    def _attempt(self, call: _Call, url: str, authorization: str | None) -> Answer:
        """One exchange; raises what urllib3 raises, and ImageRefused for more bytes than were to be expected."""
        import urllib3

        headers = {"User-Agent": "wasmimg", "Accept-Encoding": "identity", **call.headers}
        if call.body is not None or call.method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(call.size)
        if authorization is not None:
            headers["Authorization"] = authorization
        address = read_address(url)
        response = self._connections.pool(address, ours=self._is_ours(url)).request(
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
        connection = response.connection
        # What a redirect or a refusal says may be longer than the blob that was asked for.
        limit = call.limit if response.status < 300 else _ERROR_BODY
        content, whole = b"", call.method == "HEAD"
        try:
            if not whole and response.status < 300:
                content = response.read(limit + 1)
                if len(content) <= limit:
                    response.read()  # to the end, so that a body cut short is noticed
                    whole = True
            elif not whole:
                content, whole = _words(response, limit, self._idle)
        finally:
            if whole and (response.status < 400 or call.body is None):
                response.release_conn()
            else:  # a refusal may have come before all of the body was sent
                response.close()
                if connection is not None:
                    connection.close()
        if not whole and response.status < 300:
            raise ImageRefused(f"{self.registry} sends more than the {limit} bytes that were to be expected")
        fields = {name.lower(): response.headers[name] for name in response.headers}
        return Answer(response.status, fields, content[:limit], url)

    def _reason(self, answer: Answer) -> str:
        """What the registry says of it, without the secrets that it may repeat."""
        return f"{answer.status} {answer.words(self._login.hide)}".strip()

    def _public(self, location: str) -> str:
        """What of ``location`` may be shown: behind ? may stand a key, and before @ a password."""
        return repr(re.sub(r"(?<=//)[^/]*@", "", self._login.hide(location).partition("?")[0])[:100])

    def _refusal(self, answer: Answer, doing: str, tried: str) -> WasmimgError:
        reason = self._reason(answer)
        kind = Kind.TRANSIENT if answer.lost() else classify_status(answer.status)
        if kind is Kind.AUTH:
            why = "; ".join(filter(None, (reason, tried)))
            return NotAllowed(f"{self.registry} does not let us {doing}", reason=why, hint=LOG_IN)
        if kind is Kind.TRANSIENT:
            pause = answer.pause()
            return NetworkFailed(f"{self.registry} could not {doing}", reason=reason, transient=True, retry_after=pause)
        if answer.status < 400 and "location" in answer.headers:
            reason += f", to {self._public(answer.headers['location'])}"
        return NetworkFailed(f"{self.registry} refused to {doing}", reason=reason)


def _words(response: urllib3.BaseHTTPResponse, limit: int, seconds: float) -> tuple[bytes, bool]:
    """The start of what a refusal says, as far as it comes within ``seconds``, and whether that is all."""
    end, content = time.monotonic() + seconds, b""
    while len(content) <= limit and time.monotonic() < end:
        piece = response.read1(limit + 1 - len(content))
        if not piece:
            return content, True
        content += piece
    return content, False


def _broke(error: Exception) -> bool:
    from urllib3.exceptions import ProtocolError, SSLError

    return isinstance(error, ProtocolError | SSLError)


def _pieces(chunks: Iterable[bytes]) -> Iterable[bytes]:
    for chunk in chunks:
        for at in range(0, len(chunk), _SEND):
            yield chunk[at : at + _SEND]
