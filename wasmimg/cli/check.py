"""``wasmimg check``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasmimg.checking import silences
from wasmimg.cli.options import everywhere, for_option, read_reach, with_registry
from wasmimg.cli.printing import Story, error_as_json, print_error, print_json, print_result
from wasmimg.errors import ModuleRefused, UsageError
from wasmimg.examination import Checked, as_text, check_all

__all__ = ["command"]


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="MODULE|SOURCE...")
@for_option
@click.option("--sarif", is_flag=True, help="Print the findings as SARIF 2.1.0, which code hosts read.")
@with_registry
@everywhere
def command(
    names: tuple[str, ...],
    sarif: bool,
    config: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Say whether a proxy would load MODULE, or the module in the image SOURCE.

    MODULE is a file or a pattern such as 'build/*.wasm'. Codes that a plugin silences in
    wasmimg.toml are left out. The exit code is 3 when a proxy would refuse a module.
    """
    if as_json and sarif:
        raise UsageError("--json and --sarif are two ways to print the same", hint="leave one out")
    reach = read_reach(config=config, **typed)
    silenced = silences(reach.config, reach.environment)
    with Story(quiet=quiet, verbose=verbose) as story:
        checked = list(check_all(names, reach.consumers, silenced, reach.means(story.tell)))
    if len(checked) == 1 and checked[0].error is not None and not sarif:
        raise checked[0].error
    if sarif:
        from wasmimg.cli.sarif import as_sarif

        print_json(as_sarif(checked))
    elif as_json:
        print_json([_json(one) for one in checked])
    else:
        for one in checked:
            _print(one, quiet=quiet)
    # What could not be read counts for more: of that nothing is known.
    codes = [one.error.exit_code for one in checked if one.error is not None]
    return min(codes) if codes else 0 if all(one.loads for one in checked) else ModuleRefused.exit_code


def _json(one: Checked) -> dict[str, Any]:
    if one.error is not None:
        return {"module": as_text(one.name), "ok": False, "error": error_as_json(one.error)}
    return {"module": as_text(one.name), "ok": one.loads, "findings": [finding._asdict() for finding in one.findings]}


def _print(one: Checked, *, quiet: bool) -> None:
    if one.error is not None:
        print_error(one.error)
    for finding in one.findings:
        if not quiet or finding.level != "note":
            lines = [f"{one.name}: {finding.level} {finding.code}: {finding.message}"]
            if finding.words:
                lines.append(f"  the proxy says: {finding.words}")
            print_result("\n".join([*lines, f"  try: {finding.fix}"]))
    if one.loads and not quiet:
        print_result(f"{one.name}: ok")
