"""What the fetchers differ in, as data: the rules of each by release, every one with its source."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Change", "Rules", "at_release"]


class Rules(NamedTuple):
    """A fetcher. What all have in common is in fetcher.py.

    ``one_layer``: exactly one is wanted, instead of taking the last. ``tar_limit`` is in bytes of
    the unpacked tar, ``artifact_limit`` of a bare module, None where all is read; above it the
    module is refused if ``artifact_words`` are there, and else cut off. ``tells_size``: a
    plugin.wasm above the limit is refused by its header. ``allocates``: memory for every entry is
    taken at once. ``checks_length``: a blob must have the length that its descriptor says before
    it is read. ``lists_errors``: two errors are counted and listed, instead of standing in a line each.
    ``budget`` is the time for the whole fetch in seconds.
    """

    one_layer: bool
    tar_limit: int | None
    artifact_limit: int | None
    artifact_words: str
    tells_size: bool
    allocates: bool
    checks_length: bool
    lists_errors: bool
    untagged_is_always: bool
    budget: float


class Change(NamedTuple):
    """From ``since`` on, rule ``name`` is ``value``; ``source`` says where that was read."""

    since: tuple[int, int]
    name: str
    value: Any
    source: str


def at_release(first: Rules, changes: tuple[Change, ...], release: tuple[int, int] | None) -> Rules:
    """The rules of ``release``, None being the newest."""
    found = {change.name: change.value for change in changes if release is None or change.since <= release}
    return first._replace(**found)
