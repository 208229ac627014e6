"""The section of names, as a proxy reads it when it loads a module.

Source: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc getFunctionNameIndex.
"""

from __future__ import annotations

from wasmimg.module.numbers import MalformedModule, read_u30

__all__ = ["NAMES", "check_function_names"]

NAMES = "name"  # of the section; the proxy reads the first one of that name
_FUNCTION_NAMES = 1
_WALKED = 4096  # names; a walk over all of them costs more than the rest of the module


def check_function_names(data: memoryview, start: int, end: int) -> None:
    """Raises MalformedModule where the proxy would give up on the custom section between ``start`` and ``end``.

    It reads the subsection of function names only, and of that one each entry; it does not look at
    their order or encoding.
    """
    within = data[:end]
    size, at = read_u30(within, start)
    at += size
    while at < end:
        number = within[at]
        length, body = read_u30(within, at + 1)
        at = body + length
        if at > end:
            raise MalformedModule("a list of names is cut short", body)
        if number == _FUNCTION_NAMES:
            _check_list(within, body, at)


def _check_list(data: memoryview, at: int, end: int) -> None:
    count, at = read_u30(data, at)
    # The proxy bounds these by the end of the section, and then wants the list to end where it says.
    if count > end - at:
        raise MalformedModule(f"a list of {count} names does not fit into its section", at)
    for _ in range(min(count, _WALKED)):
        if at + 3 > end:  # an index and an empty name have two bytes
            _, at = read_u30(data, at)
            size, at = read_u30(data, at)
        else:  # a call for each number would double the time
            if data[at] < 128:
                at += 1
            elif data[at + 1] < 128:
                at += 2
            else:
                _, at = read_u30(data, at)
            size, at = (data[at], at + 1) if at < end and data[at] < 128 else read_u30(data, at)
        at += size
        if at > end:
            raise MalformedModule("a name of a function is cut short", at)
    if count <= _WALKED and at != end:
        raise MalformedModule("the list of function names is not as long as it says", at)
