"""What would overwrite each other or the user's own files is found before anything is done."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path

import pytest

from tests.cli.calling import Cli

BUILD = ("build", "plugin.wasm", "-e", "embedded", "-q")


@pytest.mark.parametrize(
    "words",
    [
        ("-o", "oci-archive:z", "--digest-file", "z"),
        ("-o", "oci:z", "--digest-file", "z"),
        ("-o", "oci:z", "--digest-file", "z/index.json"),
        ("-o", "oci:z", "-o", "oci-archive:z"),
        ("-o", "oci-archive:z", "-o", "docker-archive:./z", "-f", "docker"),
        ("-o", "oci:z", "-o", "oci-archive:z/in.tar"),
    ],
)
def test_two_outputs_in_one_place_are_2(words: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    if "z/index.json" in words or "oci-archive:z/in.tar" in words:
        assert cli(*BUILD, "-o", "oci:z").code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = cli(*BUILD, *words)
    assert (said.code, "overwrite each other" in said.err) == (2, True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", ["fifo", "folder", "dangling link"])
def test_a_digest_file_that_is_no_file_is_9(kind: str, cli: Cli, tmp_path: Path) -> None:
    place = tmp_path / "place"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("gone/there")
    mode = place.lstat().st_mode
    said = cli(*BUILD, "-o", "oci:out", "--digest-file", "place")
    assert (said.code, "in the way" in said.err) == (9, True)
    assert place.lstat().st_mode == mode
    assert not (tmp_path / "out").exists()


def test_a_digest_file_and_an_archive_behind_a_link_are_written_there(cli: Cli, tmp_path: Path) -> None:
    for name in ("digest", "archive"):
        (tmp_path / f"{name}.link").symlink_to(f"{name}.real")
        (tmp_path / f"{name}.real").touch()
    said = cli(*BUILD, "-o", "oci-archive:archive.link", "--digest-file", "digest.link")
    assert said.code == 0, said.err
    assert (tmp_path / "digest.link").is_symlink()
    assert (tmp_path / "digest.real").read_text() in said.out
    assert tarfile.is_tarfile(tmp_path / "archive.real")


def test_a_tar_of_something_else_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "backup.tar", "w") as backup:
        backup.add(tmp_path / "plugin.wasm", "plugin.wasm")
    before = (tmp_path / "backup.tar").read_bytes()
    said = cli(*BUILD, "-o", "oci-archive:backup.tar")
    assert (said.code, "backup.tar is in the way" in said.err) == (9, True)
    assert (tmp_path / "backup.tar").read_bytes() == before
    for _ in range(2):  # an archive of an image is replaced
        assert cli(*BUILD, "-o", "oci-archive:image.tar").code == 0


@pytest.mark.parametrize("images", [('image = "acme.io/a/bb:1"',) * 2, ("", "")])
def test_two_plugins_of_one_name_are_2(images: tuple[str, str], cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(
        f'[plugins.one]\nmodule = "plugin.wasm"\n{images[0]}\n[plugins.two]\nmodule = "plugin.wasm"\n{images[1]}\n'
    )
    said = cli("build", "-e", "embedded", "-o", "oci:out")
    assert said.code == 2
    assert "plugins.one and plugins.two would overwrite each other" in said.err
    assert not (tmp_path / "out").exists()


def test_two_plugins_that_share_a_further_tag_are_2(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(
        '[plugins.one]\nmodule = "plugin.wasm"\nimage = "acme.io/a/bb:1"\ntags = ["latest"]\n'
        '[plugins.two]\nmodule = "plugin.wasm"\nimage = "acme.io/a/bb:2"\ntags = ["latest"]\n'
    )
    said = cli("build", "-e", "embedded", "--push")
    assert (said.code, "acme.io/a/bb:latest" in said.err) == (2, True)


@pytest.mark.parametrize("output", ["oci:out", "oci-archive:out", "docker-archive:out"])
def test_what_a_consumer_refuses_replaces_nothing(output: str, cli: Cli, tmp_path: Path) -> None:
    words = ("-o", output, "-t", "acme.io/a/bb:1", *(("-f", "docker") if output.startswith("docker") else ()))
    assert cli(*BUILD, *words).code == 0
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "text").write_text("no module at all")
    said = cli("build", "text", "--no-check", "-e", "embedded", *words)
    assert (said.code, "Istio would refuse" in said.err) == (8, True)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "text"}
    assert after == before


def test_load_without_docker_is_4_before_anything_is_written(cli: Cli, tmp_path: Path) -> None:
    said = cli(*BUILD, "-t", "acme.io/a/bb:1", "-o", "oci:out", "--load")
    assert (said.code, "--load hands the image to docker" in said.err) == (4, True)
    assert not (tmp_path / "out").exists()


def test_one_missing_file_does_not_hide_what_is_known_of_the_others(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    said = cli("check", "plugin.wasm", "text", "gone.wasm")
    assert said.code == 2
    assert "plugin.wasm: ok" in said.out
    assert "text: error WI100" in said.out
    assert "no such file: gone.wasm" in said.err
    shown = {one["module"]: one["ok"] for one in json.loads(cli("check", "plugin.wasm", "gone.wasm", "--json").out)}
    assert shown == {"plugin.wasm": True, "gone.wasm": False}
