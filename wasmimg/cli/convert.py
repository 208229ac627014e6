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
    """Write the image at SOURCE in another format, and push it to every REF.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF].
    """
    from wasmimg.driver import convert

    environment = dict(os.environ)
    request = ConvertRequest(format=form, password=read_password(password_stdin), **typed)
    delivery, annotations = plan_convert(request, environment, Path())
    with Story(quiet=quiet, verbose=verbose) as story:
        shape = convert(source, delivery, annotations, environment, story.tell)
    results = [reference.pinned(shape.manifest_digest) for reference in delivery.references]
    results = results or [f"{output}@{shape.manifest_digest}" for output in delivery.outputs]
    if as_json:
        print_json(
            {
                "source": source,
                "format": str(shape.format),
                "results": results,
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
