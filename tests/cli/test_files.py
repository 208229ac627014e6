"""Files that a build writes: whole or not at all, where they were asked for, the same every time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Cli

BUILD = ("build", "plugin.wasm", "-e", "embedded", "-q")


def _names(layout: Path) -> list[str | None]:
    index = json.loads((layout / "index.json").read_bytes())
    return [entry.get("annotations", {}).get("org.opencontainers.image.ref.name") for entry in index["manifests"]]


def _manifest(layout: Path) -> Any:
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    return json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes())


def _all(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_digest_file_holds_the_manifest_digest_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    said = cli(*BUILD, "-o", "oci:out", "--digest-file", "digest")
    text = (tmp_path / "digest").read_text()
    assert re.fullmatch("sha256:[0-9a-f]{64}", text.strip())
    assert said.out == f"oci:out@{text.strip()}\n"
    (entry,) = json.loads((tmp_path / "out" / "index.json").read_bytes())["manifests"]
    assert entry["digest"] == text.strip()


def test_the_digest_file_replaces_the_one_before(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "digest").write_text("old" * 100)
    cli(*BUILD, "-o", "oci:out", "--digest-file", "digest")
    assert len((tmp_path / "digest").read_text().strip()) == 71


@pytest.mark.parametrize("place", ["folder", "gone/digest", "plugin.wasm/digest"])
def test_a_digest_file_that_cannot_be_is_9_before_anything_is_built(place: str, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert cli(*BUILD, "-o", "oci:out", "--digest-file", place).code == 9
    assert _all(tmp_path) == ["folder", "plugin.wasm"]


def test_a_build_that_fails_leaves_the_digest_file_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "digest").write_text("old")
    (tmp_path / "bad.wasm").write_bytes(b"bad")
    assert cli("build", "bad.wasm", "-o", "oci:out", "--digest-file", "digest").code == 3
    assert (tmp_path / "digest").read_text() == "old"


def test_a_digest_file_that_is_the_module_is_refused(cli: Cli, tmp_path: Path) -> None:
    before = (tmp_path / "plugin.wasm").read_bytes()
    assert cli(*BUILD, "-o", "oci:out", "--digest-file", "plugin.wasm").code in (2, 9)
    assert (tmp_path / "plugin.wasm").read_bytes() == before


def test_several_names_make_one_entry_in_a_layout(cli: Cli, tmp_path: Path) -> None:
    said = cli(*BUILD, "-o", "oci:out", "-t", "r.io/p/q:1", "-t", "r.io/p/q:2")
    assert len(said.out.splitlines()) == 2
    assert _names(tmp_path / "out") == ["r.io/p/q:1"]


def test_several_names_are_all_in_a_docker_archive(cli: Cli, tmp_path: Path) -> None:
    cli(*BUILD, "-o", "docker-archive:out.tar", "-t", "r.io/p/q:1", "-t", "q:2")
    with tarfile.open(tmp_path / "out.tar") as tar:
        file = tar.extractfile("manifest.json")
        assert file is not None
        (image,) = json.load(file)
    assert image["RepoTags"] == ["r.io/p/q:1", "docker.io/library/q:2"]


def test_a_layout_gains_entries_by_name_and_replaces_one_of_the_same(cli: Cli, tmp_path: Path) -> None:
    for name in ("r.io/p/q:1", "r.io/p/q:2", "r.io/p/q:1"):
        assert cli(*BUILD, "-o", "oci:out", "-t", name).code == 0
    assert sorted(map(str, _names(tmp_path / "out"))) == ["r.io/p/q:1", "r.io/p/q:2"]


def test_several_outputs_hold_the_same_image(cli: Cli, tmp_path: Path) -> None:
    cli(*BUILD, "-o", "oci:out", "-o", "oci-archive:out.tar")
    with tarfile.open(tmp_path / "out.tar") as tar:
        file = tar.extractfile("index.json")
        assert file is not None
        assert file.read() == (tmp_path / "out" / "index.json").read_bytes()


def test_the_same_module_gives_the_same_bytes_in_any_folder_under_any_mask(cli: Cli, tmp_path: Path) -> None:
    cli(*BUILD, "-o", "oci:one", "-o", "oci-archive:one.tar")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other name.wasm").write_bytes((tmp_path / "plugin.wasm").read_bytes())
    before = os.umask(0o077)
    try:
        words = ("build", "deep/other name.wasm", "-e", "embedded", "-q", "-o", "oci:two", "-o", "oci-archive:two.tar")
        assert cli(*words, TZ="Asia/Tokyo", LC_ALL="tr_TR.UTF-8").code == 0
    finally:
        os.umask(before)
    assert _all(tmp_path / "one") == _all(tmp_path / "two")
    assert (tmp_path / "one" / "index.json").read_bytes() == (tmp_path / "two" / "index.json").read_bytes()
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_the_time_of_the_image_is_source_date_epoch(cli: Cli, tmp_path: Path) -> None:
    assert cli(*BUILD, "-o", "oci:out", SOURCE_DATE_EPOCH="86400").code == 0
    config = _manifest(tmp_path / "out")["config"]["digest"].replace(":", "/")
    assert json.loads((tmp_path / "out" / "blobs" / config).read_bytes())["created"] == "1970-01-02T00:00:00Z"


@pytest.mark.parametrize("form, ending", [("oci", "tar+gzip"), ("docker", "diff.tar.gzip")])
def test_the_format_asked_for_is_the_one_written(form: str, ending: str, cli: Cli, tmp_path: Path) -> None:
    assert cli(*BUILD, "-f", form, "-o", "oci:out").code == 0
    (layer,) = _manifest(tmp_path / "out")["layers"]
    assert layer["mediaType"].endswith(ending)


def test_annotations_and_the_variant_are_in_the_manifest_and_labels_in_the_config(cli: Cli, tmp_path: Path) -> None:
    cli(*BUILD, "-o", "oci:out", "--annotation", "a=b=c", "--label", "l=é")
    manifest = _manifest(tmp_path / "out")
    assert manifest["annotations"] == {"a": "b=c", "module.wasm.image/variant": "compat"}
    config = json.loads((tmp_path / "out" / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_bytes())
    assert config["config"]["Labels"] == {"l": "é"}


def test_the_module_is_never_written_to(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plugin.wasm").chmod(0o400)
    before = (tmp_path / "plugin.wasm").stat()
    cli(*BUILD, "-o", "oci:out", "-o", "docker-archive:out.tar", "-f", "docker")
    after = (tmp_path / "plugin.wasm").stat()
    assert (after.st_mtime_ns, after.st_mode, after.st_ino) == (before.st_mtime_ns, before.st_mode, before.st_ino)


def test_a_module_behind_a_link_is_followed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "link.wasm").symlink_to("plugin.wasm")
    assert cli("build", "link.wasm", "-e", "embedded", "-q", "-o", "oci:one").code == 0
    assert cli(*BUILD, "-o", "oci:two").code == 0
    assert (tmp_path / "one" / "index.json").read_bytes() == (tmp_path / "two" / "index.json").read_bytes()


def test_a_file_that_is_written_has_the_mode_of_any_other(cli: Cli, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        cli(*BUILD, "-o", "oci-archive:out.tar", "--digest-file", "digest")
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("out.tar", "digest")} == {0o640}


def test_several_plugins_are_built_and_each_has_its_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text(
        "engine = 'embedded'\nregistry = 'r.io/acme'\njobs = 2\n"
        + "".join(f"[plugins.{name}]\nmodule = 'plugin.wasm'\nimage = '{name}:1'\n" for name in ("one", "two"))
    )
    said = cli("build", "-o", "oci:out")
    assert said.code == 0
    assert [line.partition("@")[0] for line in said.out.splitlines()] == ["r.io/acme/one:1", "r.io/acme/two:1"]
    assert sorted(map(str, _names(tmp_path / "out"))) == ["r.io/acme/one:1", "r.io/acme/two:1"]
    assert re.search("^one: done, sha256:[0-9a-f]{64}$", said.err, re.MULTILINE)


def test_one_of_several_plugins_that_fails_gives_its_code_and_the_others_are_built(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.wasm").write_bytes(b"")
    (tmp_path / "wasmimg.toml").write_text(
        "engine = 'embedded'\n[plugins.bad]\nmodule = 'bad.wasm'\nimage = 'r.io/p/bad:1'\n"
        "[plugins.good]\nmodule = 'plugin.wasm'\nimage = 'r.io/p/good:1'\n"
    )
    said = cli("build", "-o", "oci:out", "--json")
    assert said.code == 3
    bad, good = said.json
    assert (bad["plugin"], bad["error"]["exit_code"]) == ("bad", 3)
    assert good["results"] == [f"r.io/p/good:1@{good['digests']['manifest']}"]
    assert "error: bad: " in said.err
    assert _names(tmp_path / "out") == ["r.io/p/good:1"]


def test_a_module_in_an_image_is_the_one_given(cli: Cli, tmp_path: Path) -> None:
    digest = f"sha256:{hashlib.sha256((tmp_path / 'plugin.wasm').read_bytes()).hexdigest()}"
    for output in ("oci:a", "oci-archive:b", "docker-archive:c"):
        assert cli(*BUILD, "-o", output, "--json").json["digests"]["module"] == digest
