"""What newer toolchains put into code, and code that is invalid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.module.assembler import Function, i32, i64, limits, signature, signed, uleb
from tests.module.zoo.specimen import (
    BYTECODE,
    HEADER_CODE,
    Fate,
    Specimen,
    active,
    function,
    global_,
    indexes,
    plugin,
    response,
    table,
)

_VECTOR = b"\xfd\x0c" + bytes(16)
_INVALID = "the code of functions is not read"


def specimens() -> Iterator[Specimen]:
    """The specimens of this theme."""
    yield from _features()
    yield from _exceptions()
    yield from _objects()
    yield from _memories()
    yield from _proposals()
    yield from _invalid()


def _with(name: str, what: str, code: bytes, fate: Fate = "header", **changes: Any) -> Specimen:
    """A plugin that runs ``code`` before it adds its header."""
    locals_ = changes.pop("locals", ())
    module = bytes(plugin(header=response(code, locals=locals_), **changes))
    refused = fate == "refused"
    return Specimen(name, what, module, fate, BYTECODE if refused else "", _INVALID if refused else "")


def _drop(code: bytes) -> bytes:
    return code + b"\x1a"


def _features() -> Iterator[Specimen]:
    drop = _drop
    yield _with("code-simd", "vectors", drop(_VECTOR + _VECTOR + b"\xfd\xae\1"))
    yield _with("code-relaxed-simd", "relaxed vectors", drop(_VECTOR + _VECTOR + b"\xfd\x80\2"))
    yield _with("code-relaxed-madd", "relaxed products of vectors", drop(_VECTOR * 3 + b"\xfd\x85\2"))
    yield _with("code-sign-extension", "sign extension", drop(i32(200) + b"\xc0") + drop(i64(200) + b"\xc4"))
    yield _with("code-saturating", "conversions that saturate", drop(b"\x43\0\0\xc0\x7f\xfc\0"))
    yield _with("code-bulk-copy", "memory.copy", i32(64) + i32(16) + i32(4) + b"\xfc\x0a\0\0")
    yield _with("code-bulk-fill", "memory.fill", i32(64) + i32(0) + i32(4) + b"\xfc\x0b\0")
    tables = (table(b"\x70", 4), table(b"\x6f", 2))
    yield _with(
        "code-tables",
        "table.grow, table.fill, table.copy, table.size",
        drop(b"\xd0\x70" + i32(1) + b"\xfc\x0f\0")
        + i32(0)
        + b"\xd0\x6f"
        + i32(1)
        + b"\xfc\x11\1"
        + i32(0)
        + i32(1)
        + i32(1)
        + b"\xfc\x0e\0\0"
        + drop(b"\xfc\x10\1"),
        tables=tables,
    )
    yield _with(
        "code-table-init",
        "table.init",
        i32(0) + i32(0) + i32(1) + b"\xfc\x0c\0\0",
        tables=tables,
        elements=(b"\1\0" + indexes(1),),
    )
    yield _with("code-references", "references to functions", drop(b"\xd2\1\xd1"), elements=(b"\3\0" + indexes(1),))
    yield _with(
        "code-undeclared-reference",
        "a reference to a function that nothing declares",
        drop(b"\xd2\4\xd1"),
        "refused",
        functions=(*plugin(header=response(drop(b"\xd2\4\xd1"))).functions, function(">")),
    )
    yield _with(
        "code-multi-value",
        "a block with two results",
        b"\x02" + signed(0) + i32(1) + i32(2) + b"\x0b\x1a\x1a",
        types=(signature(">ii"),),
    )
    yield _with("code-select", "a select with a type", drop(b"\xd0\x70\xd0\x70" + i32(1) + b"\x1c\1\x70"))
    tail = Function("iii>i", i32(0) + i32(0) + i32(0) + b"\x12\4")
    yield Specimen("code-tail-call", "a tail call", bytes(plugin(header=tail, more=(("inner", response()),))))
    indirect = Function("iii>i", i32(0) * 3 + i32(0) + b"\x13" + uleb(0) + b"\0")
    made = plugin(
        header=indirect,
        types=(signature("iii>i"),),
        more=(("inner", response()),),
        tables=(table(b"\x70"),),
        elements=(b"\0" + i32(0) + b"\x0b" + indexes(4),),
    )
    yield Specimen("code-tail-call-indirect", "a tail call through a table", bytes(made))
    call = Function("iii>i", i32(0) * 3 + b"\xd2\4\x14\0")
    yield Specimen(
        "code-typed-call",
        "a call through a typed reference",
        bytes(plugin(header=call, types=(signature("iii>i"),), more=(("inner", response()),))),
    )
    call = Function("iii>i", i32(0) * 3 + b"\xd2\4\x15\0")
    yield Specimen(
        "code-typed-tail-call",
        "a tail call through a typed reference",
        bytes(plugin(header=call, types=(signature("iii>i"),), more=(("inner", response()),))),
    )
    yield _with(
        "code-extended-constants",
        "a global from a sum",
        drop(b"\x23\0"),
        globals=(global_(0x7F, i32(1) + i32(2) + b"\x6a"),),
    )
    yield _with("code-locals-50000", "50,000 locals", b"", locals=((49_997, "i"),))
    yield _with("code-locals-50001", "50,001 locals", b"", "refused", locals=((50_001, "i"),))


def _exceptions() -> Iterator[Specimen]:
    tag: dict[str, Any] = {"types": (signature("i>"),), "tags": (b"\0\0",)}
    caught = b"\x06\x40" + i32(1) + b"\x08\0\x07\0\x1a\x0b"
    yield _with("code-legacy-exceptions", "try and catch as they were", caught, **tag)
    yield _with(
        "code-legacy-catch-all",
        "catch_all and rethrow as they were",
        b"\x06\x40\x06\x40" + i32(1) + b"\x08\0\x19\x09\0\x0b\x19\x0b",
        **tag,
    )
    table_ = b"\x02\x7f\x1f\x40\1\0\0\0" + i32(1) + b"\x08\0\x0b" + i32(0) + b"\x0b\x1a"
    yield _with("code-exceptions", "try_table as it is now", table_, **tag)
    reference = b"\x02\x69\x1f\x40\1\3\0" + i32(1) + b"\x08\0\x0b\x00\x0b\x1a"
    yield _with("code-exception-references", "a reference to an exception", reference, **tag)
    yield _with("code-mixed-exceptions", "both in one module", caught + table_, "refused", **tag)
    yield _with("code-uncaught", "an exception that nothing catches", i32(1) + b"\x08\0", "fails", **tag)
    yield _with("code-throw-beyond", "an exception of a tag that is not there", i32(1) + b"\x08\5", "refused", **tag)


def _objects() -> Iterator[Specimen]:
    types = (b"\x5f\1\x7f\1", b"\x5e\x78\1")
    drop = _drop
    yield _with("code-struct", "a structure", drop(i32(5) + b"\xfb\0\0\xfb\2\0\0"), types=types)
    yield _with("code-array", "an array", drop(i32(3) + b"\xfb\7\1\xfb\x0f"), types=types)
    yield _with("code-i31", "a small number", drop(i32(3) + b"\xfb\x1c\xfb\x1d"))
    yield _with("code-cast", "a test for a type", drop(b"\xfb\1\0\xfb\x14\0"), types=types)
    yield _with(
        "code-struct-bad-field",
        "a field that is not there",
        drop(i32(5) + b"\xfb\0\0\xfb\2\0\5"),
        "refused",
        types=types,
    )


def _memories() -> Iterator[Specimen]:
    drop = _drop
    wide: dict[str, Any] = {"memories": (limits(1, wide=True),), "data": (active(16, b"x-wasmimgok", wide=True),)}
    yield _with("code-wide-load", "a load from a 64-bit address", drop(i64(16) + b"\x28\2\0"), **wide)
    yield _with(
        "code-wide-narrow-load",
        "a load from a 32-bit address of a memory of 64 bits",
        drop(i32(16) + b"\x28\2\0"),
        "refused",
        **wide,
    )
    yield _with(
        "code-narrow-wide-load",
        "a load from a 64-bit address of a memory of 32 bits",
        drop(i64(16) + b"\x28\2\0"),
        "refused",
    )
    two: dict[str, Any] = {"memories": (limits(1), limits(1))}
    yield _with("code-second-memory", "a load from the second memory", drop(i32(16) + b"\x28\x42\1\0"), **two)
    yield _with(
        "code-memory-beyond",
        "a load from a memory that is not there",
        drop(i32(16) + b"\x28\x42\2\0"),
        "refused",
        **two,
    )
    yield _with("code-atomic-unshared", "an atomic load", drop(i32(16) + b"\xfe\x10\2\0"))
    shared: dict[str, Any] = {"memories": (limits(1, 2, shared=True),)}
    yield _with("code-atomic", "an atomic load from a shared memory", drop(i32(16) + b"\xfe\x10\2\0"), **shared)
    yield _with(
        "code-atomic-add",
        "an atomic sum in a shared memory",
        drop(i32(64) + i32(1) + b"\xfe\x1e\2\0") + b"\xfe\x03\0",
        **shared,
    )
    yield _with("code-notify", "a wake-up of nobody", drop(i32(64) + i32(1) + b"\xfe\0\2\0"), **shared)
    yield _with(
        "code-wait",
        "a wait in a shared memory, which ends at once",
        drop(i32(64) + i32(5) + i64(-1) + b"\xfe\1\2\0"),
        **shared,
    )
    yield _with(
        "code-wait-unshared",
        "a wait in a memory that is not shared",
        drop(i32(64) + i32(0) + i64(0) + b"\xfe\1\2\0"),
        "fails",
    )
    yield _with("code-grow", "a memory that grows", drop(i32(1) + b"\x40\0"))
    yield _with("code-grow-beyond", "a memory that cannot grow so far", drop(i32(65535) + b"\x40\0"))
    yield _with("code-misaligned", "an alignment larger than the load", drop(i32(16) + b"\x28\3\0"), "refused")


def _proposals() -> Iterator[Specimen]:
    drop = _drop
    yield _with("code-wide-arithmetic", "sums of 128 bits, a proposal", i64(0) * 4 + b"\xfc\x13\x1a\x1a", "refused")
    yield _with("code-f16", "vectors of half numbers, a proposal", drop(b"\x43" + bytes(4) + b"\xfd\xa0\2"), "refused")
    yield _with("code-string", "a string, a proposal", drop(b"\xfb\x82\1\0"), "refused")
    yield _with(
        "code-switch", "a switch of stacks, a proposal", drop(b"\xd2\1\xe0\0"), "refused", types=(signature(">"),)
    )
    yield _with("code-custom-descriptor", "a cast by description, a proposal", drop(b"\xd0\x6e\xfb\x23\0"), "refused")
    yield _with("code-pause", "a pause, a proposal", b"\xfe\4\0", "refused")
    yield _with("code-asm", "an instruction of asm.js", drop(i32(1) + i32(1) + b"\xd3"), "refused")


def _invalid() -> Iterator[Specimen]:
    yield _with("invalid-opcode", "an instruction that is none", b"\xff", "refused")
    yield _with("invalid-underflow", "a result of nothing", b"\x1a", "refused")
    yield _with("invalid-left-over", "a value too many", i32(0), "refused")
    yield _with("invalid-type", "an i64 for an i32", i64(0) + b"\x45\x1a", "refused")
    yield _with("invalid-local", "a local that is not there", b"\x20\x4d\x1a", "refused")
    yield _with("invalid-global", "a global that is not there", b"\x23\x4d\x1a", "refused")
    yield _with(
        "invalid-global-set",
        "a constant global that is set",
        i32(0) + b"\x24\0",
        "refused",
        globals=(global_(0x7F, i32(0)),),
    )
    yield _with("invalid-call", "a call of what is not there", b"\x10\x4d", "refused")
    yield _with("invalid-branch", "a branch to nowhere", b"\x0c\x09", "refused")
    yield _with("invalid-block", "a block that does not end", b"\x02\x40", "refused")
    yield _with("invalid-end", "an end too many", b"\x0b", "refused")
    yield _with("invalid-block-type", "a block of a type that is not there", b"\x02\x4d\x0b", "refused")
    yield _with("invalid-table", "a call through a table that is not there", i32(0) + b"\x11\0\0", "refused")
    yield _with("invalid-element", "an element segment that is not there", b"\xfc\x0d\0", "refused")
    yield _with("invalid-padding", "a constant in six bytes", b"\x41\x80\x80\x80\x80\x80\0\x1a", "refused")
    body = Function("iii>i", body=b"\0" + HEADER_CODE + i32(0))
    yield Specimen("invalid-no-end", "code without an end", bytes(plugin(header=body)), "refused", BYTECODE, _INVALID)
    body = Function("iii>i", body=b"\1\5\x40" + HEADER_CODE + i32(0) + b"\x0b")
    yield Specimen(
        "invalid-local-type", "locals of a type that is none", bytes(plugin(header=body)), "refused", BYTECODE, _INVALID
    )
    flipped = bytearray(bytes(plugin()))
    flipped[flipped.rindex(b"\x1a")] ^= 1
    yield Specimen("invalid-bit", "a flipped bit in the code", bytes(flipped), "refused", BYTECODE, _INVALID)
    dead = (("dead", Function(">", b"\xff")),)
    yield Specimen(
        "invalid-never-called",
        "an unknown instruction in a function that nobody calls",
        bytes(plugin(more=dead)),
        "refused",
        BYTECODE,
        _INVALID,
    )
