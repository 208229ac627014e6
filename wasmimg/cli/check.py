"""``wasmimg check``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from wasmimg.cli.options import PATH, everywhere, for_option
from wasmimg.cli.printing import error_as_json, print_error, print_json, print_result
from wasmimg.driver import check_file
from wasmimg.errors import ModuleRefused, WasmimgError
from wasmimg.job import consumers_of, load_config
from wasmimg.module.rules import Finding

__all__ = ["command"]


@click.command("check")
@click.argument("modules", nargs=-1, required=True, type=PATH, metavar="MODULE...")
@for_option
@everywhere
def command(
    modules: tuple[Path, ...],
    consumers: tuple[str, ...],
    config: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
) -> int:
    """Say whether a proxy would load MODULE."""
    consumers_of(consumers, load_config(config, dict(os.environ), Path()))
    results: dict[str, tuple[Finding, ...]] = {}
    unread: dict[str, WasmimgError] = {}
    for path in modules:
        try:
            results[str(path)] = check_file(path)
        except WasmimgError as error:
            if len(modules) == 1:
                raise
            unread[str(path)] = error
    bad = [path for path, findings in results.items() if any(finding.level == "error" for finding in findings)]
    if as_json:
        print_json(
            [
                {"module": path, "ok": path not in bad, "findings": [finding._asdict() for finding in findings]}
                for path, findings in results.items()
            ]
            + [{"module": name, "ok": False, "error": error_as_json(one)} for name, one in unread.items()]
        )
        return _exit_code(bad, unread)
    for name, findings in results.items():
        for finding in findings:
            print_result(f"{name}: {finding.level} {finding.code}: {finding.message}\n  try: {finding.fix}")
        if not findings and not quiet:
            print_result(f"{name}: ok")
    for failure in unread.values():
        print_error(failure)
    return _exit_code(bad, unread)


def _exit_code(bad: list[str], unread: Mapping[str, WasmimgError]) -> int:
    """What could not be read counts for more: of that nothing is known."""
    codes = [error.exit_code for error in unread.values()]
    return min(codes) if codes else ModuleRefused.exit_code if bad else 0
