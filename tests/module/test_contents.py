"""What a module is made of, as it is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wasmimg.module.contents import read_contents
from wasmimg.module.producers import Tool

EXAMPLE = (Path(__file__).parent.parent.parent / "examples" / "add-header" / "plugin.wasm").read_bytes()


def _custom(name: str, content: bytes) -> bytes:
    body = bytes([len(name)]) + name.encode() + content
    return b"\0" + bytes([len(body)]) + body


def _vector(*items: bytes) -> bytes:
    return bytes([len(items)]) + b"".join(items)


def _word(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


PRODUCERS = _custom(
    "producers",
    _vector(
        _word("language") + _vector(_word("Rust") + _word("")),
        _word("processed-by") + _vector(_word("rustc") + _word("1.80"), _word("clang") + _word("18")),
    ),
)


def test_the_example_is_understood() -> None:
    contents = read_contents(memoryview(EXAMPLE))
    assert (contents.kind, contents.abi, contents.tools, contents.fault) == ("core", "0.2.1", (), "")
    assert sum(size for _, size in contents.sizes) == len(EXAMPLE) == contents.size
    assert dict(contents.sizes)["code"] == 28


def test_the_tools_and_the_custom_sections_are_told_apart() -> None:
    module = EXAMPLE + PRODUCERS + _custom("name", b"x" * 10) + _custom(".debug_info", b"y" * 20) + _custom("else", b"")
    contents = read_contents(memoryview(module))
    assert contents.tools == (
        Tool("language", "Rust", ""),
        Tool("processed-by", "rustc", "1.80"),
        Tool("processed-by", "clang", "18"),
    )
    sizes = dict(contents.sizes)
    assert (sizes["names"], sizes["debug"]) == (15, 32)
    assert sum(sizes.values()) == len(module)


@pytest.mark.parametrize(
    ("data", "kind"),
    [(b"", "empty"), (b"\0asm\x0d\0\1\0", "component"), (b"hello", "text"), (b"\0asm\1\0\0\0", "core")],
)
def test_what_is_no_plugin_is_shown_as_what_it_is(data: bytes, kind: str) -> None:
    contents = read_contents(memoryview(data))
    assert (contents.kind, contents.abi) == (kind, None)


def test_a_module_that_is_cut_short_is_shown_as_damaged() -> None:
    assert "cut short" in read_contents(memoryview(EXAMPLE[:-20])).fault


@given(st.binary(max_size=300), st.integers(min_value=0, max_value=len(EXAMPLE + PRODUCERS)))
def test_no_bytes_are_a_crash(noise: bytes, at: int) -> None:
    whole = EXAMPLE + PRODUCERS
    read_contents(memoryview(whole[:at] + noise + whole[at:]))
    read_contents(memoryview(b"\0asm\1\0\0\0" + noise))
