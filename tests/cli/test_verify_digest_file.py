"""``wasmimg verify --digest-file``: a file that is only there if the image was taken."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.calling import Cli

EMPTY = b"\0asm\1\0\0\0"


def test_the_file_holds_the_digest_of_what_was_taken(cli: Cli, tmp_path: Path) -> None:
    built = cli("build", "plugin.wasm", "-e", "embedded", "-o", "oci:image", "--digest-file", "built")
    assert built.code == 0
    said = cli("verify", "oci:image", "--digest-file", "verified", "--json")
    assert said.code == 0
    digest = (tmp_path / "verified").read_text()
    assert digest == (tmp_path / "built").read_text() == said.json["digests"]["manifest"]


def test_there_is_none_for_what_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.wasm").write_bytes(EMPTY)
    assert cli("build", "empty.wasm", "--no-check", "-e", "embedded", "-o", "oci:image").code == 0
    (tmp_path / "verified").write_text("before")
    assert cli("verify", "oci:image", "--digest-file", "verified").code == 3
    assert (tmp_path / "verified").read_text() == "before"
    index = tmp_path / "image" / "index.json"
    index.write_text(json.dumps({**json.loads(index.read_text()), "manifests": []}))
    assert cli("verify", "oci:image", "--digest-file", "another").code == 8
    assert not (tmp_path / "another").exists()


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(cli: Cli) -> None:
    said = cli("verify", "oci:image", "--digest-file", "no/folder/here")
    assert said.code == 9
    assert "the folder no/folder for the digest file does not exist" in said.err
