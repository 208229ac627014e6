"""The two ways to name a place: SOURCE, where an image is read, and -o, where it goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.network import resolve
from tests.stores.samples import NOBODY, ONCE, OPEN, bytes_of, parts_of, sample, stored
from wasmimg.errors import FileSystemFailed, ImageRefused, NetworkFailed, NoEngine, UsageError, WasmimgError
from wasmimg.events import silent
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference
from wasmimg.stores.archive import write_docker_archive, write_oci_archive
from wasmimg.stores.layout import write_layout
from wasmimg.stores.places import OUTPUT_KINDS, Output, open_source, parse_output


def _read(text: str) -> tuple[bytes, bytes, bytes]:
    with open_source(text, access=OPEN, environment=NOBODY, policy=ONCE, tell=silent) as opened:
        return bytes_of(opened)


@pytest.mark.parametrize("kind", OUTPUT_KINDS)
@pytest.mark.parametrize(
    "path, expected",
    [
        ("out", "/here/out"),
        ("a/b.tar", "/here/a/b.tar"),
        ("/abs/out", "/abs/out"),
        ("a:b", "/here/a:b"),
        ("a b", "/here/a b"),
        ("../out", "/here/../out"),
    ],
)
def test_an_output_is_read_from_where_the_user_stands(kind: str, path: str, expected: str) -> None:
    output = parse_output(f"{kind}:{path}", Path("/here"))
    assert output == Output(kind, Path(expected))
    assert str(output) == f"{kind}:{expected}"


@pytest.mark.parametrize(
    "text, near",
    [
        ("", None),
        ("out", None),
        ("oci", None),
        ("oci:", None),
        (":out", None),
        ("docker-archive:", None),
        ("registry:out", None),
        ("OCI:out", None),
        ("oci-archiv:out", "oci-archive"),
        ("docker-arcive:out", "docker-archive"),
        ("oic:out", "oci"),
        ("docker-daemon:app:v1", None),
        ("/abs/out", None),
    ],
)
def test_an_output_that_is_not_understood_is_a_usage_error_with_the_known_ones(text: str, near: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        parse_output(text, Path("/here"))
    assert caught.value.exit_code == 2
    assert repr(text) in caught.value.message
    assert near is None or f"did you mean {near}:?" in caught.value.message
    for kind in OUTPUT_KINDS:
        assert f"{kind}:" in (caught.value.hint or "")


_REFERENCES = tuple(map(parse_reference, ("ghcr.io/acme/app:v1", "ghcr.io/acme/app:latest")))


@pytest.mark.parametrize("kind", OUTPUT_KINDS)
@pytest.mark.parametrize("references", [_REFERENCES, _REFERENCES[:1], ()], ids=["two names", "one name", "no name"])
def test_what_is_written_is_read_back(tmp_path: Path, kind: str, references: tuple[object, ...]) -> None:
    image = sample(Format.DOCKER)
    output = parse_output(f"{kind}:out", tmp_path)
    output.check()
    output.write(image, references)  # type: ignore[arg-type]
    assert bytes_of(output.open(references)) == parts_of(image)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == ["out"]


def test_a_layout_calls_the_image_by_its_first_name(tmp_path: Path) -> None:
    parse_output("oci:out", tmp_path).write(sample(), _REFERENCES)
    for name in ("ghcr.io/acme/app:v1", "v1"):
        assert _read(f"oci:{tmp_path}/out:{name}") == parts_of(sample())
    with pytest.raises(ImageRefused, match="called 'latest'"):
        _read(f"oci:{tmp_path}/out:latest")


def test_a_docker_archive_calls_the_image_by_all_its_names(tmp_path: Path) -> None:
    parse_output("docker-archive:out", tmp_path).write(sample(Format.DOCKER), _REFERENCES)
    for name in ("ghcr.io/acme/app:v1", "ghcr.io/acme/app:latest"):
        assert _read(f"docker-archive:{tmp_path}/out:{name}") == parts_of(sample(Format.DOCKER))


def test_a_name_of_docker_hub_is_written_in_full(tmp_path: Path) -> None:
    references = (parse_reference("app:v1"),)
    parse_output("oci:out", tmp_path).write(sample(), references)
    assert _read(f"oci:{tmp_path}/out:docker.io/library/app:v1") == parts_of(sample())


def test_an_image_without_a_name_is_read_back_among_others(tmp_path: Path) -> None:
    output = parse_output("oci:out", tmp_path)
    output.write(sample(), _REFERENCES)
    output.write(sample(labels=(("n", "1"),)), ())
    assert bytes_of(output.open(())) == parts_of(sample(labels=(("n", "1"),)))


@pytest.mark.parametrize("kind", OUTPUT_KINDS)
def test_an_output_in_the_way_is_found_before_anything_is_built(tmp_path: Path, kind: str) -> None:
    (tmp_path / "out").write_bytes(b"precious")
    with pytest.raises(FileSystemFailed, match="is in the way"):
        parse_output(f"{kind}:out", tmp_path).check()
    for folder in ("gone", "x" * 300):
        with pytest.raises(FileSystemFailed, match="does not exist"):
            parse_output(f"{kind}:{folder}/out", tmp_path).check()


def _oci(path: Path) -> None:
    write_layout(path, sample(), "ghcr.io/acme/app:v1")


def _oci_archive(path: Path) -> None:
    write_oci_archive(path, sample(), ["ghcr.io/acme/app:v1"])


def _docker_archive(path: Path) -> None:
    write_docker_archive(path, sample(Format.DOCKER), ["ghcr.io/acme/app:v1"])


_WRITERS: dict[str, Callable[[Path], None]] = {
    "oci": _oci,
    "oci-archive": _oci_archive,
    "docker-archive": _docker_archive,
}


@pytest.mark.parametrize("kind", _WRITERS)
@pytest.mark.parametrize("path", ["in", "a:b", "a b", "localhost:5000"])
@pytest.mark.parametrize("name", ["", ":ghcr.io/acme/app:v1"])
def test_a_source_is_a_path_and_perhaps_a_name(tmp_path: Path, kind: str, path: str, name: str) -> None:
    _WRITERS[kind](tmp_path / path)
    form = Format.DOCKER if kind == "docker-archive" else Format.OCI
    assert _read(f"{kind}:{tmp_path / path}{name}") == parts_of(sample(form))


def test_a_source_may_be_relative(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    _oci(tmp_path / "in")
    for text in ("oci:in", "oci:./in", "oci:in/", "oci:in:v1", "oci:./in:ghcr.io/acme/app:v1"):
        assert _read(text) == parts_of(sample())


@pytest.mark.parametrize("prefix", ["docker://", ""])
def test_a_reference_is_read_from_its_registry(prefix: str) -> None:
    with FakeRegistry() as registry:
        assert _read(prefix + stored(registry, sample())) == parts_of(sample())


@pytest.mark.parametrize("kind", OUTPUT_KINDS)
@pytest.mark.parametrize("path", ["gone", "gone:v1", "gone/er:ghcr.io/a/b:v1"])
def test_a_source_that_is_not_there_is_a_usage_error(tmp_path: Path, kind: str, path: str) -> None:
    with pytest.raises(UsageError, match=f"no such file: {tmp_path}/gone"):
        _read(f"{kind}:{tmp_path}/{path}")


@pytest.mark.parametrize("kind", OUTPUT_KINDS)
def test_a_source_without_a_path_is_a_usage_error(kind: str) -> None:
    with pytest.raises(UsageError):
        _read(f"{kind}:")


@pytest.mark.parametrize(("kind", "program"), [("docker-daemon", "docker"), ("containers-storage", "buildah")])
def test_a_local_store_is_read_by_its_engine(kind: str, program: str) -> None:
    nowhere = {**NOBODY, "PATH": "/nonexistent"}
    with pytest.raises(NoEngine, match=f"{program} is not installed"):
        with open_source(f"{kind}:acme/app:v1", access=OPEN, environment=nowhere, policy=ONCE, tell=silent):
            pass
    with pytest.raises(UsageError, match="upper-case"):
        _read(f"{kind}:acme/App:v1")


def test_a_bare_folder_or_file_is_a_usage_error_that_names_the_prefix(tmp_path: Path) -> None:
    _oci(tmp_path / "layout")
    _oci_archive(tmp_path / "in.tar")
    with pytest.raises(UsageError) as folder:
        _read(str(tmp_path / "layout"))
    assert folder.value.hint == f"an OCI layout is named oci:{tmp_path / 'layout'}"
    with pytest.raises(UsageError) as file:
        _read(str(tmp_path / "in.tar"))
    assert f"oci-archive:{tmp_path / 'in.tar'}" in (file.value.hint or "")


@pytest.mark.parametrize("text", ["nothing", "nothing.wasm", "app:v1", "dir:", "nothing:at:all"])
def test_a_word_that_is_no_file_and_no_reference_says_both(text: str) -> None:
    with pytest.raises(UsageError, match="no such file") as caught:
        _read(text)
    assert f"docker://{text}" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "docker://",
        "docker:///",
        "docker://UPPER/x",
        "docker://a/b:c:d",
        "docker://https://ghcr.io/a/b",
        "a/B",
        "./nothing/here",
        "/no/such/file",
        "dir:/tmp",
        "https://ghcr.io/a/b",
    ],
)
def test_a_malformed_reference_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        _read(text)


@pytest.mark.parametrize(
    "text", ["ghcr.io/" + "a" * 300, "a/" * 3000 + "a", "oci:" + "a" * 300, "oci-archive:/" + "a" * 5000, "x" * 5000]
)
def test_a_source_that_is_too_long_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        _read(text)


def test_what_opening_raises_comes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve(monkeypatch, {})
    with pytest.raises(NetworkFailed, match="not known"):
        _read("docker://registry.test/acme/app:v1")


@pytest.mark.parametrize("kind", _WRITERS)
def test_another_kind_of_place_than_was_said_is_no_crash(tmp_path: Path, kind: str) -> None:
    for other, write in _WRITERS.items():
        write(tmp_path / other)
        if other != kind:
            with pytest.raises(WasmimgError) as caught:
                _read(f"{kind}:{tmp_path / other}")
            assert caught.value.exit_code in (8, 9)
