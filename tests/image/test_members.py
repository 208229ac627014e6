"""A layer that wasmimg made holds the tar it was made of, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasmimg.errors import ImageRefused
from wasmimg.image.layer import Layer, build_layer, compress_tar, open_in_tar
from wasmimg.image.unpack import check_members, gunzip


@pytest.fixture(params=[0, 1, 511, 512, 513, 600_000, 1_500_000])
def layer(request: pytest.FixtureRequest, tmp_path: Path) -> Layer:
    module = b"\0asm\1\0\0\0" + bytes(range(256)) * (request.param // 256 + 1)
    path = tmp_path / "plugin.wasm"
    path.write_bytes(module[: request.param])
    with open_in_tar(path, 7) as opened:
        assert bytes(opened.module) == module[: request.param]
        made = compress_tar(opened.tar, opened.module)
    same = build_layer(memoryview(module[: request.param]), mtime=7)
    assert made._replace(tar=None) == same
    return made


def test_the_tar_is_what_the_members_hold(layer: Layer) -> None:
    blob = b"".join(layer.chunks)
    assert layer.tar is not None
    check_members(blob, layer.members, layer.tar)
    assert gunzip(blob) == layer.tar


@pytest.mark.parametrize("at", [0, 130, -1])
def test_another_tar_is_refused(at: int, layer: Layer) -> None:
    assert layer.tar is not None
    other = bytearray(layer.tar)
    other[at] ^= 1
    with pytest.raises(ImageRefused, match="does not hold the tar"):
        check_members(b"".join(layer.chunks), layer.members, memoryview(other))


def test_a_longer_and_a_shorter_tar_are_refused(layer: Layer) -> None:
    assert layer.tar is not None
    for other in (bytes(layer.tar) + bytes(512), bytes(layer.tar)[:-512]):
        with pytest.raises(ImageRefused):
            check_members(b"".join(layer.chunks), layer.members, memoryview(other))


@pytest.mark.parametrize("at", [12, -6])
def test_a_damaged_member_is_refused(at: int, layer: Layer) -> None:
    assert layer.tar is not None
    blob = bytearray(b"".join(layer.chunks))
    blob[at] ^= 0xFF
    with pytest.raises(ImageRefused):
        check_members(bytes(blob), layer.members, layer.tar)
