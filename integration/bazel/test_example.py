"""examples/bazel on Debian's Bazel: what docs/bazel.md begins with."""

from __future__ import annotations

from pathlib import Path

from integration.bazel.calling import Workspace, hashes, layout_by_hand


def test_the_example_builds_and_a_second_build_does_nothing(
    example_workspace: Workspace, example: Path, tmp_path: Path
) -> None:
    built = example_workspace.succeed("build", "//...")
    # tool, module, image, verification, two genrules
    assert built.actions == {"linux-sandbox": 6}, built.err
    again = example_workspace.succeed("test", "//...")
    # The test and, before Bazel 5, its report.
    assert again.actions == {"linux-sandbox": 2}, again.err
    assert "//:old_istio_test" in again.out
    assert example_workspace.succeed("test", "//...").actions == {}

    title = [
        *("--annotation", "org.opencontainers.image.licenses=Apache-2.0"),
        *("--annotation", "org.opencontainers.image.title=add-header"),
    ]
    by_hand = layout_by_hand(example, tmp_path / "add_header", *title)
    assert hashes(example_workspace.output(""), ["add_header"]) == by_hand


def test_the_flags_of_the_future_change_nothing(example_workspace: Workspace) -> None:
    example_workspace.succeed("build", "//...", "--all_incompatible_changes")
