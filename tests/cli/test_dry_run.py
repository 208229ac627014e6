"""--dry-run: lines that do the same by hand, and nothing touched by printing them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Cli, environment
from tests.engines.fakes import Fakes
from wasmimg.job import Job, Request, plan_jobs

EMBEDDED = ("-e", "embedded", "--dry-run", "-q")


def _sh(lines: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh"], input=lines, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("engine", ["docker", "buildah", "embedded"])
def test_printing_the_lines_touches_nothing_and_needs_no_engine(engine: str, cli: Cli, tmp_path: Path) -> None:
    said = cli("build", "plugin.wasm", "-e", engine, "-o", "oci:out", "--dry-run", TMPDIR=str(tmp_path))
    assert said.code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["plugin.wasm"]


@pytest.mark.parametrize(
    "engine, why",
    [("auto", "buildah is not installed"), ("docker", "it would not run here: docker is not installed")],
)
def test_the_story_says_whose_lines_these_are_and_why(engine: str, why: str, cli: Cli) -> None:
    assert why in cli("build", "plugin.wasm", "-e", engine, "-o", "oci:out", "--dry-run").err


@pytest.mark.parametrize(
    "words, code",
    [
        (["gone.wasm", "-o", "oci:out"], 2),
        (["plugin.wasm"], 2),
        (["bad.wasm", "-o", "oci:out"], 3),
        (["plugin.wasm", "-e", "podmann", "-o", "oci:out"], 2),
    ],
)
def test_what_cannot_be_built_has_no_lines(words: list[str], code: int, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "bad.wasm").write_bytes(b"bad")
    said = cli("build", *words, "--dry-run")
    assert (said.code, said.out) == (code, "")


@pytest.mark.parametrize(
    "name", ["with space.wasm", "it's.wasm", "$HOME.wasm", "new\nline.wasm", "-dash.wasm", "@at.wasm", "*?.wasm"]
)
def test_the_embedded_line_builds_a_module_of_any_name(name: str, cli: Cli, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "plugin.wasm", tmp_path / name)
    said = cli("build", *EMBEDDED, "-o", f"oci:out of {name}", "--annotation", f"k={name}", "--", f"./{name}")
    assert said.code == 0
    words = shlex.split(said.out)
    again = cli(*words[words.index("build") :], "--json")
    assert again.code == 0
    assert again.json["outputs"] == [f"oci:out of {name}"]
    assert again.json["sizes"]["module"] == 213


def test_the_embedded_line_is_one_and_runs_in_a_shell(cli: Cli, tmp_path: Path) -> None:
    said = cli("build", "plugin.wasm", *EMBEDDED, "-o", "oci:out", SOURCE_DATE_EPOCH="86400")
    assert len(said.out.splitlines()) == 1
    done = _sh(said.out, tmp_path, PATH=os.path.dirname(sys.executable) + ":/usr/bin:/bin")
    assert done.returncode == 0
    direct = cli("build", "plugin.wasm", "-e", "embedded", "-q", "-o", "oci:two", SOURCE_DATE_EPOCH="86400")
    assert done.stdout.rpartition("@")[2] == direct.out.rpartition("@")[2]


def _jobs_of(cli: Cli, monkeypatch: pytest.MonkeyPatch, *words: str, **more: str) -> tuple[str, tuple[Job, ...]]:
    """The lines that ``words`` print, and the jobs that were planned on the way."""
    seen: list[tuple[Job, ...]] = []

    def planned(request: Request, *rest: Any) -> Any:
        found = plan_jobs(request, *rest)
        seen.append(found[0])
        return found

    with monkeypatch.context() as patch:
        patch.setattr("wasmimg.cli.build.plan_jobs", planned)
        said = cli(*words, **more)
    assert said.code == 0
    return said.out, seen[0]


@pytest.mark.parametrize(
    "words",
    [
        ["-t", "r.io/p/q:1", "-t", "p/q", "--push"],
        ["-o", "oci:out", "-o", "oci-archive:a b.tar", "-t", "r.io/p/q:1"],
        ["-f", "docker", "-o", "docker-archive:x.tar", "--label", "a=b c", "--label", "x='"],
        ["-o", "oci:out", "--annotation", "k=$v", "--platform", "linux/arm64/v8", "--no-check"],
        ["-o", "oci:out", "--annotation=@k=v", "--label=-l=v", "--digest-file=@d"],
        ["-o", "oci:out", "--for", "higress", "--for", "istio@1.24", "--digest-file", "d x"],
        ["-t", "r.io/p/q:1", "--push", "--insecure", "--ca-file", "my ca.pem"],
        ["-t", "r.io/p/q:1", "--load"],
        ["-t", "lab.io/p/q:1", "--push", "--config", "other.toml"],
    ],
    ids=lambda words: " ".join(words),
)
def test_the_embedded_line_asks_for_the_same_job(
    words: list[str], cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my ca.pem").touch()
    (tmp_path / "other.toml").write_text("insecure = ['lab.io']\n[retry]\nattempts = 7\n")
    line, (first,) = _jobs_of(cli, monkeypatch, "build", "plugin.wasm", *EMBEDDED, *words)
    typed = shlex.split(line)
    _, (again,) = _jobs_of(cli, monkeypatch, *typed[typed.index("build") :], "--dry-run")
    assert again._replace(format_asked=False) == first._replace(format_asked=False)


def test_the_embedded_line_of_a_plugin_silences_what_the_file_silences(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")
    (tmp_path / "wasmimg.toml").write_text(
        "[plugins.p]\nmodule = 'empty.wasm'\nimage = 'r.io/p/q:1'\nsilence = ['WI106']\n"
    )
    said = cli("build", *EMBEDDED, "-o", "oci:out")
    assert said.code == 0
    words = shlex.split(said.out)
    assert cli(*words[words.index("build") :]).code == 0


def test_the_lines_of_several_plugins_stand_each_by_themselves(cli: Cli, tmp_path: Path) -> None:
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("buildah")
    (tmp_path / "wasmimg.toml").write_text(
        "engine = 'buildah'\n"
        + "".join(f"[plugins.{name}]\nmodule = 'plugin.wasm'\nimage = 'r.io/p/{name}:1'\n" for name in ("one", "two"))
    )
    said = cli("build", "--push", "--dry-run", PATH=fakes.path)
    before = len(fakes.calls())
    (tmp_path / "temporary").mkdir()
    done = _sh(said.out, tmp_path, PATH=fakes.path, TMPDIR=str(tmp_path / "temporary"))
    assert (done.returncode, done.stderr) == (0, "")
    verbs = [call[1] for call in fakes.calls()[before:]]
    assert verbs == ["from", "copy", "config", "commit", "rm"] * 2
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_lines_of_docker_give_the_layout_that_was_asked_for(cli: Cli, tmp_path: Path) -> None:
    cli("build", "plugin.wasm", "-e", "embedded", "-q", "-f", "docker", "-o", "docker-archive:saved.tar")
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("docker", f'case "$1" in build) cat >/dev/null ;; save) cp {tmp_path}/saved.tar "$3" ;; esac')
    said = cli("build", "plugin.wasm", "-e", "docker", "-o", "oci:out put", "--dry-run")
    path = f"{fakes.path}{os.pathsep}{os.path.dirname(sys.executable)}"
    done = _sh(said.out, tmp_path, PATH=path)
    assert (done.returncode, done.stderr.splitlines()) == (0, ["write oci:out put"])
    found = cli("verify", "oci:out put", "--json").json
    assert found["accepted"]
    assert found["format"] == "oci"
