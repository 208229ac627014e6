"""What the tests share: real engines, real registries, a real plugin."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from integration.calling import clean_environment
from integration.examples.building import build_examples
from integration.fetchers import Fetcher
from integration.fetchers.building import build_programs
from integration.services import Dockerd, Registry

ENGINES = ("docker", "buildah", "podman", "embedded")
FORMATS = ("oci", "docker")
EVERY_WAY = [(engine, form) for engine in ENGINES for form in FORMATS]


@pytest.fixture(scope="session")
def plugins() -> dict[str, Path]:
    """The newest of each of the plugins in PyPI's gpustack-higress-plugins, by name."""
    import gpustack_higress_plugins

    (root,) = gpustack_higress_plugins.__path__
    found = {path.parent.parent.name: path for path in sorted(Path(root).rglob("plugin.wasm"))}
    assert len(found) == 14, sorted(found)
    return found


@pytest.fixture(scope="session")
def plugin(plugins: dict[str, Path]) -> Path:
    """A real plugin of 6.5 MB."""
    return plugins["transformer"]


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: that of a Unix socket has at most 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="wi-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def dockerd(short_folder: Path) -> Iterator[Dockerd]:
    with Dockerd(short_folder / "docker") as daemon:
        assert isinstance(daemon, Dockerd)
        yield daemon


@pytest.fixture(scope="session")
def storage(short_folder: Path) -> Path:
    """A storage.conf with a store for buildah that is not the machine's."""
    file = short_folder / "storage.conf"
    root, run = short_folder / "containers", short_folder / "run"
    file.write_text(f'[storage]\ndriver = "overlay"\ngraphroot = "{root}"\nrunroot = "{run}"\n')
    return file


@pytest.fixture
def environment(dockerd: Dockerd, storage: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user with both engines, an empty home, and no credentials."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    (home / ".docker").mkdir(parents=True)
    # buildah refuses a DOCKER_CONFIG without the file.
    (home / ".docker" / "config.json").write_text("{}")
    temporary.mkdir()
    return clean_environment(
        HOME=str(home),
        DOCKER_CONFIG=str(home / ".docker"),
        DOCKER_HOST=dockerd.address,
        CONTAINERS_STORAGE_CONF=str(storage),
        TMPDIR=str(temporary),
    )


@pytest.fixture(scope="session")
def registry(short_folder: Path) -> Iterator[str]:
    """HOST:PORT of a registry that lets everybody in."""
    with Registry(short_folder / "registry") as service:
        assert isinstance(service, Registry)
        yield service.host


@pytest.fixture(scope="session")
def locked_registry(short_folder: Path) -> Iterator[str]:
    """HOST:PORT of a registry that knows one user, ``anna`` with the password ``right``."""
    with Registry(short_folder / "locked", {"anna": "right"}) as service:
        assert isinstance(service, Registry)
        yield service.host


@pytest.fixture(autouse=True, scope="session")
def as_root() -> None:
    """dockerd and mounts need root, and a test that cannot run must not pass."""
    assert os.geteuid() == 0, "integration/ runs as root"


@pytest.fixture(scope="session")
def example() -> Path:
    """The plugin of 213 bytes."""
    return Path(__file__).parent.parent / "examples" / "add-header" / "plugin.wasm"


@pytest.fixture(scope="session")
def programs() -> dict[str, Path]:
    """The programs by consumer; they are kept outside of the work tree, since building them takes minutes."""
    return build_programs(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasmimg-integration")


@pytest.fixture(scope="session")
def fetchers(programs: dict[str, Path]) -> Iterator[dict[str, Fetcher]]:
    """The fetchers by consumer. The modules that they write are large, and go when the tests are done."""
    with tempfile.TemporaryDirectory(prefix="wasmimg-fetchers-") as folder, ExitStack() as running:
        yield {
            consumer: running.enter_context(Fetcher(program, Path(folder, consumer)))
            for consumer, program in programs.items()
        }


@pytest.fixture(scope="session")
def built_examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The module of each example, by the name of its plugin."""
    return build_examples(tmp_path_factory.mktemp("built"))
