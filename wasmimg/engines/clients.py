"""What an engine's program can do: its version and its options, asked once and remembered.

A program does not change under its path, size and time, so the answers are kept in the user's
cache folder. A cache that cannot be read or written only costs the time to ask again.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from wasmimg.engines.asking import ask
from wasmimg.engines.base import Step
from wasmimg.engines.process import find_program
from wasmimg.errors import NoEngine

__all__ = ["Client", "docker_folder", "docker_settings", "read_client"]

_SCHEMA = 1  # of the cache file; another one is asked anew
_MOST = 32  # programs that are remembered
_VERSIONS = {
    "docker": r"(?P<kind>[Dd]ocker|podman) version (?P<version>[^\s,]+)",
    "podman": r"(?P<kind>podman)(?: remote)? version (?P<version>\S+)",
    "buildah": r"(?P<kind>buildah) version (?P<version>\S+)",
}
_HELP = {"docker": ("push",), "buildah": ("commit",), "podman": ("build", "push")}
# Where docker looks for its plugins, after the user's own folder (docker/cli, cli-plugins/manager/manager_unix.go).
_PLUGINS = tuple(
    Path(root, kind, "docker", "cli-plugins") for root in ("/usr/local", "/usr") for kind in ("lib", "libexec")
)
_NOBODY = "unix:///nonexistent/wasmimg"


class Client(NamedTuple):
    """A program: ``kind`` is what it is, whatever it is called; ``flags`` are the long options of its commands.

    ``api`` is the newest API that docker speaks, and ``buildx`` the version of its plugin, or "".
    """

    path: str
    kind: str
    version: str
    api: str = ""
    buildx: str = ""
    flags: Mapping[str, frozenset[str]] = {}

    @property
    def major(self) -> int:
        """The first number of the version; 0 where it has none."""
        match = re.match(r"\d+", self.version)
        return int(match[0]) if match else 0


def read_client(name: str, environment: Mapping[str, str], patience: float) -> Client:
    """What the program ``name`` on PATH is; raises NoEngine.

    It is given ``patience`` seconds for each answer, if it is not remembered.
    """
    path = os.path.abspath(find_program(name, environment))
    key, stamp = _key(name, path, environment), _stamp(name, path, environment)
    cache = _cache_file(environment)
    known = _remembered(cache)
    client = _restored(known.get(key), path, stamp)
    if client is None:
        client = _asked(name, path, environment, patience)
        if cache is not None and stamp is not None:
            _remember(cache, {**known, key: _entry(client, stamp)})
    return client


def docker_folder(environment: Mapping[str, str]) -> Path:
    """The folder of docker's own settings and plugins."""
    if environment.get("DOCKER_CONFIG"):
        return Path(environment["DOCKER_CONFIG"])
    return Path(environment.get("HOME") or os.path.expanduser("~")) / ".docker"


def docker_settings(environment: Mapping[str, str]) -> dict[str, Any]:
    """What stands in docker's config.json; nothing where that cannot be read, of which docker itself tells."""
    try:
        content = json.loads((docker_folder(environment) / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _asked(name: str, path: str, environment: Mapping[str, str], patience: float) -> Client:
    said = ask(Step(f"ask {name} for its version", (name, "--version")), environment, patience)
    match = re.search(_VERSIONS[name], said.stdout)
    if match is None:
        raise NoEngine(
            f"what is called {name} here is not {name}",
            reason=(said.stdout or said.stderr)[:200] or None,
            hint=f"install {name}, or build without it: --engine embedded",
        )
    kind = match["kind"].lower()
    client = Client(path, kind, match["version"])
    if kind == "docker":
        # Told of no daemon, it need not wait for one that hangs; it knows its own version all the same.
        alone = {key: value for key, value in environment.items() if key != "DOCKER_CONTEXT"}
        alone["DOCKER_HOST"] = _NOBODY
        api = ask(
            Step("ask docker for its API", ("docker", "version", "-f", "{{.Client.DefaultAPIVersion}}")),
            alone,
            patience,
            check=False,
        )
        plugin = ask(Step("ask for buildx", ("docker", "buildx", "version")), alone, patience, check=False)
        words = plugin.stdout.split()
        buildx = (words[1] if len(words) > 1 else "unknown") if plugin.status == 0 else ""
        spoken = api.stdout.strip()
        client = client._replace(api=spoken if re.fullmatch(r"\d+\.\d+", spoken) else "", buildx=buildx)
    elif name == "docker":  # podman's stand-in: podman itself is asked for its options
        return client
    flags = {}
    for command in _HELP[kind]:
        text = ask(Step(f"ask {name} for its options", (name, command, "--help")), environment, patience)
        flags[command] = frozenset(re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", text.stdout))
    return client._replace(flags=flags)


def _key(name: str, path: str, environment: Mapping[str, str]) -> str:
    return f"{name}:{path}:{docker_folder(environment)}" if name == "docker" else f"{name}:{path}"


def _stamp(name: str, path: str, environment: Mapping[str, str]) -> list[Any] | None:
    """What changes when the program does; None where that cannot be seen."""
    files = [Path(path)]
    if name == "docker":
        extra = docker_settings(environment).get("cliPluginsExtraDirs")
        folders = [docker_folder(environment) / "cli-plugins", *_PLUGINS]
        folders += [Path(one) for one in extra if isinstance(one, str)] if isinstance(extra, list) else []
        files += [one / "docker-buildx" for one in folders]
    stamp: list[Any] = []
    for file in files:
        try:
            found = file.stat()
        except (OSError, ValueError):
            if file is files[0]:
                return None
            continue
        stamp.append([str(file), found.st_mtime_ns, found.st_size, found.st_ino])
    return stamp


def _cache_file(environment: Mapping[str, str]) -> Path | None:
    base = environment.get("XDG_CACHE_HOME") or ""
    # basedir-spec: a path that is not absolute is to be ignored.
    if not os.path.isabs(base):
        home = environment.get("HOME") or ""
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".cache")
    return Path(base) / "wasmimg" / "clients.json"


def _remembered(cache: Path | None) -> dict[str, Any]:
    if cache is None:
        return {}
    try:
        content = json.loads(cache.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA:
        return {}
    clients = content.get("clients")
    return clients if isinstance(clients, dict) else {}


def _restored(entry: Any, path: str, stamp: list[Any] | None) -> Client | None:
    if not isinstance(entry, dict) or stamp is None or entry.get("stamp") != stamp:
        return None
    words = [entry.get(key) for key in ("kind", "version", "api", "buildx")]
    flags = entry.get("flags")
    if not all(isinstance(word, str) for word in words) or not isinstance(flags, dict):
        return None
    if not all(isinstance(one, list) and all(isinstance(word, str) for word in one) for one in flags.values()):
        return None
    kind, version, api, buildx = map(str, words)
    return Client(path, kind, version, api, buildx, {command: frozenset(one) for command, one in flags.items()})


def _entry(client: Client, stamp: list[Any]) -> dict[str, Any]:
    flags = {command: sorted(one) for command, one in client.flags.items()}
    return {**client._asdict(), "flags": flags, "stamp": stamp}


def _remember(cache: Path, clients: dict[str, Any]) -> None:
    from wasmimg.stores.files import write_whole

    newest = dict(list(clients.items())[-_MOST:])
    with suppress(OSError):
        cache.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(cache, (json.dumps({"schema": _SCHEMA, "clients": newest}).encode(),))
