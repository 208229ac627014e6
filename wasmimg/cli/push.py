"""``wasmimg push``."""

from __future__ import annotations

from typing import Any

import click

from wasmimg.cli.options import everywhere, for_option, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result
from wasmimg.image.reference import parse_reference
from wasmimg.transfer import push

__all__ = ["command"]


@click.command("push")
@click.argument("source")
@click.argument("references", nargs=-1, required=True, metavar="REF...")
@click.option("--no-verify", is_flag=True, help="Push what a proxy would refuse, too.")
@for_option
@with_registry
@everywhere
def command(
    source: str,
    references: tuple[str, ...],
    no_verify: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Push the image at SOURCE to every REF as it is, if the chosen consumers would take it.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF].
    """
    targets = tuple(parse_reference(text) for text in references)
    reach = read_reach(**typed)
    with Story(quiet=quiet, verbose=verbose) as story:
        means = reach.means(story.tell)
        results = push(source, targets, means, consumers=() if no_verify else reach.consumers)
    if as_json:
        print_json({"source": source, "results": list(results), "digests": {"manifest": results[0].rpartition("@")[2]}})
    else:
        print_result("\n".join(results))
    return 0
