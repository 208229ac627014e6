"""certs.d, as docker and podman have it: which files count, where they lie, and what they are good for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.stores.fake_registry import FakeRegistry
from tests.stores.network import CERTIFICATE, CLIENT, resolve, server_tls
from tests.stores.samples import OPEN, QUICK, bytes_of, connect, no_pauses, parts_of, sample, stored
from wasmimg.errors import NetworkFailed, UsageError
from wasmimg.stores import trust
from wasmimg.stores.credentials import Access
from wasmimg.stores.trust import Certificates, certificate_folders, find_certificates

_HOST = "registry.test:5000"
_OF_THE_USER = (".config/containers/certs.d", ".config/docker/certs.d")


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Path, ...]:
    """Folders in place of /etc/containers/certs.d and /etc/docker/certs.d."""
    folders = tmp_path / "etc-containers", tmp_path / "etc-docker"
    monkeypatch.setattr(trust, "_SYSTEM", folders)
    return folders


def _home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def _put(folder: Path, **files: Path | str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / name.replace("_", ".")
        if isinstance(content, Path):
            shutil.copy(content, target)
        else:
            target.write_text(content)
    return folder


def _read(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, access: Access = OPEN) -> None:
    text = stored(registry, sample()).replace(registry.host, _HOST)
    resolve(monkeypatch, {("registry.test", 5000): registry.port})
    with connect(text, access=access, environment=_home(tmp_path), policy=QUICK) as client:
        assert bytes_of(client.open()) == parts_of(sample())


@pytest.mark.parametrize("place", ["etc-containers", "etc-docker", *(f"home/{one}" for one in _OF_THE_USER)])
def test_an_authority_in_any_of_the_folders_makes_a_registry_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    _put(tmp_path / place / _HOST, ca_crt=CERTIFICATE)
    with FakeRegistry(tls=server_tls()) as registry:
        _read(registry, monkeypatch, tmp_path)


@pytest.mark.parametrize("name", ["registry.test", "registry.test:5001", "other.test:5000"])
def test_the_folder_of_another_registry_makes_none_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    _put(tmp_path / "etc-docker" / name, ca_crt=CERTIFICATE)
    with FakeRegistry(tls=server_tls()) as registry, pytest.raises(NetworkFailed, match="cannot be trusted"):
        _read(registry, monkeypatch, tmp_path)


def test_only_crt_is_an_authority(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _put(tmp_path / "etc-docker" / _HOST, ca_pem=CERTIFICATE, ca_txt=CERTIFICATE)
    with FakeRegistry(tls=server_tls()) as registry, pytest.raises(NetworkFailed, match="cannot be trusted"):
        _read(registry, monkeypatch, tmp_path)


def test_a_ca_file_stands_in_for_the_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _put(tmp_path / "etc-docker" / _HOST, ca_crt=CERTIFICATE)
    with FakeRegistry(tls=server_tls()) as registry, pytest.raises(NetworkFailed, match="cannot be trusted"):
        _read(registry, monkeypatch, tmp_path, Access(ca_file=CLIENT))


@pytest.mark.parametrize("access", [OPEN, Access(ca_file=CERTIFICATE), Access(all_insecure=True)])
def test_our_certificate_is_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, access: Access) -> None:
    _put(tmp_path / "etc-docker" / _HOST, ca_crt=CERTIFICATE, me_cert=CLIENT, me_key=CLIENT)
    with FakeRegistry(tls=server_tls(client=CLIENT)) as registry:
        _read(registry, monkeypatch, tmp_path, access)


def test_a_registry_that_wants_our_certificate_and_gets_none_is_class_7_at_once_with_a_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pauses = no_pauses(monkeypatch)
    with FakeRegistry(tls=server_tls(client=CLIENT)) as registry:
        with pytest.raises(NetworkFailed, match="wants another certificate from us") as caught:
            _read(registry, monkeypatch, tmp_path, Access(ca_file=CERTIFICATE))
        assert "certs.d" in (caught.value.hint or "")
        assert (pauses, registry.seen) == ([], [])


@pytest.mark.parametrize("half, other", [("me_cert", "me.key"), ("me_key", "me.cert")])
def test_half_a_pair_is_a_usage_error(tmp_path: Path, half: str, other: str) -> None:
    _put(tmp_path / "etc-docker" / _HOST, **{half: CLIENT})
    with pytest.raises(UsageError, match=other):
        find_certificates(_HOST, _home(tmp_path))


@pytest.mark.parametrize("content", ["", "no certificate\n"])
def test_an_authority_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    folder = _put(tmp_path / "etc-docker" / _HOST, ca_crt=content)
    with FakeRegistry(tls=server_tls()) as registry, pytest.raises(UsageError, match=str(folder / "ca.crt")):
        _read(registry, monkeypatch, tmp_path)


def test_a_key_that_does_not_fit_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = _put(tmp_path / "etc-docker" / _HOST, me_cert=CLIENT, me_key=CERTIFICATE)
    with FakeRegistry(tls=server_tls()) as registry, pytest.raises(UsageError, match=str(folder / "me.cert")) as caught:
        _read(registry, monkeypatch, tmp_path)
    assert "PRIVATE" not in f"{caught.value.reason}{caught.value.hint}"


def test_what_may_not_be_read_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _put(tmp_path / "etc-docker" / _HOST, me_cert=CLIENT, me_key=CLIENT)
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith(".key"))
    assert find_certificates(_HOST, _home(tmp_path)) == Certificates()


def test_a_file_in_place_of_a_folder_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "etc-docker").write_text("")
    assert find_certificates(_HOST, _home(tmp_path)) == Certificates()


def test_the_first_pair_is_shown_and_every_authority_counts(tmp_path: Path, system: tuple[Path, ...]) -> None:
    for folder in (*system, tmp_path / "home" / _OF_THE_USER[0]):
        _put(folder / _HOST, ca_crt=CERTIFICATE, a_cert=CLIENT, a_key=CLIENT, b_cert=CLIENT, b_key=CLIENT)
    found = find_certificates(_HOST, _home(tmp_path))
    first = tmp_path / "home" / _OF_THE_USER[0] / _HOST
    assert found.client == (first / "a.cert", first / "a.key")
    assert [file.parents[1].name for file in found.authorities] == ["certs.d", "etc-containers", "etc-docker"]


def test_docker_hub_has_folders_by_its_names(tmp_path: Path) -> None:
    folders = list(certificate_folders("index.docker.io", _home(tmp_path)))
    assert {folder.name for folder in folders} == {"docker.io", "registry-1.docker.io"}


def test_a_folder_for_settings_of_its_own_is_heeded(tmp_path: Path) -> None:
    folders = list(certificate_folders(_HOST, {**_home(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "xdg")}))
    assert tmp_path / "xdg" / "docker" / "certs.d" / _HOST in folders


def test_the_system_folders_are_those_of_docker_and_podman(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert [str(folder) for folder in certificate_folders(_HOST, {})] == [
        f"/etc/containers/certs.d/{_HOST}",
        f"/etc/docker/certs.d/{_HOST}",
    ]
