"""``wasmimg check``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from wasmimg.cli.options import PATH, everywhere, for_option
from wasmimg.cli.printing import print_json, print_result
from wasmimg.driver import check_file
from wasmimg.errors import ModuleRefused
from wasmimg.job import consumers_of, load_config

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
    results = {str(path): check_file(path) for path in modules}
    bad = [path for path, findings in results.items() if any(finding.level == "error" for finding in findings)]
    if as_json:
        print_json(
            [
                {"module": path, "ok": path not in bad, "findings": [finding._asdict() for finding in findings]}
                for path, findings in results.items()
            ]
        )
        return ModuleRefused.exit_code if bad else 0
    for path, findings in results.items():
        for finding in findings:
            print_result(f"{path}: {finding.level} {finding.code}: {finding.message}\n  try: {finding.fix}")
        if not findings and not quiet:
            print_result(f"{path}: ok")
    return ModuleRefused.exit_code if bad else 0
