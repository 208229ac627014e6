"""``wasmimg try``: the module at MODULE or SOURCE, in a real Envoy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from wasmimg.checking import check_data, is_module_file
from wasmimg.consumers.selection import Consumer, parse_consumer
from wasmimg.errors import UsageError
from wasmimg.extraction import extract
from wasmimg.module.file import open_module
from wasmimg.module.findings import Finding
from wasmimg.transfer import Means
from wasmimg.trial.envoy import Envoy, find_envoy
from wasmimg.trial.messages import Request
from wasmimg.trial.report import ANSWERED, LOADED, Start, Trial
from wasmimg.trial.running import run_trial, validate
from wasmimg.trial.serving import Serving, Watch, serve
from wasmimg.trial.setup import Setup

__all__ = ["Served", "Tried", "Wish", "check_wish", "read_config", "serve_module", "try_module"]

_LONGEST = 86400  # seconds
DEFAULT_REQUEST = Request("GET", "/")
_ONLY_HIGRESS = (
    "this Envoy is not Higress's, and try has no other: leave out what needs Higress, "
    "or let wasmimg check --for higress judge it"
)


class Wish(NamedTuple):
    """How the plugin shall be tried; ``timeout`` is in seconds, for the start and for each request."""

    config: str | None = None
    root_id: str = ""
    timeout: float = 30.0
    log_level: str = "debug"


class Tried(NamedTuple):
    """The trial, and when it went ill what ``check`` finds wrong with the module."""

    source: str
    trial: Trial
    findings: tuple[Finding, ...]


class Served(NamedTuple):
    """A plugin that answers at ``url``; at ``plain_url`` the same Envoy answers without it."""

    source: str
    envoy: Envoy
    url: str
    plain_url: str
    start: Start


def check_wish(
    *,
    timeout: float,
    only_load: bool,
    serving: bool,
    watched: bool,
    requests: Path | None,
    root_id: str = "",
) -> None:
    """Raises UsageError for what does not go together."""
    if not 0 < timeout <= _LONGEST:  # which is False for what is no number as well
        raise UsageError(f"--timeout {timeout:g} is not between 0 and {_LONGEST} seconds")
    if only_load and serving:
        raise UsageError("--validate only loads the plugin, and --serve keeps it running", hint="leave one out")
    if requests is not None and (only_load or serving):
        other = "--validate" if only_load else "--serve"
        raise UsageError(f"with {other} no requests are sent", hint=f"leave --request or {other} out")
    if watched and not serving:
        raise UsageError("--watch goes with --serve", hint="wasmimg try MODULE --serve --watch")
    _check_text("--root-id", root_id)


def read_config(text: str | None, file: Path | None) -> str | None:
    """The plugin's configuration; raises UsageError."""
    if file is None:
        _check_text("--plugin-config", text or "")
        return text
    if text is not None:
        raise UsageError("--plugin-config and --plugin-config-file are given", hint="leave one out")
    try:
        with open(file, encoding="utf-8", newline="") as opened:
            return opened.read()
    except FileNotFoundError:
        raise UsageError(f"no such file: {file}", hint="--plugin-config-file wants a file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8", hint="a plugin's configuration is text") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read", reason=error.strerror) from None


def _check_text(option: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{option} is not UTF-8", hint="Envoy takes text alone") from None


def try_module(
    source: str,
    wish: Wish,
    requests: Sequence[Request],
    consumer: Consumer,
    means: Means,
    *,
    only_load: bool = False,
) -> Tried:
    """Run the module at ``source`` in Envoy and send it ``requests``, or ``only_load`` it.

    ``source`` is a file, or an image whose module is taken as ``consumer`` would. Raises NoEngine
    when there is no Envoy, and what reading the module raises.
    """
    data = _module_at(source, consumer, means)
    setup = _setup(wish, means)
    if only_load:
        trial = validate(data, setup, means.environment, means.tell)
    else:
        trial = run_trial(data, setup, requests or (DEFAULT_REQUEST,), means.environment, means.tell)
    return Tried(source, trial, _findings(data, trial))


def serve_module(
    source: str,
    wish: Wish,
    consumer: Consumer,
    means: Means,
    *,
    watched: bool = False,
    on_ready: Callable[[Served], None],
    on_failure: Callable[[Tried, str], None],
) -> Tried | None:
    """Keep the module running until the user interrupts it; how it failed, if it did.

    With ``watched`` a new module is taken when the file changes. ``on_failure`` hears of modules that
    Envoy refuses and of those that fail, and how it goes on (see :class:`wasmimg.trial.serving.Failure`).
    Raises what :func:`try_module` raises, and UsageError.
    """
    if watched and not is_module_file(source):
        raise UsageError("--watch wants a module file, and this is an image", hint="leave --watch out, or name a file")
    watch = Watch(Path(source), means.tell) if watched else None
    data = _module_at(source, consumer, means)
    setup = _setup(wish, means)

    def tried(start: Start, module: memoryview) -> Tried:
        trial = Trial(setup.envoy, start, (), None)
        return Tried(source, trial, _findings(module, trial))

    def ready(serving: Serving) -> None:
        on_ready(Served(source, setup.envoy, serving.url, serving.plain_url, serving.start))

    failed = serve(
        data,
        setup,
        means.environment,
        means.tell,
        watch=watch,
        on_ready=ready,
        on_failure=lambda failure: on_failure(tried(failure.start, memoryview(failure.module)), failure.then),
    )
    return None if failed is None else tried(failed, data)


def _setup(wish: Wish, means: Means) -> Setup:
    return Setup(find_envoy(means.environment), wish.config, wish.root_id, wish.timeout, wish.log_level)


def _module_at(source: str, consumer: Consumer, means: Means) -> memoryview:
    if is_module_file(source):
        with open_module(Path(source)) as data:
            return data
    return memoryview(extract(source, consumer, means).data)


def _findings(data: memoryview, trial: Trial) -> tuple[Finding, ...]:
    """What ``check`` finds wrong for this very Envoy, whoever it is that brings the plugin there."""
    if trial.outcome == ANSWERED:
        return ()
    release = ".".join(trial.envoy.version.split(".")[:2])
    try:
        proxy = parse_consumer(f"envoy@{release}")
    except UsageError:  # one of which nothing is known
        proxy = Consumer("envoy")
    found = check_data(data, (proxy,))
    # Loading does not show everything: a plugin without memory loads, and kills Envoy later.
    chosen = [one for one in found if one.level == "error"]
    if not chosen and trial.outcome != LOADED:  # what was only probable may be the cause
        chosen = [one for one in found if one.level == "warning"]
    return tuple(one._replace(fix=_ONLY_HIGRESS) if "--for higress" in one.fix else one for one in chosen)
