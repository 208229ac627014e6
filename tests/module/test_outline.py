"""What the reader takes and refuses of types, constants and names: beside each refused module one that is all but the same."""

from __future__ import annotations

import pytest

from tests.module.assembler import Import, Module, Section, custom, signature, uleb, vector, word
from wasmimg.module.host_reader import words_for
from wasmimg.module.numbers import MalformedModule
from wasmimg.module.outline import Outline, read_outline

_OPEN, _CHILD = b"\x50\0", b"\x50\1\0"  # a type without a parent that may have children, and one of type 0
_NARROW, _WIDE = b"\x5f\1\x7f\0", b"\x5f\2\x7f\0\x7e\0"  # structures of an i32, and of an i32 and an i64
_CORRUPT = "Failed to parse corrupted Wasm module"


def outline(module: Module) -> Outline:
    return read_outline(memoryview(bytes(module)))


def is_refused(module: Module) -> bool:
    try:
        outline(module)
    except MalformedModule:
        return True
    return False


@pytest.mark.parametrize(
    "types, refused",
    [
        ((_OPEN + _NARROW, _CHILD + _WIDE), False),
        ((_OPEN + _WIDE, _CHILD + _NARROW), True),
        ((_NARROW, _CHILD + _WIDE), True),
        ((b"\x4f\0" + _NARROW, _CHILD + _WIDE), True),
        ((_OPEN + _NARROW, _CHILD + signature(">")), True),
        ((_CHILD + _NARROW,), True),
        # a field that can change is of the same type, and one that cannot may be narrower
        ((_OPEN + b"\x5f\1\x6e\0", _CHILD + b"\x5f\1\x6c\0"), False),
        ((_OPEN + b"\x5f\1\x6e\1", _CHILD + b"\x5f\1\x6c\1"), True),
        ((_OPEN + b"\x5f\1\x6e\1", _CHILD + b"\x5f\1\x63\x6e\1"), False),
        ((_OPEN + b"\x5f\1\x6e\0", _CHILD + b"\x5f\1\x6e\1"), True),
        # a function takes as much as its parent, and gives no more
        ((_OPEN + b"\x60\1\x6c\1\x6e", _CHILD + b"\x60\1\x6e\1\x6c"), False),
        ((_OPEN + b"\x60\1\x6e\1\x6c", _CHILD + b"\x60\1\x6c\1\x6e"), True),
        # a function may name itself, a type of its group, and nothing behind
        ((b"\x60\1\x63\0\0",), False),
        ((b"\x4e\2\x60\1\x63\1\0" + _NARROW,), False),
        ((b"\x60\1\x63\1\0", _NARROW), True),
    ],
)
def test_a_type_is_as_its_parent(types: tuple[bytes, ...], refused: bool) -> None:
    assert is_refused(Module(types=types)) == refused


# 0 a structure of an i32, 1 its child, 2 an array of bytes, 3 a function, 4 another one, 5 the same as 0.
_TYPES = (_OPEN + _NARROW, _CHILD + _WIDE, b"\x5e\x78\1", signature(">"), signature("i>"), _OPEN + _NARROW)


@pytest.mark.parametrize(
    "type_, first, refused",
    [
        (b"\x64\0", b"\x41\1\xfb\0\0", False),
        (b"\x64\0", b"\x42\1\xfb\0\0", True),
        (b"\x64\0", b"\xfb\0\0", True),
        (b"\x64\0", b"\xfb\1\1", False),  # a child for its parent
        (b"\x64\1", b"\xfb\1\0", True),
        (b"\x64\5", b"\xfb\1\0", False),  # the same type, written twice
        (b"\x64\2", b"\x41\1\x41\1\xfb\x08\2\2", False),
        (b"\x64\2", b"\x41\1\xfb\x08\2\2", True),
        (b"\x64\2", b"\x41\1\xfb\1\2", True),  # a structure of an array's type
        (b"\x64\0", b"\xd0\0", True),
        (b"\x63\0", b"\xd0\x71", False),
        (b"\x64\x6c", b"\x41\1\xfb\x1c", False),
        (b"\x6b", b"\x41\1\xfb\x1c", True),
        (b"\x6f", b"\x41\1\xfb\x1c\xfb\x1b", False),
        (b"\x6e", b"\x41\1\xfb\x1c\xfb\x1b", True),
        (b"\x63\3", b"\xd2\0", False),
        (b"\x63\4", b"\xd2\0", True),
        (b"\x64\x70", b"\xd2\0", False),
    ],
)
def test_a_global_starts_with_what_is_of_its_type(type_: bytes, first: bytes, refused: bool) -> None:
    imports = (Import("a", "b", b"\0\3"),)
    assert is_refused(Module(types=_TYPES, imports=imports, globals=(type_ + b"\0" + first + b"\x0b",))) == refused


@pytest.mark.parametrize(
    "written, plain", [(b"\x4e\1", True), (b"\x4f\0", True), (_OPEN, False), (b"\x4e\2\x5f\0", False)]
)
def test_an_import_tells_whether_a_host_would_write_its_type(written: bytes, plain: bool) -> None:
    place = 1 if written.startswith(b"\x4e\2") else 0
    module = Module(types=(written + signature("i>i"),), imports=(Import("env", "f", b"\0" + uleb(place)),))
    (one,) = outline(module).imports
    assert (one.type, one.plain) == ("i>i", plain)


def test_names_behind_precompiled_code_need_not_be_text() -> None:
    odd, compiled = custom(b"\xff"), custom("precompiled_x")
    assert is_refused(Module(behind=(odd,)))
    assert is_refused(Module(behind=(odd, compiled)))
    assert not is_refused(Module(behind=(compiled, odd)))
    assert not is_refused(Module(behind=(custom(b"precompiled_\xff"),)))


def test_damaged_names_are_what_the_host_stumbles_over_first() -> None:
    def words(*behind: Section) -> str:
        marker = (("proxy_abi_version_0_2_1", 0, 0),)
        return words_for(memoryview(bytes(Module(exports=marker, behind=(*behind, Section(99, b""))))))

    names = vector([uleb(0) + word("f")])
    good, damaged = custom("name", b"\1" + word(names)), custom("name", b"\1" + word(names + b"\0"))
    assert words() == words(good) == words(good, damaged) == "Failed to load Wasm bytecode"
    assert words(damaged) == words(damaged, good) == _CORRUPT
