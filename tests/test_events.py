"""How far an upload is, is told now and then, and shown on a terminal alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.samples import OPEN, QUICK, sample
from wasmimg.cli.printing import Story
from wasmimg.consumers.selection import Consumer
from wasmimg.delivery import Delivery, deliver
from wasmimg.events import Event, told_progress
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference

MODULE = b"\0asm\1\0\0\0" + random.Random(1).randbytes(300_000)


def test_it_is_told_at_first_and_then_only_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([10.0, 10.05, 10.2, 10.21])
    monkeypatch.setattr("time.monotonic", lambda: next(moments))
    told: list[Event] = []
    hear = told_progress(told.append, "push x")
    for sent in (0, 1_000_000, 2_000_000, 3_000_000):
        hear("sha256:" + "ab" * 32, sent, 4_000_000)
    assert told == [
        Event("progress", "push x: abababababab 0.0 of 4.0 MB"),
        Event("progress", "push x: abababababab 2.0 of 4.0 MB"),
    ]


def test_a_push_tells_of_its_blobs(tmp_path: Path) -> None:
    told: list[Event] = []
    with FakeRegistry() as registry:
        reference = parse_reference(f"{registry.host}/a/bb:1")
        delivery = Delivery(Format.OCI, (reference,), True, (), (Consumer("istio"),), OPEN, QUICK)
        deliver(sample(module=MODULE), delivery, {"HOME": str(tmp_path)}, told.append)
    assert next(one.text for one in told if one.kind == "progress").endswith("of 0.3 MB")


def test_without_a_terminal_nothing_is_said_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    with Story(quiet=False, verbose=True) as story:
        story.tell(Event("progress", "push x: 1.0 of 2.0 MB"))
        story.tell(Event("step", "push x"))
    assert capfd.readouterr().err == "push x\n"
