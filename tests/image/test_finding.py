"""The one module is found in whatever it was packed into, and nothing is guessed between two."""

from __future__ import annotations

import contextlib
import gzip
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stores.tars import tar_of
from wasmimg.errors import ImageRefused
from wasmimg.image.finding import find_modules, the_one_module

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MODULE = b"\0asm\1\0\0\0" + b"\0\2\1x"
OTHER = b"\0asm\1\0\0\0" + b"\0\2\1y"


def _found(*layers: bytes) -> list[tuple[str, int, str]]:
    return [(one.path, one.layer, one.compression) for one in find_modules(layers)]


@pytest.mark.parametrize(
    ("layer", "path", "compression"),
    [
        (MODULE, "", ""),
        (gzip.compress(MODULE), "", "gzip"),
        (zstd.compress(MODULE), "", "zstd"),
        (tar_of(("plugin.wasm", MODULE)), "plugin.wasm", ""),
        (gzip.compress(tar_of(("./plugin.wasm", MODULE))), "plugin.wasm", "gzip"),
        (zstd.compress(tar_of(("a/b/filter", MODULE), ("README", b"x"))), "a/b/filter", "zstd"),
        (gzip.compress(tar_of(("plugin.wasm/", "/"), ("plugin.wasm/x.wasm", MODULE))), "plugin.wasm/x.wasm", "gzip"),
        (tar_of(("../../plugin.wasm", MODULE)), "plugin.wasm", ""),
        (tar_of(("x" * 200 + ".wasm", MODULE)), "x" * 200 + ".wasm", ""),
    ],
)
def test_a_layer_of_any_make_is_read(layer: bytes, path: str, compression: str) -> None:
    assert _found(layer) == [(path, 1, compression)]
    assert bytes(find_modules([layer])[0].data) == MODULE


def test_several_members_and_frames_are_one_stream() -> None:
    tar = tar_of(("plugin.wasm", MODULE))
    for pack in (gzip.compress, zstd.compress):
        assert _found(pack(tar[:700]) + pack(tar[700:]))[0][0] == "plugin.wasm"


@pytest.mark.parametrize(
    ("upper", "paths"),
    [
        (tar_of(("b.txt", b"x")), ["a.wasm"]),
        (tar_of(("a.wasm", OTHER)), ["a.wasm"]),
        (tar_of(("a.wasm", b"no module")), []),
        (tar_of((".wh.a.wasm", b"")), []),
        (tar_of((".wh..wh..opq", b"")), []),
        (tar_of((".wh..wh..opq", b""), ("b.wasm", MODULE)), ["b.wasm"]),
        (tar_of(("c.wasm", "=> a.wasm")), ["a.wasm", "c.wasm"]),
        (tar_of(("a.wasm", "-> elsewhere")), []),
        (b'{"spec": 1}', ["a.wasm"]),
        (b"", ["a.wasm"]),
    ],
)
def test_layers_are_laid_over_each_other(upper: bytes, paths: list[str]) -> None:
    assert [path for path, _, _ in _found(tar_of(("a.wasm", MODULE)), gzip.compress(upper))] == paths


def test_a_whiteout_of_a_folder_takes_what_is_in_it() -> None:
    assert _found(tar_of(("dir/a.wasm", MODULE), ("dirt.wasm", MODULE)), tar_of((".wh.dir", b""))) == [
        ("dirt.wasm", 1, "")
    ]


def test_copies_of_one_module_are_one_module() -> None:
    found = find_modules([tar_of(("a.wasm", MODULE), ("b.wasm", MODULE)), MODULE])
    assert bytes(the_one_module(found, "here").data) == MODULE


def test_between_two_modules_nothing_is_guessed() -> None:
    found = find_modules([tar_of(("plugin.wasm", MODULE)), tar_of(("other.wasm", OTHER))])
    with pytest.raises(ImageRefused, match="there are 2 modules in here") as caught:
        the_one_module(found, "here")
    assert caught.value.reason == "plugin.wasm in layer 1\nother.wasm in layer 2"


@pytest.mark.parametrize("layers", [[], [b""], [b"text"], [tar_of(("a.txt", b"x"))], [bytes(10_240)]])
def test_where_there_is_none_that_is_said(layers: list[bytes]) -> None:
    with pytest.raises(ImageRefused, match="there is no module in here"):
        the_one_module(find_modules(layers), "here")


@pytest.mark.parametrize(
    "layer",
    [
        gzip.compress(tar_of(("plugin.wasm", MODULE)))[:-9],
        zstd.compress(tar_of(("plugin.wasm", MODULE)))[:-5],
        tar_of(("plugin.wasm", MODULE + bytes(2000)))[:1500],
        gzip.compress(bytes(300 * 1024 * 1024), 1),
        zstd.compress(bytes(300 * 1024 * 1024), 1),
    ],
    ids=["gzip cut short", "zstd cut short", "tar cut short", "gzip bomb", "zstd bomb"],
)
def test_damage_and_bombs_are_refused(layer: bytes) -> None:
    with pytest.raises(ImageRefused):
        find_modules([layer])


@given(
    st.lists(st.binary(max_size=2000), max_size=3),
    st.sampled_from([b"", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", tar_of(("a", b"b"))[:600]]),
)
def test_no_bytes_do_more_than_be_refused(layers: list[bytes], head: bytes) -> None:
    with contextlib.suppress(ImageRefused):
        find_modules(head + layer for layer in layers)
