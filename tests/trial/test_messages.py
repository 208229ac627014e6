"""How messages are compared."""

from __future__ import annotations

from wasmimg.trial.messages import BodyReader, Change, compare, readable


def test_added_changed_and_removed_in_this_order() -> None:
    before = ((":status", "200"), ("server", "envoy"), ("x-old", "1"), ("vary", "a"))
    after = (("vary", "a"), ("vary", "b"), ("server", "other"), ("x-new", "2"), (":status", "200"))
    assert compare(before, after) == (
        Change("added", "x-new", (), ("2",)),
        Change("changed", "vary", ("a",), ("a", "b")),
        Change("changed", "server", ("envoy",), ("other",)),
        Change("removed", "x-old", ("1",), ()),
    )


def test_the_same_headers_in_another_order_are_no_change() -> None:
    assert compare((("a", "1"), ("b", "2")), (("b", "2"), ("a", "1"))) == ()


def test_the_time_is_no_change_but_its_absence_is() -> None:
    assert compare((("date", "yesterday"),), (("date", "today"),)) == ()
    assert [one.kind for one in compare((("date", "yesterday"),), ())] == ["removed"]


def test_the_end_of_a_connection_is_no_change() -> None:
    assert compare((("a", "1"),), (("connection", "close"), ("a", "1"))) == ()


def test_a_body_in_pieces_is_that_body() -> None:
    whole, pieces = BodyReader(), BodyReader()
    whole.take(b"x" * 5000)
    for _ in range(5):
        pieces.take(b"x" * 1000)
    assert whole.body() == pieces.body()
    assert (whole.body().size, len(whole.body().excerpt)) == (5000, 1000)
    pieces.take(b"y")
    assert whole.body() != pieces.body()


def test_a_value_of_bytes_is_readable() -> None:
    assert readable("\xc3\xa9t\xe9") == "\u00e9t\ufffd"
