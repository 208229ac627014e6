"""docs/bazel-reference.md says what the rules say."""

from __future__ import annotations

import importlib.util
import re

from tests.rules.starlark import ROOT

spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "generate_bazel_reference.py")
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


def test_the_page_is_what_the_generator_writes() -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    assert written == reference.page(), "run python docs/generate_bazel_reference.py"


def test_every_public_name_and_attribute_is_on_it() -> None:
    written = reference.PAGE.read_text(encoding="utf-8")
    public = re.findall(r"^(\w+) = _\w+$", (ROOT / "rules" / "defs.bzl").read_text(encoding="utf-8"), re.M)
    assert len(public) == 9
    assert re.findall(r"^## (\w+)$", written, re.M)[:9] == public
    for attribute in ("module", "consumers", "remote_tags", "reference", "worker"):
        assert f"| `{attribute}` |" in written
