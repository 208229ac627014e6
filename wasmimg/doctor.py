"""What this machine has for building images, and what follows from it."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from wasmimg.config import Config
from wasmimg.engines.base import ENGINES, Order, own_push, refuse_engine
from wasmimg.engines.docker import DockerFacts, wants_signature, why_not_direct
from wasmimg.engines.probe import STAND_IN, choose, paired_engine
from wasmimg.errors import NoEngine, UsageError, WasmimgError
from wasmimg.image.manifest import ImageSpec
from wasmimg.image.media_types import Format
from wasmimg.image.reference import parse_reference

__all__ = ["AuthFile", "EngineState", "Report", "Setting", "examine"]

_PATIENCE = 5.0  # seconds for each answer
_SECRET = re.compile(r"[^/@]*@")


class EngineState(NamedTuple):
    """An engine: ``facts`` are what it says of itself, ``follows`` what that means for a build.

    One that does not work has ``problem`` and ``hint`` instead.
    """

    name: str
    works: bool
    path: str = ""
    facts: Mapping[str, str] = {}
    follows: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


class AuthFile(NamedTuple):
    """A file that may hold credentials, and for whom it does; never what they are."""

    path: str
    found_by: str
    there: bool
    registries: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    problem: str = ""


class Setting(NamedTuple):
    """A variable that steers an engine, and what a build makes of it."""

    name: str
    value: str
    effect: str


class Report(NamedTuple):
    """All of it. ``selected`` is the engine asked for, ``source`` who asked; ``auto`` says by format who would run."""

    selected: str
    source: str
    works: bool
    problem: str
    auto: Mapping[str, tuple[str, str]]
    engines: tuple[EngineState, ...]
    auth_files: tuple[AuthFile, ...]
    given: bool
    registries: tuple[str, ...]
    insecure: tuple[str, ...]
    settings: tuple[Setting, ...]
    config: str
    python: str
    deflate: str
    envoy: str
    envoy_problem: str

    @property
    def exit_code(self) -> int:
        """0 when the engine that is selected works."""
        return 0 if self.works else NoEngine.exit_code


def examine(asked: str | None, config: Config, environment: Mapping[str, str]) -> Report:
    """Look at everything, with the engine ``asked`` for if there is one; raises UsageError.

    Each question has a time limit, so that nothing here hangs on a daemon that does.
    """
    selected, source = _selected(asked, config, environment)
    if selected not in ENGINES:
        raise refuse_engine(selected)
    engines = tuple(_engine(name, environment) for name in ENGINES if name != "auto")
    states = {state.name: state for state in engines}
    chosen = states["embedded" if selected == "auto" else selected]
    auto = {str(form): _auto(form, states[paired_engine(form)], environment) for form in Format}
    envoy, envoy_problem = _envoy(environment)
    return Report(
        selected,
        source,
        chosen.works,
        chosen.problem,
        auto,
        engines,
        tuple(_auth_files(environment)),
        bool(environment.get("WASMIMG_USERNAME") or environment.get("WASMIMG_PASSWORD")),
        _registry_files(environment),
        config.insecure,
        _settings(environment),
        str(config.path or ""),
        f"{sys.version.split()[0]} ({sys.executable})",
        _deflate(),
        envoy,
        envoy_problem,
    )


def _selected(asked: str | None, config: Config, environment: Mapping[str, str]) -> tuple[str, str]:
    if asked is not None:
        return asked, "--engine"
    if environment.get("WASMIMG_ENGINE"):
        return environment["WASMIMG_ENGINE"], "WASMIMG_ENGINE"
    if config.engine is not None:
        return config.engine, str(config.path)
    return "auto", "nobody chose another"


def _auto(form: Format, paired: EngineState, environment: Mapping[str, str]) -> tuple[str, str]:
    """The engine that runs for ``form`` when none is chosen, and why; one that hangs is not asked again."""
    if not paired.works:
        return "embedded", paired.problem
    choice = choose("auto", form, environment=environment, idle=_PATIENCE)
    return choice.engine, choice.why


def _engine(name: str, environment: Mapping[str, str]) -> EngineState:
    if name == "embedded":
        version = _deflate()
        problem = "" if version else "the package deflate is not installed"
        facts = {"compressor": f"deflate {version}"} if version else {}
        follows = (
            "it pushes and writes both formats, with the same bytes everywhere",
            "it has no store: --load hands the image to docker",
        )
        return EngineState(name, not problem, sys.executable, facts, () if problem else follows, problem)
    from wasmimg.engines.clients import read_client

    state = EngineState(name, False)
    try:
        client = read_client(name, environment, _PATIENCE)
        state = state._replace(path=client.path, facts={"version": client.version})
        choice = choose(name, Format.OCI, environment=environment, idle=_PATIENCE)
    except NoEngine as error:
        problem = error.message + (f": {error.reason.splitlines()[-1]}" if error.reason else "")
        return state._replace(problem=problem, hint=error.hint or "")
    if choice.docker is not None:
        builder = "BuildKit" if choice.docker.buildkit else "the legacy builder"
        facts = {
            "version": client.version,
            "buildx": client.buildx or "not installed",
            "builder": builder,
            "daemon": choice.docker.version,
            "store": "containerd" if choice.docker.containerd else "classic",
            "context": choice.docker.context,
        }
        return state._replace(works=True, facts=facts, follows=_docker_follows(choice.docker))
    if choice.engine != name:
        return state._replace(works=True, follows=(STAND_IN,))
    if choice.private:
        follows = (
            choice.why.partition(", ")[2],
            "wasmimg pushes and writes what buildah builds; nothing stays in its store",
        )
        return state._replace(works=True, follows=follows)
    return state._replace(works=True, follows=(f"{name} pushes both formats itself, and keeps both in its store",))


def _docker_follows(facts: DockerFacts) -> tuple[str, ...]:
    found = []
    for form in Format:
        order = Order(Path(), ImageSpec(form), (parse_reference("registry.example/plugin:1"),), push=True)
        assert own_push(order) is None
        why = why_not_direct(order, facts)
        found.append(
            f"format {form}: docker builds and pushes"
            if why is None
            else f"format {form}: docker builds and wasmimg pushes, since {why}"
        )
    if not facts.containerd:
        found.append("a classic store keeps no OCI image: format oci needs --push or -o")
    elif not facts.buildkit:
        found.append("what stays in docker's store is put there by docker load, and has no format of its own")
    if facts.signed:
        found.append("DOCKER_CONTENT_TRUST: what docker cannot push and sign itself is refused")
    return tuple(found)


def _auth_files(environment: Mapping[str, str]) -> list[AuthFile]:
    from wasmimg.stores.credentials import auth_files, read_auth_file

    found = []
    for path, found_by in auth_files(environment):
        one = AuthFile(str(path), found_by, os.path.lexists(path))
        try:
            content = read_auth_file(path) or {}
        except UsageError as error:
            found.append(one._replace(problem=error.reason or error.message))
            continue
        auths, helpers = content.get("auths"), content.get("credHelpers")
        programs = {str(content["credsStore"])} if content.get("credsStore") else set()
        programs |= {str(value) for value in helpers.values() if value} if isinstance(helpers, dict) else set()
        names = set(auths) if isinstance(auths, dict) else set()
        names |= set(helpers) if isinstance(helpers, dict) else set()
        missing = [name for name in sorted(programs) if not _on_path(f"docker-credential-{name}", environment)]
        found.append(
            one._replace(
                registries=tuple(sorted(_SECRET.sub("", name) for name in names)),
                helpers=tuple(f"docker-credential-{name}" for name in sorted(programs)),
                problem=f"docker-credential-{missing[0]} is not on PATH" if missing else "",
            )
        )
    return found


def _on_path(program: str, environment: Mapping[str, str]) -> bool:
    return shutil.which(program, path=environment.get("PATH")) is not None


def _registry_files(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The registries.conf that buildah and podman would read (containers/image, docs/containers-registries.conf.5.md)."""
    home = environment.get("HOME")
    named = environment.get("CONTAINERS_REGISTRIES_CONF")
    settings = environment.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else "")
    own = os.path.join(settings, "containers", "registries.conf") if settings else ""
    candidates = [named] if named else [own, "/etc/containers/registries.conf"]
    return tuple(path for path in candidates if path and os.path.isfile(path))


_EFFECTS = {
    "DOCKER_HOST": "names docker's daemon",
    "DOCKER_CONTEXT": "names docker's daemon, unless DOCKER_HOST does",
    "DOCKER_BUILDKIT": "chooses docker's builder",
    "DOCKER_DEFAULT_PLATFORM": "is overruled: the platform is linux/amd64, or that of --platform",
    "BUILDX_BUILDER": "is overruled: only the builder in the daemon fills docker's store",
    "BUILDAH_FORMAT": "is overruled by --format",
    "CONTAINERS_CONF": "is read by buildah and podman; its compression is overruled",
    "CONTAINERS_STORAGE_CONF": "places the store of buildah and podman",
    "STORAGE_DRIVER": "chooses the driver of that store",
    "SOURCE_DATE_EPOCH": "is the time of every image",
    "HTTPS_PROXY": "is used for registries",
    "HTTP_PROXY": "is used for registries",
}


def _settings(environment: Mapping[str, str]) -> tuple[Setting, ...]:
    found = [
        Setting(name, _SECRET.sub("", environment[name]), effect)
        for name, effect in _EFFECTS.items()
        if environment.get(name)
    ]
    if wants_signature(environment):
        effect = "is heeded by docker before 29 alone: no other push takes its place, and other engines warn"
        found.append(Setting("DOCKER_CONTENT_TRUST", environment["DOCKER_CONTENT_TRUST"], effect))
    return tuple(found)


def _deflate() -> str:
    from importlib import metadata

    try:
        import deflate  # noqa: F401
    except ImportError:
        return ""
    return metadata.version("deflate")


def _envoy(environment: Mapping[str, str]) -> tuple[str, str]:
    from wasmimg.trial.envoy import find_envoy

    try:
        envoy = find_envoy(environment)
    except WasmimgError as error:
        return "", error.message
    return f"{envoy.version} ({envoy.path})", ""
