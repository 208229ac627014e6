"""Ctrl-C and SIGTERM at any moment: exit code 130, one sentence, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.cli.calling import EXAMPLE, command, environment, write_big_module
from tests.engines.fakes import Fakes, is_running
from wasmimg.stores.archive import open_oci_archive
from wasmimg.stores.layout import open_layout

BIG = 64 * 1024 * 1024


def _interrupted(
    folder: Path, number: signal.Signals, at: str, *words: str, after: float = 0.0, **more: str
) -> tuple[int, str]:
    """Call wasmimg and send it ``number`` when its story holds ``at``, or ``after`` seconds later.

    Returns its exit code and the rest of its story.
    """
    with subprocess.Popen(
        command(*words),
        cwd=folder,
        env=environment(**more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        patience = threading.Timer(20, process.kill)
        patience.start()
        try:
            while at not in process.stderr.readline():
                assert process.poll() is None
            time.sleep(after)
            process.send_signal(number)
            _, rest = process.communicate()
        finally:
            patience.cancel()
        return process.returncode, rest


@pytest.mark.parametrize(
    "number, at, after",
    [
        (signal.SIGINT, "build the image", 0.0),
        (signal.SIGTERM, "build the image", 0.015),
        (signal.SIGINT, "build the image", 0.03),
        (signal.SIGTERM, "write ", 0.0),
    ],
)
def test_an_embedded_build_leaves_nothing(number: signal.Signals, at: str, after: float, tmp_path: Path) -> None:
    write_big_module(tmp_path / "plugin.wasm", BIG)
    words = (
        "build",
        "plugin.wasm",
        "-e",
        "embedded",
        "-o",
        "oci:out",
        "-o",
        "oci-archive:out.tar",
        "--digest-file",
        "d",
    )
    code, story = _interrupted(tmp_path, number, at, *words, after=after)
    if at == "write " and code == 0:  # it was faster than the signal
        assert {path.name for path in tmp_path.iterdir()} == {"plugin.wasm", "out", "out.tar", "d"}
        return
    assert code == 130
    assert "error: interrupted" in story
    assert "Traceback" not in story
    outputs = set() if at == "build the image" else {"out", "out.tar"}
    assert {path.name for path in tmp_path.iterdir()} <= {"plugin.wasm", *outputs}
    # What is there is whole.
    if (tmp_path / "out").exists():
        assert open_layout(tmp_path / "out", "").top()
    if (tmp_path / "out.tar").exists():
        assert open_oci_archive(tmp_path / "out.tar", None).top()


def test_a_buildah_build_leaves_no_container_and_no_command(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path / "fakes")
    fakes.add("buildah", '[ "$1" != copy ] || { sleep 0.1; echo $$ >"$record/pid"; echo copying; exec sleep 20; }')
    (tmp_path / "temporary").mkdir()
    words = ("build", str(EXAMPLE), "-e", "buildah", "-t", "r.io/p/q:1", "-v")
    code, story = _interrupted(
        tmp_path, signal.SIGTERM, "copying", *words, PATH=fakes.path, TMPDIR=str(tmp_path / "temporary")
    )
    assert (code, "Traceback" in story) == (130, False)
    _, begun, *_, removed = fakes.calls()
    assert removed == ["buildah", "rm", begun[begun.index("--name") + 1]]
    assert list((tmp_path / "temporary").iterdir()) == []
    assert not is_running(int((fakes.record / "pid").read_text()))


def test_builds_side_by_side_leave_nothing(tmp_path: Path) -> None:
    write_big_module(tmp_path / "plugin.wasm", BIG)
    (tmp_path / "wasmimg.toml").write_text(
        "engine = 'embedded'\njobs = 2\n"
        + "".join(f"[plugins.{name}]\nmodule = 'plugin.wasm'\nimage = 'r.io/p/{name}:1'\n" for name in "ab")
    )
    code, story = _interrupted(tmp_path, signal.SIGINT, "build the image", "build", "-o", "oci:out")
    assert (code, "Traceback" in story) == (130, False)
    assert {path.name for path in tmp_path.iterdir()} == {"plugin.wasm", "wasmimg.toml"}


def test_an_interrupt_while_wasmimg_starts_is_no_traceback(tmp_path: Path) -> None:
    script = """
import sys, signal, importlib.abc
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "wasmimg.cli":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv = ["wasmimg", "check", "plugin.wasm"]
from wasmimg.__main__ import main
sys.exit(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (130, -signal.SIGINT)


def test_an_interrupt_inside_an_eval_is_130_and_no_end_by_signal(tmp_path: Path) -> None:
    script = """
import sys, wasmimg.cli
def interrupted(arguments):
    eval("__import__('signal').raise_signal(2)")
wasmimg.cli.run = interrupted
from wasmimg.__main__ import main
sys.exit(main())
"""
    (tmp_path / "called.py").write_text(script)
    words = [sys.executable, "-m", "called"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False)
