"""The tool that Bazel's actions run: one file, packed from what is installed here."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest

from tests.cli.calling import EXAMPLE
from tests.rules.starlark import ROOT, constant
from wasmimg.bazel.zipped import NativeModules, native_folder
from wasmimg.errors import NoEngine, UsageError

_FOLDER = ROOT / "rules" / "private" / "tool"
PURE = ("click", "toml", "tenacity", "urllib3", "sh")


def _packer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pack", _FOLDER / "pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PACK = _packer()


def _wheel(name: str, tags: str, folder: Path) -> Path:
    """The wheel that a distribution was installed from, made again."""
    found = distribution(name)
    wheel = folder / f"{name}-{found.version}-{tags}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file in found.files or ():
            if file.suffix in (".py", ".so"):
                archive.write(str(file.locate()), str(file))
    return wheel


def _tags_here() -> str:
    """Tags as in the name of a wheel for this machine."""
    python = "cp310-cp310" if sys.version_info < (3, 11) else "cp311-abi3"
    folder = native_folder()
    machine = os.uname().machine
    for system, tag in (("glibc", "manylinux_2_28"), ("musl", "musllinux_1_2"), ("darwin", "macosx_11_0")):
        if system in folder:
            return f"{python}-{tag}_{machine}"
    raise AssertionError(folder)


def _sources() -> list[str]:
    found = [path for suffix in ("py", "json") for path in (ROOT / "wasmimg").rglob(f"*.{suffix}")]
    return [f"{path.relative_to(ROOT)}={path}" for path in found]


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tool")
    wheels = [_wheel("deflate", _tags_here(), folder), *(_wheel(name, "py3-none-any", folder) for name in PURE)]
    output = folder / "wasmimg"
    words = [f"--source={one}" for one in [*_sources(), f"__main__.py={_FOLDER / 'main.py'}"]]
    words += [f"--wheel={wheel}" for wheel in wheels]
    subprocess.run([sys.executable, "-I", "-S", _FOLDER / "pack.py", f"--output={output}", *words], check=True)
    return output


def run(tool: Path, words: Sequence[object], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tool by the Python of the tests, with no environment but ``environment``."""
    # Its own first line takes python3 as sh finds it, which may be another one than that of the tests.
    argv = [sys.executable, "-I", "-S", str(tool), *map(str, words)]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_it_builds_what_the_package_builds_without_any_environment(tool: Path, tmp_path: Path) -> None:
    package = [sys.executable, "-m", "wasmimg", "build", "-q", "-e", "embedded", str(EXAMPLE), "-o", "oci:package"]
    subprocess.run(package, cwd=tmp_path, env={"PATH": "/nonexistent"}, check=True, capture_output=True)
    done = run(tool, ["build", "-q", "-e", "embedded", EXAMPLE, "-o", "oci:tool"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tool" / "index.json").read_bytes() == (tmp_path / "package" / "index.json").read_bytes()


def test_it_leaves_nothing_behind(tool: Path, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    done = run(
        tool, ["build", "-q", "-e", "embedded", EXAMPLE, "-o", "oci:out"], tmp_path, TMPDIR=str(tmp_path / "tmp")
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_call_with_a_file_of_arguments_is_silent_unless_it_fails(tool: Path, tmp_path: Path) -> None:
    arguments = tmp_path / "arguments"
    arguments.write_text(f"build\n-q\n-e\nembedded\n{EXAMPLE}\n-o\noci:out\n")
    done = run(tool, [f"@{arguments}"], tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (tmp_path / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")
    arguments.write_text("build\n-q\n-e\nembedded\n--no-check\nempty.wasm\n-o\noci:empty\n")
    assert run(tool, [f"@{arguments}"], tmp_path).returncode == 0
    arguments.write_text("verify\noci:empty\n")
    done = run(tool, [f"@{arguments}"], tmp_path)
    assert done.returncode == 3
    assert "error WI106: the module is empty" in done.stdout


def test_no_file_above_its_folder_counts(tool: Path, tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text('format = "docker"\n')
    done = run(tool, ["build", "--json", "-q", "-e", "embedded", EXAMPLE, "-o", "oci:out"], tmp_path)
    assert json.loads(done.stdout)["format"] == "oci"
    named = ["--config", "wasmimg.toml"]
    done = run(tool, ["build", "--json", "-q", "-e", "embedded", EXAMPLE, "-o", "oci:docker", *named], tmp_path)
    assert json.loads(done.stdout)["format"] == "docker"


def test_it_starts_by_itself_where_there_is_no_path(tool: Path) -> None:
    done = subprocess.run([tool, "--version"], env={}, capture_output=True, text=True, check=False)
    # An old python3 is told of: both are answers of the tool.
    assert done.stdout.startswith("wasmimg ") or "wasmimg needs 3.10" in done.stderr


def test_it_is_the_same_whenever_it_is_packed(tool: Path, tmp_path: Path) -> None:
    files = {"wasmimg/a.py": b"x = 'text'\ndef f(y):\n    return {y, x, 'text'}\n", "b.txt": b"text"}
    for name in ("one", "two"):
        PACK.write_tool(str(tmp_path / name), dict(reversed(files.items()) if name == "two" else files.items()))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_python_falls_back_to_the_sources(tool: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    magic = importlib.util.MAGIC_NUMBER
    other.write_bytes(tool.read_bytes().replace(magic, b"\0\0\r\n"))
    done = run(other, ["build", "-q", "-e", "embedded", EXAMPLE, "-o", "oci:out"], tmp_path)
    assert done.returncode == 0, done.stderr


def test_two_wheels_may_not_differ_in_one_file(tmp_path: Path) -> None:
    for number in "12":
        with zipfile.ZipFile(tmp_path / f"a{number}-1-py3-none-any.whl", "w") as wheel:
            wheel.writestr("a/__init__.py", number)
    with pytest.raises(SystemExit, match=r"has another a/__init__\.py than what was packed before it"):
        PACK.collect([], sorted(map(str, tmp_path.iterdir())))


def test_the_compiled_module_is_looked_for_where_it_is_packed() -> None:
    pins = constant(ROOT / "rules" / "private" / "wheels.bzl", "WHEELS")
    folders = {PACK.native_folder(name) for name in pins if name.startswith("deflate-")}
    assert len(folders) == 12
    assert native_folder() in folders
    assert native_folder() == PACK.native_folder(f"deflate-0-{_tags_here()}.whl")


def test_a_platform_without_one_is_named() -> None:
    class Empty:
        def get_data(self, pathname: str, /) -> bytes:
            raise OSError(pathname)

    with pytest.raises(NoEngine, match=re.escape(f"it has no {native_folder()}/deflate/_deflate.so")):
        NativeModules(Empty()).find_spec("deflate._deflate")


def test_zstd_is_left_out_in_a_sentence() -> None:
    class Empty:
        def get_data(self, pathname: str, /) -> bytes:
            raise OSError(pathname)

    finder = NativeModules(Empty())
    with pytest.raises(UsageError, match="the layer is compressed with zstd"):
        finder.find_spec("backports")
    with pytest.raises(ImportError):  # what urllib3 catches when it asks for zstd
        finder.find_spec("backports")


def test_where_memory_runs_no_code_a_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.util import module_from_spec

    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    compiled = next(
        Path(str(file.locate()))
        for file in distribution("deflate").files or ()
        if file.suffix == ".so" and suffix is not None
    )

    class Archive:
        def get_data(self, pathname: str, /) -> bytes:
            return compiled.read_bytes()

    def refuse(name: str) -> int:
        raise OSError("not allowed")

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    spec = NativeModules(Archive()).find_spec("deflate._deflate")
    assert spec is not None
    module = module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(module)
    assert module.gzip_decompress(module.gzip_compress(b"text", 3)) == b"text"
    assert list(tmp_path.iterdir()) == []
