"""The lines of --dry-run, run by sh: they call the engines as the plan does, and clean up."""

from __future__ import annotations

import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.engines.fakes import Fakes
from tests.engines.orders import UNIQUE, order
from wasmimg.engines.base import WORK, Dockerfile, Order, Plan
from wasmimg.engines.buildah import plan_buildah
from wasmimg.engines.docker import DockerFacts, plan_docker
from wasmimg.engines.shell import quote, shell_lines
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format

CONTAINER = f"wasmimg-{UNIQUE}"
BYTES = b"\0asm\1\0\0\0\0\2\1x"
HOSTILE = [
    "with space",
    "qu'ote",
    'dou"ble',
    "$HOME `id` $(id)",
    "new\nline",
    "-dash",
    "back\\slash",
    "* ? [a]",
    "é;&|#!",
]
_DOCKER = """case "$1" in
build) cat >"$record/context.tar" ;;
save) : >"$3" ;;
esac
"""
_BUILDAH = """case "$1" in
copy) cp -p "$3" "$record/copied" ;;
esac
"""


@pytest.fixture
def fakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    found = Fakes(tmp_path)
    found.add("docker", _DOCKER)
    found.add("buildah", _BUILDAH)
    found.add("wasmimg")
    monkeypatch.setenv("PATH", found.path)
    return found


def _module(tmp_path: Path, name: str = "plugin.wasm") -> Path:
    path = tmp_path / name
    path.write_bytes(BYTES)
    path.chmod(0o600)
    return path


def _sh(plan: Plan, wanted: Order, tmp_path: Path, folder: str = "temporary") -> subprocess.CompletedProcess[str]:
    temporary = tmp_path / folder
    temporary.mkdir()
    done = subprocess.run(
        ["sh"],
        input="\n".join(shell_lines(plan, wanted)) + "\n",
        env={**os.environ, "TMPDIR": str(temporary)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    assert list(temporary.iterdir()) == []
    return done


def _context(fakes: Fakes) -> dict[str, tuple[int, int, bytes]]:
    """Name, mode, time and bytes of every file that docker was given."""
    with tarfile.open(fakes.record / "context.tar") as tar:
        found = {}
        for member in tar:
            assert member.isreg()
            file = tar.extractfile(member)
            assert file is not None
            found[member.name.removeprefix("./")] = (member.mode, int(member.mtime), file.read())
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_docker_gets_the_module_whatever_it_is_called(name: str, fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("r.io/p/q:1", form=Format.DOCKER)._replace(module=_module(tmp_path, name))
    done = _sh(plan_docker(wanted, DockerFacts()), wanted, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert _context(fakes) == {
        "Dockerfile": (0o644, 0, b"FROM scratch\nCOPY plugin.wasm ./\n"),
        "plugin.wasm": (0o644, 0, BYTES),
    }


@pytest.mark.parametrize("name", HOSTILE)
def test_buildah_gets_the_module_whatever_it_is_called(name: str, fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("r.io/p/q:1")._replace(module=_module(tmp_path, name))
    done = _sh(plan_buildah(wanted), wanted, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    copied = fakes.record / "copied"
    assert copied.read_bytes() == BYTES
    assert (stat.S_IMODE(copied.stat().st_mode), copied.stat().st_mtime) == (0o644, 0)


@pytest.mark.parametrize("name", HOSTILE)
def test_outputs_annotations_and_labels_arrive_letter_by_letter(name: str, fakes: Fakes, tmp_path: Path) -> None:
    spec = ImageSpec(annotations=(("a", name),), labels=(("l", name),))
    wanted = order("r.io/p/q:1", spec=spec, outputs=(f"oci:{name}",))._replace(module=_module(tmp_path))
    assert _sh(plan_buildah(wanted), wanted, tmp_path).returncode == 0
    calls = fakes.calls()
    (config,) = [call for call in calls if call[:2] == ["buildah", "config"]]
    assert f"a={name}" in config
    assert f"l={name}" in config
    (convert,) = [call for call in calls if call[0] == "wasmimg"]
    assert convert[1] == "convert"
    assert convert[convert.index("-o") + 1] == f"oci:{name}"
    assert convert[convert.index("--annotation") + 1] == f"a={name}"


@pytest.mark.parametrize("source", ["sub dir/it's.wasm", "-x.wasm", "--help", "a;b.wasm"])
def test_docker_gets_the_source_of_a_users_dockerfile(source: str, fakes: Fakes, tmp_path: Path) -> None:
    dockerfile = Dockerfile(f'FROM scratch\nCOPY ["{source}", "./plugin.wasm"]\n', source)
    wanted = order("r.io/p/q:1", form=Format.DOCKER, dockerfile=dockerfile)._replace(module=_module(tmp_path))
    done = _sh(plan_docker(wanted, DockerFacts()), wanted, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    found = _context(fakes)
    assert set(found) == {"Dockerfile", source}
    assert found[source][2] == BYTES


def test_the_lines_call_docker_as_the_plan_does(fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("r.io/p/q:1", form=Format.DOCKER, push=True)._replace(module=_module(tmp_path))
    plan = plan_docker(wanted, DockerFacts())
    assert _sh(plan, wanted, tmp_path).returncode == 0
    assert fakes.calls() == [list(step.argv) for step in plan.steps]


def test_the_lines_call_buildah_as_the_plan_does_and_remove_the_container(fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("127.0.0.1:5000/acme:1", push=True)._replace(module=_module(tmp_path))
    plan = plan_buildah(wanted)
    assert _sh(plan, wanted, tmp_path).returncode == 0
    calls = fakes.calls()
    assert [call[1] for call in calls] == ["from", "copy", "config", "commit", "rm"]
    assert calls[-2][-1] == "docker://127.0.0.1:5000/acme:1"
    assert "--tls-verify=false" in calls[-2]
    assert calls[-1] == ["buildah", "rm", CONTAINER]


def test_what_docker_cannot_push_is_converted_from_its_archive(fakes: Fakes, tmp_path: Path) -> None:
    wanted = order(
        "r.io/p/q:1", "r.io/p/q:2", push=True, insecure=frozenset({"r.io"}), ca_file=tmp_path / "my ca.pem"
    )._replace(module=_module(tmp_path))
    assert _sh(plan_docker(wanted, DockerFacts()), wanted, tmp_path).returncode == 0
    build, save, convert = [call for call in fakes.calls() if call[1] != "image"]
    assert save[:3] == ["docker", "save", "-o"]
    assert convert[:5] == ["wasmimg", "convert", f"docker-archive:{save[3]}", "-f", "oci"]
    assert convert[5:7] == ["r.io/p/q:1", "r.io/p/q:2"]
    assert "--insecure" in convert
    assert convert[convert.index("--ca-file") + 1] == str(tmp_path / "my ca.pem")
    assert build[1] == "build"


def test_an_image_for_docker_is_loaded_last(fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("acme:1", form=Format.DOCKER, load=True)._replace(module=_module(tmp_path))
    assert _sh(plan_buildah(wanted), wanted, tmp_path).returncode == 0
    *_, convert, load, remove = fakes.calls()
    assert convert[convert.index("-t") + 1] == "acme:1"
    assert load == ["docker", "load", "-i", convert[convert.index("-o") + 1].removeprefix("docker-archive:")]
    assert remove[:2] == ["buildah", "rm"]


@pytest.mark.parametrize("epoch", [1, 1700000000, (1 << 33) - 1])
def test_the_time_of_the_image_is_the_time_of_the_file(epoch: int, fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("r.io/p/q:1", form=Format.DOCKER, spec=ImageSpec(epoch=epoch))._replace(module=_module(tmp_path))
    assert _sh(plan_docker(wanted, DockerFacts()), wanted, tmp_path).returncode == 0
    assert {mtime for _, mtime, _ in _context(fakes).values()} == {epoch}


def test_docker_gets_the_time_and_its_own_builder(
    fakes: Fakes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.add("docker", 'env >"$record/environment"; cat >/dev/null')
    monkeypatch.setenv("BUILDX_BUILDER", "remote")
    wanted = order("r.io/p/q:1", form=Format.DOCKER, spec=ImageSpec(epoch=5))._replace(module=_module(tmp_path))
    assert _sh(plan_docker(wanted, DockerFacts()), wanted, tmp_path).returncode == 0
    environment = (fakes.record / "environment").read_text().splitlines()
    assert "SOURCE_DATE_EPOCH=5" in environment
    assert "BUILDX_NO_DEFAULT_ATTESTATIONS=1" in environment
    assert "BUILDX_BUILDER=default" in environment


@pytest.mark.parametrize("folder", ["a b", "it's", "$x\n"])
def test_a_temporary_folder_of_any_name_is_used_and_emptied(folder: str, fakes: Fakes, tmp_path: Path) -> None:
    wanted = order("r.io/p/q:1")._replace(module=_module(tmp_path))
    assert _sh(plan_buildah(wanted), wanted, tmp_path, folder).returncode == 0
    assert (fakes.record / "copied").read_bytes() == BYTES


def test_a_failure_ends_the_lines_with_its_status_and_the_container_goes(fakes: Fakes, tmp_path: Path) -> None:
    fakes.add("buildah", '[ "$1" != copy ] || exit 125')
    wanted = order("r.io/p/q:1")._replace(module=_module(tmp_path))
    assert _sh(plan_buildah(wanted), wanted, tmp_path).returncode == 125
    assert [call[1] for call in fakes.calls()] == ["from", "copy", "rm"]


def test_an_interrupt_is_130_and_the_container_goes(fakes: Fakes, tmp_path: Path) -> None:
    fakes.add("buildah", '[ "$1" != commit ] || kill -TERM $PPID')
    wanted = order("r.io/p/q:1", push=True)._replace(module=_module(tmp_path))
    assert _sh(plan_buildah(wanted), wanted, tmp_path).returncode == 130
    assert fakes.calls()[-1] == ["buildah", "rm", CONTAINER]


def test_a_clean_up_that_fails_is_no_failure(fakes: Fakes, tmp_path: Path) -> None:
    fakes.add("buildah", '[ "$1" != rm ] || { echo gone >&2; exit 125; }')
    wanted = order("r.io/p/q:1")._replace(module=_module(tmp_path))
    done = _sh(plan_buildah(wanted), wanted, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "word, quoted", [("", "''"), (WORK, '"$work"'), (f"{WORK}/a b", "\"$work\"'/a b'"), ("a'b", "'a'\"'\"'b'")]
)
def test_words_are_quoted_for_sh(word: str, quoted: str) -> None:
    assert quote(word) == quoted
