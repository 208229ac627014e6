"""``wasmimg build``."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasmimg.cli.options import (
    PATH,
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
from wasmimg.cli.printing import Story, error_as_json, print_error, print_json, print_result, say, size, table
from wasmimg.errors import WasmimgError
from wasmimg.job import Job, Request, plan_jobs

if TYPE_CHECKING:
    from wasmimg.driver import Built
    from wasmimg.events import Event

__all__ = ["command"]


@click.command("build")
@click.argument("module", required=False, type=PATH)
@tag_option
@format_option
@click.option("-e", "--engine", metavar="ENGINE", help="auto (default), docker, buildah, podman or embedded.")
@click.option("--push", is_flag=True, help="Push every -t to its registry.")
@click.option("--load", is_flag=True, help="Load the image into docker's store.")
@output_option
@for_option
@click.option("--no-check", is_flag=True, help="Do not check the module first.")
@click.option(
    "--dockerfile",
    type=PATH,
    metavar="FILE",
    help="Build with this Dockerfile; it must have FROM scratch and one COPY.",
)
@annotation_option
@click.option("--label", "labels", multiple=True, metavar="K=V", help="Label in the config; repeatable.")
@click.option(
    "--platform", metavar="OS/ARCH", help="Platform to claim (default: linux/amd64, which every proxy looks for)."
)
@variant_option
@click.option(
    "--plugin", "plugins", multiple=True, metavar="NAME", help="Build this plugin of wasmimg.toml only; repeatable."
)
@click.option("--digest-file", type=PATH, metavar="FILE", help="Write the manifest digest to this file.")
@click.option("--dry-run", is_flag=True, help="Print the shell lines that do the same, and touch nothing.")
@with_registry
@everywhere
def command(
    form: str | None,
    no_check: bool,
    dry_run: bool,
    password_stdin: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Build the image of MODULE; without one, of every plugin in wasmimg.toml.

    \b
    wasmimg build plugin.wasm -t ghcr.io/me/plugin:1.0 --push
    wasmimg build plugin.wasm -o oci:image
    """
    environment = dict(os.environ)
    request = Request(format=form, check=not no_check, password=read_password(password_stdin), **typed)
    jobs, config = plan_jobs(request, environment, Path())
    names = [job.plugin for job in jobs] if len(jobs) > 1 else []
    story = Story(quiet=quiet, verbose=verbose, names=names)

    def listen(job: Job, event: Event) -> None:
        story.tell(event, job.plugin if names else "")

    def finished(job: Job, outcome: Built | WasmimgError) -> None:
        if names:
            story.done(
                job.plugin,
                "failed" if isinstance(outcome, WasmimgError) else f"done, {outcome.manifest_digest or 'in the store'}",
            )

    if dry_run:
        from wasmimg.driver import build_lines

        lines = [build_lines(job, environment, partial(listen, job)) for job in jobs]
        print_result("\n".join(line for one in lines for line in _in_subshell(one, several=bool(names))))
        return 0
    from wasmimg.batch import build_all

    with story:
        outcomes = build_all(jobs, environment, listen, finished, at_once=config.jobs)
    failures = [outcome for outcome in outcomes if isinstance(outcome, WasmimgError)]
    for job, outcome in zip(jobs, outcomes, strict=True):
        if isinstance(outcome, WasmimgError):
            if not names:
                raise outcome
            print_error(outcome, subject=job.plugin)
    if as_json:
        values = [
            _failed(job.plugin, one) if isinstance(one, WasmimgError) else _as_json(one)
            for job, one in zip(jobs, outcomes, strict=True)
        ]
        print_json(values if request.module is None and request.dockerfile is None else values[0])
    else:
        for outcome in outcomes:
            if not isinstance(outcome, WasmimgError):
                if not quiet and not names:
                    say(_summary(outcome))
                print_result("\n".join(outcome.results))
    return failures[0].exit_code if failures else 0


def _summary(built: Built) -> str:
    made = (
        f"{built.manifest_digest}  (WasmPlugin sha256)"
        if built.manifest_digest
        else "made by the push: an image in a store has none"
    )
    return table(
        {
            "manifest": made,
            "layer": f"{built.layer_digest}  {size(built.layer_size)}",
            "module": f"{built.module_digest}  {size(built.module_size)}",
        }
    )


def _as_json(built: Built) -> dict[str, Any]:
    return {
        "plugin": built.plugin or None,
        "module": built.module,
        "engine": built.engine,
        "engine_reason": built.why,
        "format": str(built.format),
        "platform": built.platform,
        "references": list(built.references),
        "results": list(built.results),
        "outputs": list(built.outputs),
        "pushed": built.pushed,
        "digests": {"manifest": built.manifest_digest, "layer": built.layer_digest, "module": built.module_digest},
        "sizes": {"layer": built.layer_size, "module": built.module_size},
        "warnings": list(built.warnings),
    }


def _failed(plugin: str, error: WasmimgError) -> dict[str, Any]:
    return {"plugin": plugin or None, "error": error_as_json(error)}


def _in_subshell(lines: list[str], *, several: bool) -> list[str]:
    """Each image's lines by themselves, since every one sets a trap."""
    return ["(", *lines, ")"] if several else lines
