"""``wasmimg copy``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import everywhere, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result
from wasmimg.transfer import copy

__all__ = ["command"]


@click.command("copy")
@click.argument("source")
@click.argument("destination", metavar="DEST")
@with_registry
@everywhere
def command(source: str, destination: str, as_json: bool, quiet: bool, verbose: bool, debug: bool, **typed: Any) -> int:
    """Copy the image at SOURCE to DEST as it is: its digest stays, for an index everything in it comes along.

    DEST is docker://REF, oci:DIR[:NAME] or oci-archive:FILE[:NAME].

    \b
    wasmimg copy ghcr.io/them/plugin:1.0 registry.lab:5000/plugin:1.0
    """
    reach = read_reach(**typed)
    with Story(quiet=quiet, verbose=verbose) as story:
        means = reach.means(story.tell)
        result = copy(source, destination, Path(), means)
    if as_json:
        print_json({"source": source, "result": result, "digests": {"manifest": result.rpartition("@")[2]}})
    else:
        print_result(result)
    return 0
