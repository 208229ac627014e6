"""``wasmimg verify``: what a user sees, and what a script reads."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.registry.shapes import COMPONENT, GOOD, LAYER, MODULE, Parts, image, index, on, one, tar
from tests.cli.calling import Cli, caller
from tests.stores.fake_registry import FakeRegistry
from wasmimg.image.manifest import digest_of


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield caller(tmp_path, monkeypatch, capfd)
    for number, handler in before.items():
        signal.signal(number, handler)


def _layout(folder: Path, parts: Parts) -> str:
    """``parts`` as a layout, with blobs that need not be what their names say."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for digest, data in {**parts.blobs, **{key: raw for key, (_, raw) in parts.manifests.items()}}.items():
        (blobs / digest.removeprefix("sha256:")).write_bytes(data)
    media_type, raw = parts.manifests[parts.top]
    entry = {"mediaType": media_type, "digest": parts.top, "size": len(raw)}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    return f"oci:{folder.name}"


def test_an_image_that_all_take(cli: Cli, tmp_path: Path) -> None:
    said = cli("verify", _layout(tmp_path / "out", GOOD))
    assert (said.code, said.err) == (0, "")
    assert [line.split()[-2:] for line in said.out.splitlines()[:3]] == [["takes", "it"]] * 3
    for name, digest in (("manifest", GOOD.top), ("layer", digest_of(LAYER)), ("module", digest_of(MODULE))):
        assert any(line.split()[:2] == [name, digest] for line in said.out.splitlines())
    assert "warning" not in said.out


def test_a_refusal_is_told_with_words_meaning_and_a_command_that_works(cli: Cli, tmp_path: Path) -> None:
    said = cli("verify", _layout(tmp_path / "out", image(("application/wasm", MODULE))))
    assert said.code == 8
    lines = [line.strip() for line in said.out.splitlines()]
    assert "Istio          refuses it" in lines
    assert "* could not parse as oci variant: number of layers must be 2 but got 1" in lines
    assert any(line.startswith("that is: the layer is the bare module") for line in lines)
    command = next(line for line in lines if line.startswith("try: ")).removeprefix("try: wasmimg ")
    assert cli(*command.split()).code == 0
    mended = cli("verify", command.split()[-1], "--json")
    assert (mended.code, mended.json["digests"]["module"]) == (0, digest_of(MODULE))


def test_a_component_is_taken_by_every_fetcher_and_is_3(cli: Cli, tmp_path: Path) -> None:
    said = cli("verify", _layout(tmp_path / "out", one(tar(("plugin.wasm", COMPONENT)))))
    assert said.code == 3
    assert "error WI103: it is a component" in said.out
    assert "refuses" not in said.out


def test_damage_that_no_fetcher_notices_is_accepted_and_warned_of(cli: Cli, tmp_path: Path) -> None:
    changed = LAYER[:9] + b"\x07" + LAYER[10:]
    source = _layout(tmp_path / "out", GOOD._replace(blobs={**GOOD.blobs, digest_of(LAYER): changed}))
    said = cli("verify", source)
    assert said.code == 0
    assert f"warning WV111: the layer is damaged: its bytes are {digest_of(changed)}" in said.out
    assert cli("convert", source, "-o", "oci:two").code == 8  # what wasmimg itself reads must be right
    assert not (tmp_path / "two").exists()


def test_a_size_that_lies_is_refused_and_was_accepted_before(cli: Cli, tmp_path: Path) -> None:
    source = _layout(tmp_path / "out", GOOD._replace(blobs={**GOOD.blobs, digest_of(LAYER): LAYER + b"more"}))
    said = cli("verify", source, "--for", "istio@1.22")
    assert said.code == 0
    assert f"warning WV112: the layer has {len(LAYER) + 4} bytes" in said.out
    said = cli("verify", source, "--for", "istio@1.22", "--for", "istio")
    assert said.code == 8
    assert f"Content-Length header {len(LAYER) + 4} does not match expected size {len(LAYER)}" in said.out


def test_the_json_has_the_documented_fields(cli: Cli, tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent.parent / "docs" / "verify.md").read_text(encoding="utf-8")
    for name, parts, code in (
        ("good", index((GOOD, on("linux", "amd64"))), 0),
        ("bad", one(tar(("x", MODULE))), 8),
    ):
        said = cli("verify", _layout(tmp_path / name, parts), "--json")
        report = said.json
        assert said.code == report["exit_code"] == code
        assert list(report) == [
            "schema",
            "source",
            "wire",
            "exit_code",
            "accepted",
            "loads",
            "verdicts",
            "findings",
            "warnings",
            "format",
            "variant",
            "digests",
            "sizes",
        ]
        assert all(f"| `{field}`" in text for field in report)
        assert {"consumer", "decides", "accepted", "words", "meaning", "fix"} == set(report["verdicts"][0])
        assert [verdict["decides"] for verdict in report["verdicts"]] == [True, False, False]
        assert all(f"| {warned['code']} |" in text for warned in report["warnings"])
    good = cli("verify", "oci:good", "--json").json
    assert good["digests"] == {
        "index": index((GOOD, on("linux", "amd64"))).top,
        "manifest": GOOD.top,
        "layer": digest_of(LAYER),
        "module": digest_of(MODULE),
    }
    assert (good["loads"], good["format"], good["variant"], good["sizes"]) == (
        True,
        "oci",
        "compat",
        {"layer": len(LAYER), "module": len(MODULE)},
    )
    bad = cli("verify", "oci:bad", "--json").json
    assert (bad["accepted"], bad["loads"], bad["digests"]) == (False, None, None)


def test_an_archive_is_judged_as_a_push_would_make_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plugin.wasm").write_bytes(MODULE)
    assert cli("build", "plugin.wasm", "-f", "docker", "-e", "embedded", "-o", "docker-archive:a.tar").code == 0
    said = cli("verify", "docker-archive:a.tar")
    assert said.code == 0
    assert said.out.startswith("docker-archive:a.tar has no wire format; it is judged as a push would make it")


def test_an_image_in_a_registry_is_read_once(cli: Cli) -> None:
    with FakeRegistry() as registry:
        for digest, data in GOOD.blobs.items():
            registry.blobs["a/b", digest] = data
        registry.put_manifest("a/b", "v1", GOOD.manifests[GOOD.top][1], GOOD.manifests[GOOD.top][0])
        assert cli("verify", f"{registry.host}/a/b:v1").code == 0
        seen = [str(one) for one in registry.seen]
        assert len(seen) == len(set(seen)) == 3, seen  # manifest, layer, config
        said = cli("verify", f"{registry.host}/a/b:v2")
        assert said.code == 8
        assert "error:" in said.err


def test_quiet_shows_no_digests(cli: Cli, tmp_path: Path) -> None:
    said = cli("verify", "-q", _layout(tmp_path / "out", GOOD))
    assert "sha256:" not in said.out
    assert "takes it" in said.out
