"""``wasmimg extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import PATH, everywhere, for_option, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result
from wasmimg.extraction import extract_to

__all__ = ["command"]


@click.command("extract")
@click.argument("source")
@click.option("-o", "--output", "file", type=PATH, metavar="FILE", help="Write it here (default: plugin.wasm).")
@for_option
@with_registry
@everywhere
def command(
    source: str, file: Path | None, as_json: bool, quiet: bool, verbose: bool, debug: bool, **typed: Any
) -> int:
    """Write the module in the image at SOURCE to a file, as the first chosen consumer would take it.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF].
    """
    reach = read_reach(**typed)
    with Story(quiet=quiet, verbose=verbose) as story:
        means = reach.means(story.tell)
        target, found = extract_to(source, file, reach.consumers[0], means)
    if as_json:
        digests = {"manifest": found.manifest_digest, "layer": found.layer_digest, "module": found.module_digest}
        print_json({"source": source, "file": str(target), "size": len(found.data), "digests": digests})
    else:
        print_result(f"{target}@{found.module_digest}")
    return 0
