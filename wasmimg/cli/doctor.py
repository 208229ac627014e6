"""``wasmimg doctor``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import everywhere
from wasmimg.cli.printing import print_json, print_result, table
from wasmimg.doctor import AuthFile, EngineState, Report, examine
from wasmimg.job import load_config

__all__ = ["command"]


@click.command("doctor")
@click.option("-e", "--engine", metavar="ENGINE", help="Whether this engine works (default: the one that is selected).")
@everywhere
def command(engine: str | None, config: Path | None, as_json: bool, quiet: bool, verbose: bool, debug: bool) -> int:
    """Show which engines, credentials and settings there are, and what follows from them.

    The exit code is 4 when the engine of --engine, WASMIMG_ENGINE or wasmimg.toml does not work.
    """
    environment = dict(os.environ)
    report = examine(engine, load_config(config, environment, Path()), environment)
    if as_json:
        print_json(_as_json(report))
    else:
        print_result(_as_text(report, quiet=quiet))
    return report.exit_code


def _as_text(report: Report, *, quiet: bool) -> str:
    verdict = "works" if report.works else f"does not work: {report.problem}"
    lines = [f"engine {report.selected} ({report.source}) {verdict}"]
    if report.selected == "auto":
        lines += [f"  format {form}: {name} ({why})" for form, (name, why) in report.auto.items()]
    if quiet:
        return "\n".join(lines)
    for state in report.engines:
        lines += ["", *_engine_lines(state)]
    lines += ["", "credentials, first hit wins"]
    if report.given:
        lines.append("  WASMIMG_USERNAME and WASMIMG_PASSWORD")
    lines += [line for file in report.auth_files for line in _auth_lines(file)]
    lines += ["", "registries"]
    lines += [f"  {path}, for buildah and podman; wasmimg follows no mirrors" for path in report.registries]
    lines.append("  without TLS or unverified: " + (", ".join(report.insecure) or "none but this machine's"))
    if report.settings:
        lines += ["", "environment", *(f"  {one.name}={one.value} {one.effect}" for one in report.settings)]
    rows = {
        "python": report.python,
        "deflate": report.deflate or "not installed",
        "wasmimg.toml": report.config or "none here or above",
        "envoy": report.envoy or f"{report.envoy_problem}; wasmimg try needs one",
    }
    return "\n".join([*lines, "", "beside them", table(rows)])


def _engine_lines(state: EngineState) -> list[str]:
    lines = [f"{state.name}  {state.path}" if state.path else state.name]
    if state.facts:
        lines.append(table(dict(state.facts)))
    lines += [f"  {text}" for text in state.follows]
    if state.problem:
        lines.append(f"  does not work: {state.problem}")
    if state.hint:
        lines.append(f"    try: {state.hint}")
    return lines


def _auth_lines(file: AuthFile) -> list[str]:
    if not file.there:
        return [f"  {file.path} ({file.found_by}): not there"]
    holds = [*file.registries, *(f"by {program}" for program in file.helpers)]
    lines = [f"  {file.path} ({file.found_by}): {', '.join(holds) or 'nobody'}"]
    return [*lines, f"    {file.problem}"] if file.problem else lines


def _as_json(report: Report) -> dict[str, Any]:
    """The schema of docs/engines.md; what is added to it raises no number, what is changed does."""
    return {
        "schema": 1,
        "exit_code": report.exit_code,
        "engine": {
            "selected": report.selected,
            "source": report.source,
            "works": report.works,
            "problem": report.problem or None,
        },
        "auto": {form: {"engine": name, "why": why} for form, (name, why) in report.auto.items()},
        "engines": [
            {
                "name": state.name,
                "works": state.works,
                "path": state.path or None,
                "facts": dict(state.facts),
                "follows": list(state.follows),
                "problem": state.problem or None,
                "hint": state.hint or None,
            }
            for state in report.engines
        ],
        "credentials": {
            "given": report.given,
            "files": [{**one._asdict(), "problem": one.problem or None} for one in report.auth_files],
        },
        "registries": {"files": list(report.registries), "insecure": list(report.insecure)},
        "environment": [one._asdict() for one in report.settings],
        "config": report.config or None,
        "python": report.python,
        "deflate": report.deflate or None,
        "envoy": {"found": report.envoy or None, "problem": report.envoy_problem or None},
    }
