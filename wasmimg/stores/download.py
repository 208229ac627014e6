"""A file behind an http(s) URL. Nobody's credentials go along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wasmimg.errors import ImageRefused, UsageError
from wasmimg.events import Event, Tell, told_retries
from wasmimg.image.unpack import UNPACK_LIMIT
from wasmimg.retry import Policy, run
from wasmimg.stores.addresses import origin, read_address
from wasmimg.stores.credentials import Access
from wasmimg.stores.files import file_system
from wasmimg.stores.transport import Transport

__all__ = ["download", "is_url"]


def is_url(text: str) -> bool:
    """Whether ``text`` is a URL that can be downloaded from."""
    return text.lower().startswith(("http://", "https://"))


def download(
    text: str, target: Path, *, access: Access, environment: Mapping[str, str], policy: Policy, tell: Tell
) -> None:
    """Save what is behind the URL ``text`` to ``target``, if it is no more than any proxy reads.

    Raises UsageError for no URL, and NetworkFailed, NotAllowed, ImageRefused, FileSystemFailed.
    """
    try:
        url = read_address(text)
    except ValueError:
        raise UsageError(f"{text!r} is no URL that can be downloaded from") from None
    scheme, host, port = origin(url)
    anonymous = Access(insecure=access.insecure, all_insecure=access.all_insecure, ca_file=access.ca_file)

    def work() -> bytes:
        transport = Transport(f"{host}:{port}", "", anonymous, {**environment, **_NOWHERE}, policy.idle_timeout)
        transport.base = f"{scheme}://{host}:{port}"
        try:
            answer = transport.request(
                "GET", url.url, doing=f"download {url.path}", limit=UNPACK_LIMIT, accept=(404, 410)
            )
        finally:
            transport.close()
        if answer.status in (404, 410) or not answer.body:
            raise ImageRefused(f"there is nothing behind {url.url}", reason=f"status {answer.status}")
        return answer.body

    tell(Event("step", f"download {url.url}"))
    body = run(work, policy, on_retry=told_retries(tell))
    with file_system("the download cannot be kept"):
        target.write_bytes(body)


# Where credentials are looked for: none shall be found.
_NOWHERE = {"HOME": "/nonexistent", "DOCKER_CONFIG": "/nonexistent", "REGISTRY_AUTH_FILE": "", "XDG_RUNTIME_DIR": ""}
