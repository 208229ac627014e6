"""What others say must not steer a terminal, and stays readable."""

from __future__ import annotations

import pytest

from wasmimg.text import plain, plain_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is: \u00e9, \u4e2d\u3000\u6587, \U0001f600", "as it is: \u00e9, \u4e2d\u3000\u6587, \U0001f600"),
        ("\x1b[31mred\x07\0", r"\x1b[31mred\x07\x00"),
        ("\u00e9\x9b2J", "\u00e9" + r"\x9b2J"),
        ("a\rb\nc\td\x7f", r"a\rb\nc\td\x7f"),
        ("right \u202e to left, \u2028 a line", r"right \u202e to left, \u2028 a line"),
        ("no text \udcff", r"no text \udcff"),
        ("", ""),
    ],
)
def test_what_steers_is_written_out(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_line_ends_and_tabs_of_a_longer_text_stay() -> None:
    assert plain_lines("one\r\n\ttwo\x1b\n\nthr\ree") == "one\n\ttwo\\x1b\n\nthr\\ree"
