"""Our verdict on an image beside that of the real fetcher."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

from integration.calling import clean_environment, succeed
from integration.fetchers import Answer, Ask, Fetcher
from integration.fetchers.building import PROGRAMS, find_go, wanted_go
from integration.registry.shapes import Parts
from tests.stores.fake_registry import FakeRegistry
from tests.stores.samples import connect
from wasmimg.consumers.fetcher import Fetched, Shelf, fetch
from wasmimg.consumers.selection import parse_consumer

_JSON = re.compile(r"json: .*|invalid character .*|unexpected (?:end of JSON input|EOF).*|illegal base64 .*", re.DOTALL)


class Pair(NamedTuple):
    """What we say a consumer does with an image, and what it did."""

    shape: str
    consumer: str
    ours: Fetched
    theirs: Answer

    @property
    def equal(self) -> bool:
        """The verdict is the same; so are the bytes of the module, or the words that we quote."""
        verdict = self.ours.verdict
        if verdict.accepted != self.theirs.accepted:
            return False
        if not verdict.accepted:
            return quoted_in(verdict.words, self.theirs.error)
        assert self.ours.module is not None
        return hashlib.sha256(self.ours.module).hexdigest() == self.theirs.module

    def __str__(self) -> str:
        ours = self.ours.verdict.words or "accepted"
        return f"{self.shape}, {self.consumer}\n  ours:   {ours}\n  theirs: {self.theirs.error or 'accepted'}"


def quoted_in(ours: str, theirs: str) -> bool:
    """Whether ``ours`` is in ``theirs``, where white space is all one and ``…`` is anything."""
    if _quoted_in(ours, theirs):
        return True
    # From 1.27 on Go's encoding/json has other words; only what it complains of is compared then.
    return has_new_json() and _quoted_in(_JSON.sub("json", ours), _JSON.sub("json", theirs))


def _quoted_in(ours: str, theirs: str) -> bool:
    pieces = (re.escape(" ".join(piece.split())) for piece in ours.split("…"))
    return re.search(".*?".join(pieces), " ".join(theirs.split())) is not None


@cache
def has_new_json() -> bool:
    """Whether the programs are built by a Go of 1.27 or newer."""
    version = succeed(find_go(max(map(wanted_go, PROGRAMS.values()))), "version", environment=clean_environment())
    found = re.search(r"go(\d+)\.(\d+)", version)
    assert found is not None
    return (int(found[1]), int(found[2])) >= (1, 27)


def house(registry: FakeRegistry, repository: str, parts: Parts) -> str:
    """Put an image there as it is, whatever it is; its reference."""
    registry.blobs |= {(repository, digest): data for digest, data in parts.blobs.items()}
    registry.manifests |= {(repository, digest): one for digest, one in parts.manifests.items()}
    registry.manifests[repository, "v1"] = parts.manifests[parts.top]
    return f"{registry.host}/{repository}:v1"


def pairs(references: dict[str, str], fetchers: dict[str, Fetcher]) -> list[Pair]:
    """Every image, by shape, with every consumer; raises Died."""
    with ThreadPoolExecutor(len(fetchers)) as pool:
        said = pool.map(lambda one: list(_answers(references.values(), one)), fetchers.values())
        theirs = dict(zip(fetchers, said, strict=True))
    return [
        Pair(shape, consumer, ours, theirs[consumer][number])
        for number, (shape, reference) in enumerate(references.items())
        for consumer, ours in judged(reference, fetchers).items()
    ]


def _answers(references: Iterable[str], fetcher: Fetcher) -> Iterator[Answer]:
    return (fetcher.ask(Ask(f"oci://{reference}")) for reference in references)


def judged(reference: str, consumers: Iterable[str]) -> dict[str, Fetched]:
    """What we say of an image, by consumer."""
    with connect(reference) as client:
        shelf = Shelf(client.open())
        return {consumer: fetch(shelf, parse_consumer(consumer)) for consumer in consumers}


def table(compared: list[Pair], seconds: float) -> str:
    """A line for each shape: consumer by consumer what we say, what it did, and whether that is the same."""
    consumers = list(dict.fromkeys(pair.consumer for pair in compared))
    shapes: dict[str, list[str]] = {}
    for pair in compared:
        ours, theirs = (("refuses", "takes")[taken] for taken in (pair.ours.verdict.accepted, pair.theirs.accepted))
        shapes.setdefault(pair.shape, []).append(f"{ours:8}{theirs:8}{'yes' if pair.equal else 'NO':6}")
    wide = max(map(len, shapes)) + 2
    equal = sum(pair.equal for pair in compared)
    return "\n".join(
        [
            "",
            " " * wide + "".join(f"{consumer:22}" for consumer in consumers),
            f"{'shape':{wide}}" + f"{'ours':8}{'theirs':8}{'equal':6}" * len(consumers),
            *(f"{shape:{wide}}" + "".join(cells) for shape, cells in shapes.items()),
            f"{len(shapes)} shapes, {len(consumers)} consumers: {equal} of {len(compared)} verdicts are equal ({seconds:.1f} s)",
        ]
    )
