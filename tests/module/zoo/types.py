"""The type section: functions, structures, arrays, groups and parents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Function, Import, signature, uleb, vector
from tests.module.zoo.specimen import BYTECODE, INSTANCE, Specimen, function, global_, plugin, response

_FUNCTION = signature(">")


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _functions()
    yield from _objects()
    yield from _groups()
    yield from _parents()
    yield from _callbacks()
    yield from _tags()


def _one(name: str, what: str, *types: bytes, good: bool = True, **changes: Any) -> Specimen:
    module = bytes(plugin(types=types, **changes))
    return Specimen(f"type-{name}", what, module, "header" if good else "refused", "" if good else BYTECODE)


def _functions() -> Iterator[Specimen]:
    yield _one("unused", "a type that nothing has", signature("iIfFv>ivx"))
    yield _one("twice", "the same type twice", _FUNCTION, _FUNCTION)
    yield _one("form-bad", "of an unknown form", b"\x61\0\0", good=False)
    yield _one("form-0", "of the form 0", b"\0\0\0", good=False)
    yield _one("form-7f", "a number for a form", b"\x7f\0\0", good=False)
    yield _one("form-padded", "a form in two bytes", b"\xe0\x7f\0\0", good=False)
    yield _one("value-bad", "a parameter of a type that is none", b"\x60\1\x40\0", good=False)
    yield _one("value-0", "a parameter of the type 0", b"\x60\1\0\0", good=False)
    yield _one("value-i8", "a packed parameter", b"\x60\1\x78\0", good=False)
    yield _one("value-f16", "half a number, a proposal", b"\x60\1\x76\0", good=False)
    yield _one("value-stringref", "a string, a proposal", b"\x60\1\x67\0", good=False)
    yield _one("value-contref", "a stack, a proposal", b"\x60\1\x68\0", good=False)
    yield _one("value-shared-any", "a shared reference, a proposal", b"\x60\1\x63\x65\x6e\0", good=False)
    yield _one("value-exact", "an exact reference, a proposal", b"\x60\1\x63\x62\0\0", good=False)
    yield _one("value-reference-cut", "a reference to nothing", b"\x60\1\x63", good=False)
    yield _one("value-reference-beyond", "a reference to a type that is not there", b"\x60\1\x63\x4d\0", good=False)
    yield _one("value-reference-large", "a reference to the type 2^31", b"\x60\1\x63\x80\x80\x80\x80\x08\0", good=False)
    yield _one(
        "value-reference-padded",
        "a reference to a function in five bytes",
        _FUNCTION,
        b"\x60\1\x63\x80\x80\x80\x80\0\0",
    )
    yield _one("value-heap-padded", "any function, in five bytes", b"\x60\1\x63\xf0\xff\xff\xff\x7f\0", good=True)
    yield _one("value-heap-unknown", "a heap type that is none", b"\x60\1\x63\x40\0", good=False)
    yield _one("value-heap-i32", "a reference to a number", b"\x60\1\x63\x7f\0", good=False)
    yield _one("value-heap-i31", "a reference to small numbers", b"\x60\1\x64\x6c\0")
    yield _one("parameters-1000", "1,000 parameters", signature("i" * 1000 + ">"))
    yield _one("parameters-1001", "1,001 parameters", signature("i" * 1001 + ">"), good=False)
    yield _one("results-1000", "1,000 results", signature(">" + "i" * 1000))
    yield _one("results-1001", "1,001 results", signature(">" + "i" * 1001), good=False)
    yield _one("parameters-huge", "2^32 - 1 parameters", b"\x60\xff\xff\xff\xff\x0f", good=False)
    yield _one("parameters-cut", "fewer parameters than it says", b"\x60\x09\x7f\x7f", good=False)
    yield _one("parameters-padded", "numbers in five bytes", b"\x60" + uleb(1, 5) + b"\x7f" + uleb(0, 5))
    yield _one("many", "3,000 types", *(signature("i" * (place % 50) + ">") for place in range(3000)))


def _objects() -> Iterator[Specimen]:
    yield _one("struct", "a structure", b"\x5f\2\x7f\0\x7e\1")
    yield _one("struct-empty", "a structure of nothing", b"\x5f\0")
    yield _one("struct-packed", "a structure of bytes", b"\x5f\2\x78\0\x77\1")
    yield _one("struct-itself", "a structure that refers to itself", b"\x5f\1\x63\0\1")
    yield _one("struct-later", "a structure that refers to the next type", b"\x5f\1\x63\1\1", b"\x5f\0", good=False)
    yield _one("struct-bad-change", "a field that is neither constant nor not", b"\x5f\1\x7f\2", good=False)
    yield _one("struct-cut", "fewer fields than it says", b"\x5f\5\x7f\0", good=False)
    yield _one("struct-bad-field", "a field of a type that is none", b"\x5f\1\x40\0", good=False)
    yield _one("struct-10000", "10,000 fields", b"\x5f" + uleb(10_000) + b"\x7f\0" * 10_000)
    yield _one("struct-10001", "10,001 fields", b"\x5f" + uleb(10_001) + b"\x7f\0" * 10_001, good=False)
    yield _one("array", "an array", b"\x5e\x7f\1")
    yield _one("array-packed", "an array of bytes", b"\x5e\x78\1")
    yield _one("array-bad-change", "elements that are neither constant nor not", b"\x5e\x7f\2", good=False)
    yield _one("continuation", "a stack, a proposal", _FUNCTION, b"\x5d\0", good=False)
    yield _one("shared-struct", "a shared structure, a proposal", b"\x65\x5f\0", good=False)
    yield _one("descriptor", "a structure with a descriptor, a proposal", b"\x4e\2\x4d\1\x5f\0\x4c\0\x5f\0", good=False)
    struct = b"\x5f\0"
    yield _one(
        "function-of-struct",
        "a function whose type is a structure",
        struct,
        functions=(*plugin().functions, Function(0)),
        good=False,
    )


def _groups() -> Iterator[Specimen]:
    yield _one("group", "a group of two", b"\x4e" + vector([_FUNCTION, b"\x5f\0"]))
    yield _one("group-empty", "a group of none", b"\x4e\0")
    yield _one(
        "group-mutual",
        "two structures that refer to each other",
        b"\x4e" + vector([b"\x5f\1\x63\1\1", b"\x5f\1\x63\0\1"]),
    )
    yield _one(
        "group-beyond",
        "a group that refers to what is behind it",
        b"\x4e" + vector([b"\x5f\1\x63\1\1"]),
        b"\x5f\0",
        good=False,
    )
    yield _one("group-in-group", "a group in a group", b"\x4e\1\x4e\1" + _FUNCTION, good=False)
    yield _one("group-cut", "fewer types than it says", b"\x4e\x20" + _FUNCTION, good=False)
    yield _one("group-huge", "a group of 2^32 - 1", b"\x4e\xff\xff\xff\xff\x0f", good=False)
    yield _one("groups-same", "the same group twice", *(b"\x4e" + vector([_FUNCTION, b"\x5f\0"]),) * 2)


def _parents() -> Iterator[Specimen]:
    open_, struct = b"\x50\0", b"\x5f\1\x7f\0"
    wider = b"\x5f\2\x7f\0\x7e\0"
    yield _one("open", "a type that may have children", open_ + struct)
    yield _one("final", "a type that may have none, said so", b"\x4f\0" + struct)
    yield _one("child", "a structure with a parent", open_ + struct, b"\x4f\1\0" + wider)
    yield _one(
        "child-of-final", "a child of a type that may have none", b"\x4f\0" + struct, b"\x4f\1\0" + wider, good=False
    )
    yield _one("child-of-plain", "a child of a type that says nothing", struct, b"\x4f\1\0" + wider, good=False)
    yield _one("child-narrower", "a child with fewer fields", open_ + wider, b"\x4f\1\0" + struct, good=False)
    yield _one(
        "child-of-other-form",
        "a function with a structure for a parent",
        open_ + struct,
        b"\x4f\1\0" + _FUNCTION,
        good=False,
    )
    yield _one("child-of-itself", "its own parent", b"\x50\1\0" + struct, good=False)
    yield _one("child-of-later", "a parent that comes later", b"\x50\1\1" + struct, open_ + struct, good=False)
    yield _one("parents-two", "two parents", open_ + struct, b"\x50\2\0\0" + struct, good=False)
    yield _one("parent-beyond", "a parent that is not there", b"\x50\1\x4d" + struct, good=False)
    yield _one("child-function", "a function with a parent", open_ + _FUNCTION, b"\x50\1\0" + _FUNCTION)
    yield _one(
        "child-function-other",
        "a function with another one's parent",
        open_ + _FUNCTION,
        b"\x50\1\0" + signature("i>"),
        good=False,
    )
    yield _one("child-array", "an array with a parent", open_ + b"\x5e\x6e\0", b"\x50\1\0\x5e\x6d\0")
    yield _one(
        "child-array-changing",
        "an array that can change, with a wider parent",
        open_ + b"\x5e\x6e\1",
        b"\x50\1\0\x5e\x6d\1",
        good=False,
    )
    chain = [open_ + struct, *(b"\x50\1" + uleb(place) + struct for place in range(62))]
    yield _one("ancestors-62", "62 ancestors", *chain)
    yield _one("ancestors-64", "64 ancestors", *chain, b"\x50\1\x3e" + struct, b"\x50\1\x3f" + struct, good=False)


def _callbacks() -> Iterator[Specimen]:
    """The type of the callback and of an import written in other ways."""
    plain = signature("iii>i")
    functions = plugin().functions
    for name, written in {
        "group": b"\x4e" + vector([plain]),
        "final": b"\x4f\0" + plain,
        "open": b"\x50\0" + plain,
    }.items():
        own = (*functions[:2], response()._replace(type=0))
        yield _one(f"callback-{name}", "the type of a callback, written so", written, functions=own)
    log = signature("iii>i")
    imports = (Import("env", "proxy_log", b"\0\0"),)
    yield _one("import-group", "an import whose type is a group by itself", b"\x4e" + vector([log]), imports=imports)
    # To V8 these are other types than the host function's, and the host does not tell them apart.
    for name, written in {"open": b"\x50\0" + log, "group-of-two": b"\x4e" + vector([log, b"\x5f\0"])}.items():
        made = bytes(plugin(types=(written,), imports=imports))
        yield Specimen(f"type-import-{name}", "an import whose type is not the host's", made, "refused", INSTANCE)
    marker = (*functions[:2], response())
    yield _one(
        "marker-group",
        "a marker whose type is within a group",
        b"\x4e" + vector([_FUNCTION, b"\x5f\0"]),
        functions=(Function(0), *marker[1:]),
    )


def _tags() -> Iterator[Specimen]:
    def one(
        name: str,
        what: str,
        *tags: bytes,
        good: bool = True,
        types: tuple[bytes, ...] = (_FUNCTION,),
        **changes: Any,
    ) -> Specimen:
        module = bytes(plugin(tags=tags, types=types, **changes))
        return Specimen(f"tag-{name}", what, module, "header" if good else "refused", "" if good else BYTECODE)

    yield one("plain", "a tag", b"\0\0")
    yield one("carrying", "a tag that carries numbers", b"\0\0", types=(signature("iIfF>"),))
    yield one("giving", "a tag that gives something", b"\0\0", types=(signature(">i"),), good=False)
    yield one("attribute-1", "a tag that is no exception", b"\1\0", good=False)
    yield one("type-beyond", "a tag of a type that is not there", b"\0\x4d", good=False)
    yield one("of-struct", "a tag whose type is a structure", b"\0\0", types=(b"\x5f\0",), good=False)
    yield one("many", "300 tags", *(b"\0\0",) * 300)
    yield one("carrying-references", "a tag that carries references", b"\0\0", types=(signature("rxa>"),))
    unused = (("extra", function("i>i")),)
    yield one(
        "and-globals",
        "a tag beside globals and more functions",
        b"\0\0",
        globals=(global_(0x7F, b"\x41\0"),),
        more=unused,
    )
