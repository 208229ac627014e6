"""``wasmimg convert``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import (
    annotation_option,
    everywhere,
    for_option,
    format_option,
    output_option,
    read_password,
    tag_option,
    variant_option,
    with_registry,
)
from wasmimg.cli.printing import Story, print_json, print_result
from wasmimg.job import ConvertRequest, plan_convert

__all__ = ["command"]


@click.command("convert")
@click.argument("source")
@click.argument("pushed", nargs=-1, metavar="[REF]...")
@tag_option
@format_option
@output_option
@annotation_option
@variant_option
@for_option
@with_registry
@everywhere
def command(
    source: str,
    form: str | None,
    password_stdin: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Make a right image of whatever SOURCE is, and push it to every REF.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], a file or an
    http(s) URL: an image of any shape, an archive, or a module. What was mended is said; between two modules
    nothing is guessed.

    \b
    wasmimg convert ghcr.io/them/plugin:1.0 ghcr.io/me/plugin:1.0
    """
    from wasmimg.conversion import convert

    environment = dict(os.environ)
    request = ConvertRequest(format=form, password=read_password(password_stdin), **typed)
    delivery, annotations = plan_convert(request, environment, Path())
    with Story(quiet=quiet, verbose=verbose) as story:
        converted = convert(source, delivery, annotations, environment, story.tell)
    shape = converted.shape
    results = [reference.pinned(shape.manifest_digest) for reference in delivery.references]
    results = results or [f"{output}@{shape.manifest_digest}" for output in delivery.outputs]
    if as_json:
        print_json(
            {
                "source": source,
                "format": str(shape.format),
                "results": results,
                "mended": list(converted.mended),
                "digests": {
                    "manifest": shape.manifest_digest,
                    "layer": shape.layer_digest,
                    "module": shape.module_digest,
                },
            }
        )
    else:
        print_result("\n".join(results))
    return 0
