"""``wasmimg verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import PATH, everywhere, for_option, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result, size, table
from wasmimg.collisions import check_digest_file
from wasmimg.consumers.fetcher import Verdict
from wasmimg.stores.files import file_system, write_whole
from wasmimg.verification import Report, verify

__all__ = ["command"]


@click.command("verify")
@click.argument("source")
@for_option
@click.option(
    "--digest-file",
    type=PATH,
    metavar="FILE",
    help="Write the manifest digest to this file if the chosen consumers take the image.",
)
@with_registry
@everywhere
def command(
    source: str,
    digest_file: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    debug: bool,
    **typed: Any,
) -> int:
    """Say what every consumer would do with the image at SOURCE; the chosen ones decide.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:REF], docker-daemon:REF
    or containers-storage:REF.
    """
    if digest_file is not None:
        check_digest_file(digest_file)
    reach = read_reach(**typed)
    with Story(quiet=quiet, verbose=verbose) as story:
        report = verify(source, reach.consumers, reach.access, reach.policy, reach.environment, story.tell)
    if as_json:
        print_json(_as_json(report))
    else:
        print_result(_as_text(report, quiet))
    if digest_file is not None and report.exit_code == 0 and report.facts is not None:
        with file_system(f"the digest file {digest_file} cannot be written"):
            write_whole(digest_file, (report.facts.manifest_digest.encode(),))
    return report.exit_code


def _as_text(report: Report, quiet: bool) -> str:
    lines = [] if report.wire else [f"{report.where} has no wire format; it is judged as a push would make it"]
    rows = {
        verdict.consumer.title: "takes it" if verdict.accepted else "refuses it" + _why(verdict)
        for verdict in report.verdicts
    }
    lines.append(table(rows))
    if report.loads is False:
        lines.append("The image is fetched, and the module in it is not loaded:")
    lines += [_entry(f"{finding.level} {finding.code}", finding.message, finding.fix) for finding in report.findings]
    lines += [_entry(f"warning {warned.code}", warned.message, warned.fix) for warned in report.warnings]
    facts = report.facts
    if facts is not None and not quiet:
        shown = {"index": facts.index_digest} if facts.index_digest else {}
        shown |= {
            "manifest": facts.manifest_digest,
            "layer": f"{facts.layer_digest}  {size(facts.layer_size)}",
            "module": f"{facts.module_digest}  {size(facts.module_size)}",
        }
        lines.append(table(shown))
    return "\n".join(lines)


def _why(verdict: Verdict) -> str:
    parts = {"it says": verdict.words, "that is": verdict.meaning, "try": verdict.fix}
    return "".join(
        f"\n    {name}: " + "\n      ".join(line.strip() for line in text.splitlines())
        for name, text in parts.items()
        if text
    )


def _entry(head: str, message: str, fix: str) -> str:
    return f"  {head}: {message}\n    try: {fix}"


def _as_json(report: Report) -> dict[str, Any]:
    """The schema of docs/verify.md; what is added to it raises no number, what is changed does."""
    facts = report.facts
    return {
        "schema": 1,
        "source": report.source,
        "wire": report.wire,
        "exit_code": report.exit_code,
        "accepted": not report.refused and facts is not None,
        "loads": report.loads,
        "verdicts": [
            {
                "consumer": str(one.consumer),
                "decides": one.consumer in report.decisive,
                "accepted": one.accepted,
                "words": one.words,
                "meaning": one.meaning,
                "fix": one.fix,
            }
            for one in report.verdicts
        ],
        "findings": [finding._asdict() for finding in report.findings],
        "warnings": [warned._asdict() for warned in report.warnings],
        "format": facts.format if facts else None,
        "variant": facts.variant if facts else None,
        "digests": {
            "index": facts.index_digest,
            "manifest": facts.manifest_digest,
            "layer": facts.layer_digest,
            "module": facts.module_digest,
        }
        if facts
        else None,
        "sizes": {"layer": facts.layer_size, "module": facts.module_size} if facts else None,
    }
