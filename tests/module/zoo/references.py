"""Types that V8 has and its C interface, which Envoy uses, has not: it gives up, and Envoy ends with it.

Within a module each of them is fine; what counts is whether an import or an export shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from tests.module.assembler import Function, Import, Module, limits, signature
from tests.module.zoo.specimen import BYTECODE, INSTANCE, MARKER, MISSING, UNREACHABLE, Fate, Specimen, plugin

# 0 is a function's type, 1 a structure's, 2 an array's.
_TYPES = (signature(">"), b"\x5f\0", b"\x5e\x7f\0")


class _Type(NamedTuple):
    code: bytes
    first: bytes  # an instruction that makes such a value
    shown: bool  # whether an import or an export may have it
    nullable: bool = True


_ALL = {
    "v128": _Type(b"\x7b", b"\xfd\x0c" + bytes(16), False),
    "funcref": _Type(b"\x70", b"\xd0\x70", True),
    "externref": _Type(b"\x6f", b"\xd0\x6f", True),
    "anyref": _Type(b"\x6e", b"\xd0\x6e", False),
    "eqref": _Type(b"\x6d", b"\xd0\x6d", False),
    "i31ref": _Type(b"\x6c", b"\xd0\x6c", False),
    "structref": _Type(b"\x6b", b"\xd0\x6b", False),
    "arrayref": _Type(b"\x6a", b"\xd0\x6a", False),
    "exnref": _Type(b"\x69", b"\xd0\x69", False),
    "nullref": _Type(b"\x71", b"\xd0\x71", False),
    "nullexternref": _Type(b"\x72", b"\xd0\x72", False),
    "nullfuncref": _Type(b"\x73", b"\xd0\x73", False),
    "nullexnref": _Type(b"\x74", b"\xd0\x74", False),
    "ref-null-func": _Type(b"\x63\x70", b"\xd0\x70", True),
    "ref-null-extern": _Type(b"\x63\x6f", b"\xd0\x6f", True),
    "ref-func": _Type(b"\x64\x70", b"\xd2\1", True, False),
    "ref-null-of-function": _Type(b"\x63\0", b"\xd0\0", False),
    "ref-of-function": _Type(b"\x64\0", b"\xd2\1", False, False),
    "ref-null-of-struct": _Type(b"\x63\1", b"\xd0\1", False),
    "ref-of-struct": _Type(b"\x64\1", b"\xfb\1\1", False, False),
    "ref-null-of-array": _Type(b"\x63\2", b"\xd0\2", False),
    "ref-i31": _Type(b"\x64\x6c", b"\x41\0\xfb\x1c", False, False),
}


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    for place, (name, type_) in enumerate(_ALL.items()):
        yield Specimen(f"inside-{name}", f"{name} within the module", bytes(_inside(type_)))
        yield _shown(f"export-takes-{name}", type_, _exported(type_))
        # Each place that shows a type in turn: all of them together are the same to Envoy.
        what, make = list(_PLACES.items())[place % len(_PLACES)]
        if type_.code != b"\x7b" or "table" not in what:
            yield _shown(f"{what}-{name}", type_, make(type_), MISSING if what.startswith("import-global") else "")
    for name in ("v128", "funcref", "ref-null-of-function"):
        made = plugin(types=(*_TYPES, b"\x60\1" + _ALL[name].code + b"\0"), imports=(Import("env", "x", b"\0\3"),))
        yield _shown(f"import-takes-{name}", _ALL[name], made, MISSING)
    yield from _tables()
    yield from _orders()


def _shown(name: str, type_: _Type, module: Module, words: str = "") -> Specimen:
    fate: Fate = "header"
    if not type_.shown:
        fate, words = "crashes", UNREACHABLE
    elif words:
        fate = "refused"
    return Specimen(name, name.replace("-", " "), bytes(module), fate, words)


def _inside(type_: _Type) -> Module:
    """A function that takes it, a global and a table of it, and none is exported."""
    one = Function(3)
    tables = (b"\x40\0" + type_.code + limits(1) + type_.first + b"\x0b",) if type_.code != b"\x7b" else ()
    return plugin(
        types=(*_TYPES, b"\x60\1" + type_.code + b"\0"),
        functions=(*plugin().functions, one),
        globals=(type_.code + b"\0" + type_.first + b"\x0b",),
        tables=tables,
    )


def _exported(type_: _Type) -> Module:
    return plugin(types=(*_TYPES, b"\x60\1" + type_.code + b"\0"), more=(("extra", Function(3)),))


def _giving(type_: _Type) -> Module:
    return plugin(types=(*_TYPES, b"\x60\0\1" + type_.code), more=(("extra", Function(3, b"\0")),))


def _global(type_: _Type) -> Module:
    return plugin(types=_TYPES, globals=(type_.code + b"\0" + type_.first + b"\x0b",), names=(("extra", 3, 0),))


def _table(type_: _Type) -> Module:
    one = b"\x40\0" + type_.code + limits(1) + type_.first + b"\x0b"
    return plugin(types=_TYPES, tables=(one,), names=(("extra", 1, 0),))


def _imported_global(type_: _Type) -> Module:
    return plugin(types=_TYPES, imports=(Import("env", "extra", b"\3" + type_.code + b"\0"),))


_PLACES: dict[str, Callable[[_Type], Module]] = {
    "export-gives": _giving,
    "export-global": _global,
    "export-table": _table,
    "import-global": _imported_global,
}


def _tables() -> Iterator[Specimen]:
    for name in (
        "funcref",
        "externref",
        "ref-null-func",
        "anyref",
        "exnref",
        "ref-null-of-function",
        "ref-null-of-struct",
    ):
        made = plugin(types=_TYPES, imports=(Import("env", "table", b"\1" + _ALL[name].code + limits(1)),))
        yield _shown(f"import-table-of-{name}", _ALL[name], made)
    for name in ("ref-func", "ref-of-function", "ref-i31"):
        own = plugin(types=_TYPES, tables=(_ALL[name].code + limits(1),))
        yield Specimen(f"table-without-value-{name}", "a table that cannot be empty", bytes(own), "refused", BYTECODE)
    imported = plugin(imports=(Import("env", "table", b"\1\x64\x70" + limits(1)),))
    yield Specimen("import-table-of-ref-func", "a table that cannot be empty", bytes(imported), "refused", INSTANCE)


def _orders() -> Iterator[Specimen]:
    vector = Function("v>")
    unknown, odd = Import("env", "unknown", ">"), Import("env", "odd", "v>")
    yield Specimen(
        "crash-and-no-marker",
        "an export of v128, without a marker",
        bytes(plugin(marker=None, more=(("x", vector),))),
        "refused",
        MARKER,
    )
    yield Specimen(
        "crash-and-no-malloc",
        "an export of v128, without malloc",
        bytes(plugin(malloc=None, more=(("x", vector),))),
        "crashes",
        UNREACHABLE,
    )
    yield Specimen(
        "crash-behind-missing",
        "an export of v128 and an unknown import",
        bytes(plugin(imports=(unknown,), more=(("x", vector),))),
        "refused",
        MISSING,
    )
    yield Specimen(
        "crash-before-missing",
        "an import of v128 behind an unknown one",
        bytes(plugin(imports=(unknown, odd))),
        "crashes",
        UNREACHABLE,
    )
    two = tuple(Import("env", name, b"\2" + limits(1)) for name in ("one", "two"))
    missing_first = plugin(imports=(unknown, *two), memories=(), memory=None)
    yield Specimen(
        "two-memories-behind-missing", "an unknown import before two memories", bytes(missing_first), "refused", MISSING
    )
