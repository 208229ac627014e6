"""The section of names, as a proxy reads it when it loads a module.

Source: proxy-wasm/proxy-wasm-cpp-host src/bytecode_util.cc getFunctionNameIndex.
"""

from __future__ import annotations

from wasmimg.module.numbers import MalformedModule, read_u32
from wasmimg.module.reader import Section

__all__ = ["check_function_names"]

_FUNCTION_NAMES = 1
_WALKED = 1000  # names; a walk over all of them costs more than the rest of the module


def check_function_names(data: memoryview, section: Section) -> None:
    """Raises MalformedModule where the proxy would give up.

    It reads the subsection of function names only, and of that one each entry; it does not look at
    their order or encoding.
    """
    end = section.start + section.size
    within = data[:end]
    size, start = read_u32(within, section.start)
    at = start + size
    while at < end:
        number = within[at]
        length, body = read_u32(within, at + 1)
        at = body + length
        if at > end:
            raise MalformedModule("a list of names is cut short", body)
        if number == _FUNCTION_NAMES:
            _check_list(within, body, at)


def _check_list(data: memoryview, at: int, end: int) -> None:
    count, at = read_u32(data, at)
    # The proxy bounds these by the end of the section, and then wants the list to end where it says.
    if count > end - at:
        raise MalformedModule(f"a list of {count} names does not fit into its section", at)
    for _ in range(min(count, _WALKED)):
        _, at = read_u32(data, at)
        size, at = read_u32(data, at)
        at += size
        if at > end:
            raise MalformedModule("a name of a function is cut short", at)
    if count <= _WALKED and at != end:
        raise MalformedModule("the list of function names is not as long as it says", at)
