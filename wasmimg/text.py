"""Text of others on a terminal: what a module, a plugin or a file says must not steer it."""

from __future__ import annotations

import re

__all__ = ["plain", "plain_lines"]

_KEPT = frozenset("\u3000")  # a space of Chinese and Japanese, which Python takes for unprintable
_LINE_END = re.compile(r"\r?\n")


def plain(text: str) -> str:
    """``text`` on one line: control characters, and others that do not show, as Python writes them (``\\x1b``)."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in _KEPT else ascii(one)[1:-1] for one in text)


def plain_lines(text: str) -> str:
    """The same for a text of several lines: line ends and tabs stay."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in _LINE_END.split(text))
