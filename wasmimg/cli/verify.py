"""``wasmimg verify``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import everywhere, for_option, read_password, with_registry
from wasmimg.cli.printing import Story, print_json, print_result, size, table
from wasmimg.errors import ImageRefused
from wasmimg.job import Request, access_of, consumers_of, load_config
from wasmimg.verification import Report, verify

__all__ = ["command"]


@click.command("verify")
@click.argument("source")
@for_option
@with_registry
@everywhere
def command(
    source: str,
    consumers: tuple[str, ...],
    password_stdin: bool,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Say what every consumer would do with the image at SOURCE; the chosen ones decide.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF].
    """
    environment = dict(os.environ)
    settings = load_config(config, environment, Path())
    access = access_of(Request(password=read_password(password_stdin), **typed), settings, environment, Path())
    with Story(quiet=quiet, verbose=verbose) as story:
        report = verify(source, consumers_of(consumers, settings), access, settings.retry, environment, story.tell)
    if as_json:
        print_json(_as_json(report))
    else:
        print_result(_as_text(report, quiet))
    return ImageRefused.exit_code if report.refused else 0


def _as_text(report: Report, quiet: bool) -> str:
    lines = [] if report.wire else [f"{report.where} has no wire format; it is judged as a push would make it"]
    rows = {}
    for verdict in report.verdicts:
        rows[verdict.consumer.title] = (
            "takes it"
            if verdict.accepted
            else f"refuses it: {verdict.words}" + (f"\n    try: {verdict.fix}" if verdict.fix else "")
        )
    lines.append(table(rows))
    if report.shape is not None and not quiet:
        shape = report.shape
        lines.append(
            table(
                {
                    "manifest": shape.manifest_digest,
                    "layer": f"{shape.layer_digest}  {size(shape.layer_size)}",
                    "module": f"{shape.module_digest}  {size(shape.module_size)}",
                }
            )
        )
    if report.unlike:
        lines.append(f"  note: it is not of the one shape that wasmimg builds: {report.unlike}")
    return "\n".join(lines)


def _as_json(report: Report) -> dict[str, Any]:
    shape = report.shape
    return {
        "source": report.where,
        "wire": report.wire,
        "accepted": not report.refused,
        "verdicts": [
            {"consumer": str(one.consumer), "accepted": one.accepted, "words": one.words, "fix": one.fix}
            for one in report.verdicts
        ],
        "digests": {"manifest": shape.manifest_digest, "layer": shape.layer_digest, "module": shape.module_digest}
        if shape
        else None,
        "format": str(shape.format) if shape else None,
    }
