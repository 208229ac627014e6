"""``wasmimg inspect``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from wasmimg.cli.options import everywhere, read_reach, with_registry
from wasmimg.cli.printing import Story, print_json, print_result, size, table
from wasmimg.inspection import ImageFacts, ModuleFacts, inspect_file, inspect_image
from wasmimg.stores.places import has_prefix, open_source

__all__ = ["command"]

_WIDTH = 40  # characters of the bar


@click.command("inspect")
@click.argument("source", metavar="MODULE|SOURCE")
@with_registry
@everywhere
def command(source: str, as_json: bool, quiet: bool, verbose: bool, debug: bool, **typed: Any) -> int:
    """Show what a module or an image is: digests, sizes, toolchain, and where the bytes are.

    SOURCE is docker://REF, oci:DIR[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REF].
    """
    if not has_prefix(source) and os.path.isfile(source):
        module = inspect_file(Path(source))
        if as_json:
            print_json({"module": _module_json(module)})
        else:
            print_result(_module_text(module))
        return 0
    reach = read_reach(**typed)
    with Story(quiet=quiet, verbose=verbose) as story:
        opening = open_source(
            source, access=reach.access, environment=reach.environment, policy=reach.policy, tell=story.tell
        )
        with opening as opened:
            facts = inspect_image(opened)
    if as_json:
        print_json(_image_json(facts))
    else:
        print_result(_image_text(facts))
    return 0


def _image_text(facts: ImageFacts) -> str:
    lines = [facts.where if facts.wire else f"{facts.where} (has no wire format; as a push would make it)"]
    if facts.index_digest is not None:
        lines.append(table({"index": f"{facts.index_digest}  (no proxy compares this one)"}))
        lines += [f"    {one.digest}  {one.platform or 'no platform'}" for one in facts.children]
    rows = {
        "manifest": facts.manifest_digest,
        "format": f"{facts.format}  {facts.media_type}".rstrip(),
        "platform": facts.platform or "not said",
        "created": facts.created or "not said",
    }
    rows |= {
        f"layer {number}"
        if len(facts.layers) > 1
        else "layer": f"{one.digest}  {size(one.size)}\n{'':12}{one.media_type}"
        for number, one in enumerate(facts.layers, 1)
    }
    lines.append(table(rows))
    lines += [f"  label       {key}={value}" for key, value in facts.labels]
    lines += [f"  annotation  {key}={value}" for key, value in facts.annotations]
    lines.append(_module_text(facts.module) if facts.module else f"  module      none to show: {facts.no_module}")
    return "\n".join(lines)


def _module_text(module: ModuleFacts) -> str:
    contents = module.contents
    kind = "core module" if contents.kind == "core" else contents.kind
    rows = {
        "module": f"{module.digest}  {size(contents.size)}",
        "path": module.path,
        "kind": kind,
        "ABI": f"proxy-wasm {contents.abi}"
        if contents.abi
        else "no proxy-wasm marker"
        if contents.kind == "core"
        else "",
        "made by": ", ".join(dict.fromkeys(f"{tool.name} {tool.version}".strip() for tool in contents.tools)),
        "damaged": contents.fault,
    }
    lines = [table({key: value for key, value in rows.items() if value})]
    for name, count in contents.sizes:
        share = count / contents.size if contents.size else 0
        bar = f"  {_bar(share)}" if sys.stdout.isatty() else ""
        if count:
            lines.append(f"    {name:<8}{count:>12,}  {100 * share:5.1f} %{bar}")
    return "\n".join(lines)


def _bar(share: float) -> str:
    full = round(share * _WIDTH)
    return ("#" * full).ljust(_WIDTH, ".")


def _module_json(module: ModuleFacts) -> dict[str, Any]:
    contents = module.contents
    return {
        "digest": module.digest,
        "path": module.path or None,
        "kind": contents.kind,
        "size": contents.size,
        "abi": contents.abi,
        "tools": [tool._asdict() for tool in contents.tools],
        "sizes": dict(contents.sizes),
        "fault": contents.fault or None,
    }


def _image_json(facts: ImageFacts) -> dict[str, Any]:
    return {
        "source": facts.where,
        "wire": facts.wire,
        "format": facts.format,
        "media_type": facts.media_type,
        "digests": {
            "index": facts.index_digest,
            "manifest": facts.manifest_digest,
            "module": facts.module.digest if facts.module else None,
        },
        "children": [child._asdict() for child in facts.children],
        "platform": facts.platform or None,
        "created": facts.created or None,
        "labels": dict(facts.labels),
        "annotations": dict(facts.annotations),
        "layers": [layer._asdict() for layer in facts.layers],
        "module": _module_json(facts.module) if facts.module else None,
        "no_module": facts.no_module or None,
    }
