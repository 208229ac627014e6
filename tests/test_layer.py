"""The layer: same module, same bytes, and any reader finds one file in it."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from wasmimg.errors import UsageError, WasmimgError
from wasmimg.image.dockerfile import check_dockerfile
from wasmimg.image.layer import build_layer
from wasmimg.image.reference import parse_reference
from wasmimg.job import Request, plan_jobs
from wasmimg.module.rules import check_module

EXAMPLE = Path(__file__).parent.parent / "examples" / "add-header" / "plugin.wasm"


def test_layer_is_one_regular_file() -> None:
    data = EXAMPLE.read_bytes()
    layer = build_layer(memoryview(data))
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(b"".join(layer.chunks)))) as tar:
        (member,) = tar.getmembers()
        file = tar.extractfile(member)
        assert file is not None
        assert (member.name, member.isreg(), member.mode, member.uid, member.mtime) == (
            "plugin.wasm",
            True,
            0o644,
            0,
            0,
        )
        assert file.read() == data


def test_members_do_not_change_with_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    data = memoryview(EXAMPLE.read_bytes() * 20_000)
    one = build_layer(data)
    monkeypatch.setattr("wasmimg.parallel._cores", lambda: 1)
    assert build_layer(data) == one


@pytest.mark.parametrize(
    "text", ["Host/Repo", "localhost/x", "127.0.0.1:5000/x:1", "a/b@sha256:12", "a/b:sha256:" + "0" * 64]
)
def test_malformed_references_are_usage_errors(text: str) -> None:
    with pytest.raises(UsageError):
        parse_reference(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM scratch\nCOPY a.wasm ./plugin.wasm\nCOPY b ./\n", ":3:"),
        ("FROM alpine\nCOPY plugin.wasm ./\n", ":1:"),
        ("FROM scratch\nCOPY plugin.wasm ./\nRUN true\n", ":3:"),
    ],
)
def test_dockerfile_faults_name_their_line(text: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_dockerfile(text)
    assert line in (caught.value.reason or "")


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "WI101"), (b"\0asm\x0d\0\x01\0", "WI103"), (b"hello", "WI100"), (EXAMPLE.read_bytes()[:100], "WI105")],
)
def test_bad_modules_have_a_code(data: bytes, code: str) -> None:
    assert [finding.code for finding in check_module(memoryview(data))] == [code]


def test_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "wasmimg.toml").write_text('registr = "x.io/y"\n')
    with pytest.raises(WasmimgError, match="did you mean 'registry'"):
        plan_jobs(Request(module=EXAMPLE, references=("x.io/y/z:1",)), {}, tmp_path)
