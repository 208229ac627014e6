"""``wasmimg.toml`` as data: strict, with the nearest known key named for an unknown one."""

from __future__ import annotations

import os
import re
import reprlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from wasmimg.errors import UsageError
from wasmimg.retry import Policy

__all__ = ["FILE_NAME", "Config", "Plugin", "expand", "expand_plugin", "find_config", "read_config"]

FILE_NAME = "wasmimg.toml"
_VARIABLE = re.compile(r"\$(?:\$|\{([^}]*)\})")


class Plugin(NamedTuple):
    """A ``[plugins.NAME]`` table; ``${VAR}`` in its strings is not yet replaced."""

    name: str
    module: str
    image: str | None = None
    tags: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    silence: tuple[str, ...] = ()


class Config(NamedTuple):
    """A whole file; None where it says nothing. ``folder`` is what its paths are relative to."""

    folder: Path
    path: Path | None = None
    registry: str | None = None
    format: str | None = None
    engine: str | None = None
    consumers: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    jobs: int = 0
    retry: Policy = Policy()
    plugins: tuple[Plugin, ...] = ()


def find_config(start: Path) -> Path | None:
    """The nearest wasmimg.toml in ``start`` or above."""
    start = start.resolve()
    for folder in (start, *start.parents):
        candidate = folder / FILE_NAME
        if os.path.isfile(candidate):
            return candidate
    return None


def read_config(path: Path) -> Config:
    """Read and check ``path``; raises UsageError."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise UsageError(f"no such file: {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read", reason=error.strerror) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8", reason=str(error)) from None
    try:
        table = _parse(text, path)
    except RecursionError:
        raise UsageError(f"{path} is nested more deeply than any setting") from None
    known = {
        "registry": _string,
        "format": _string,
        "engine": _string,
        "for": _strings,
        "insecure": _hosts,
        "jobs": _count,
    }
    values = _values(table, {**known, "retry": _table, "plugins": _table}, str(path), "")
    retry = _values(
        values.pop("retry", {}),
        {"attempts": _positive, "deadline": _seconds, "idle_timeout": _seconds},
        str(path),
        "retry",
    )
    plugins = tuple(_plugin(name, body, str(path)) for name, body in values.pop("plugins", {}).items())
    values["consumers"] = values.pop("for", ())
    return Config(folder=path.resolve().parent, path=path, retry=Policy(**retry), plugins=plugins, **values)


def expand(text: str, environment: Mapping[str, str], where: str) -> str:
    """``text`` with each ``${VAR}`` replaced and ``$$`` as ``$``; raises UsageError for an unset one."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name is None:
            return "$"
        if name not in environment:
            raise UsageError(
                f"{where}: the variable {name} is not set", hint=f"run this with {name}=... before it, or export it"
            )
        return environment[name]

    return _VARIABLE.sub(value, text)


def expand_plugin(plugin: Plugin, environment: Mapping[str, str], path: Path | None) -> Plugin:
    """``plugin`` with the variables in its strings replaced."""
    where = f"{path or FILE_NAME}: plugins.{plugin.name}"

    def one(text: str) -> str:
        return expand(text, environment, where)

    return plugin._replace(
        module=one(plugin.module),
        image=one(plugin.image) if plugin.image is not None else None,
        tags=tuple(one(tag) for tag in plugin.tags),
        annotations=tuple((key, one(value)) for key, value in plugin.annotations),
        labels=tuple((key, one(value)) for key, value in plugin.labels),
    )


def _plugin(name: str, body: object, path: str) -> Plugin:
    where = f"plugins.{name}"
    checks = {
        "module": _string,
        "image": _string,
        "tags": _strings,
        "annotations": _pairs,
        "labels": _pairs,
        "silence": _codes,
    }
    values = _values(_table(body, f"{path}: {where}"), checks, path, where)
    if "module" not in values:
        raise UsageError(f"{path}: {where} has no module", hint='add module = "path/to/plugin.wasm"')
    if values.get("tags") and "image" not in values:
        raise UsageError(f"{path}: {where} has tags and no image", hint='add image = "name:tag"')
    return Plugin(name, **values)


def _values(
    table: Mapping[str, Any], checks: Mapping[str, Callable[[object, str], Any]], path: str, where: str
) -> dict[str, Any]:
    found = {}
    for key, value in table.items():
        full = f"{where}.{key}" if where else key
        if key not in checks:
            from difflib import get_close_matches

            near = get_close_matches(key, checks, 1)
            raise UsageError(
                f"{path}: unknown key {full!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
                hint=f"known {'in ' + where if where else 'at the top'} are {', '.join(checks)}",
            )
        found[key] = checks[key](value, f"{path}: {full}")
    return found


def _wrong(where: str, wanted: str, value: object) -> UsageError:
    return UsageError(f"{where} must be {wanted}, and is {reprlib.repr(value)}")


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and "\0" not in value  # neither a path nor an argument can hold that


def _string(value: object, where: str) -> str:
    if not _is_text(value) or not value:
        raise _wrong(where, "a string that is not empty", value)
    return value


def _strings(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(_is_text(one) and one for one in value):
        raise _wrong(where, "a list of strings", value)
    return tuple(value)


def _codes(value: object, where: str) -> tuple[str, ...]:
    from wasmimg.module.codes import CODES

    codes = _strings(value, where)
    for code in codes:
        if code not in CODES:
            raise UsageError(
                f"{where}: there is no finding {code!r}", hint="wasmimg check prints the codes, as in WI135"
            )
    return codes


def _hosts(value: object, where: str) -> tuple[str, ...]:
    hosts = _strings(value, where)
    if any("/" in host for host in hosts):
        raise _wrong(where, "a list of hosts, each HOST or HOST:PORT", value)
    return hosts


def _pairs(value: object, where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not all(map(_is_text, (*value, *value.values()))):
        raise _wrong(where, "a table of strings", value)
    return tuple(value.items())


def _table(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "a table", value)
    return dict(value)


def _count(value: object, where: str) -> int:
    if type(value) is not int or value < 0:
        raise _wrong(where, "a whole number, 0 or more", value)
    return value


def _positive(value: object, where: str) -> int:
    if type(value) is not int or value < 1:
        raise _wrong(where, "a whole number, 1 or more", value)
    return value


def _seconds(value: object, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value < 1e6:
        raise _wrong(where, "a number of seconds above 0", value)
    return float(value)


def _parse(text: str, path: Path) -> dict[str, Any]:
    """What ``toml`` reads, if the standard's own parser reads the same.

    ``toml`` 0.10.2 drops values, joins lines and refuses some valid files; a setting that was
    misread in silence would be worse than none.
    """
    import toml

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        strict = tomllib.loads(text)
    except ValueError as error:  # its own error is one, and so is what int() says to thousands of digits
        raise UsageError(f"{path} is not TOML", reason=str(error)) from None
    try:
        loose = toml.loads(text)
    except Exception as error:  # IndexError and others besides its own
        raise UsageError(
            f"{path} holds TOML that the parser toml does not read",
            reason=f"{type(error).__name__}: {error}",
            hint="write it more simply: lists of one type, decimal numbers, one key a line",
        ) from None
    place = _difference(strict, loose, "")
    if place is not None:
        raise UsageError(
            f"{path}: two TOML parsers read {place or 'the file'} differently",
            hint="write it more simply: lists of one type, decimal numbers, one key a line",
        )
    return dict(strict)


def _difference(one: object, other: object, place: str) -> str | None:
    """The first key on which the two differ; None when they agree."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            inner = f"{place}.{key}" if place else str(key)
            if key not in one or key not in other:
                return inner
            found = _difference(one[key], other[key], inner)
            if found is not None:
                return found
        return None
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return next(
            (
                found
                for left, right in zip(one, other, strict=True)
                if (found := _difference(left, right, place)) is not None
            ),
            None,
        )
    same = type(one) is type(other) and one == other
    # Times of day and dates may come as types of the parser's own.
    return None if same or (not isinstance(one, (str, int, float, bool, list, dict)) and one == other) else place
