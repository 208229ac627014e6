"""Every example, from its source to an image in a registry, by its own Makefile."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration import reader
from integration.calling import WASMIMG, succeed, wasmimg
from integration.examples.building import EXAMPLES, ROOT, Example, toolchains


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.plugin)
def test_its_makefile_ends_in_a_pushed_image(
    example: Example, built_examples: dict[str, Path], registry: str, environment: dict[str, str]
) -> None:
    module = built_examples[example.plugin]
    assert len((module.parent / "Makefile").read_text().splitlines()) == 3
    everything = {**toolchains(), **environment, "PATH": toolchains()["PATH"]}
    variables = (f"WASMIMG={' '.join(WASMIMG)}", f"WASMIMG_REGISTRY={registry}/examples")
    out = succeed("make", "-C", module.parent, "push", *variables, environment=everything)
    reference = f"{registry}/examples/{example.plugin}:latest"
    found = reader.from_registry(reference)
    assert f"{reference}@{found.digest}" in out
    reader.assert_shape(found, "oci", module.read_bytes())
    verdict = succeed(*WASMIMG, "verify", reference, "--for", "envoy", "--for", "higress", environment=environment)
    assert "refuses" not in verdict


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.plugin)
def test_check_has_nothing_against_it(
    example: Example, built_examples: dict[str, Path], environment: dict[str, str]
) -> None:
    said = wasmimg("check", built_examples[example.plugin], environment=environment)
    assert said.code == 0, said
    assert ": error" not in said.out


def test_the_module_in_the_repository_is_that_of_its_source(built_examples: dict[str, Path], example: Path) -> None:
    assert built_examples["hello-wat"].read_bytes() == example.read_bytes()


def test_every_example_is_tried() -> None:
    made = {path.parent.name for path in (ROOT / "examples").glob("*/Makefile")}
    assert made == {example.folder for example in EXAMPLES}
