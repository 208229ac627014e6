"""JSON as the fetchers read it: Go's encoding/json, into go-containerregistry's types.

It differs from Python's json: field names match in any case, null leaves a field as it was, what
follows the first value is not looked at, and a value of another type is an error whose words a
proxy prints. Sources: go src/encoding/json/{decode,scanner,stream}.go; google/go-containerregistry
pkg/v1/{manifest,index,platform,hash}.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

__all__ = ["GoDescriptor", "GoError", "GoIndex", "GoManifest", "GoPlatform", "parse_index", "parse_manifest"]


class GoError(Exception):
    """An error as the Go program would print it."""


class GoPlatform(NamedTuple):
    """``v1.Platform``; what resolves an index."""

    os: str = ""
    architecture: str = ""


class GoDescriptor(NamedTuple):
    """``v1.Descriptor``; ``digest`` is empty where none is written, ``data`` is what stands inline."""

    media_type: str = ""
    size: int = 0
    digest: str = ""
    data: bytes | None = None
    platform: GoPlatform | None = None


class GoManifest(NamedTuple):
    """``v1.Manifest``."""

    media_type: str = ""
    config: GoDescriptor = GoDescriptor()
    layers: tuple[GoDescriptor, ...] = ()


class GoIndex(NamedTuple):
    """``v1.IndexManifest``."""

    manifests: tuple[GoDescriptor, ...] = ()


def parse_manifest(raw: bytes) -> GoManifest:
    """``v1.ParseManifest``; raises GoError."""
    fields = _decode(raw, _MANIFEST)
    return GoManifest(fields.get("mediaType", ""), _descriptor(fields.get("config", {})), _all(fields.get("layers")))


def parse_index(raw: bytes) -> GoIndex:
    """``v1.ParseIndexManifest``; raises GoError."""
    return GoIndex(_all(_decode(raw, _INDEX).get("manifests")))


def _all(values: list[dict[str, Any]] | None) -> tuple[GoDescriptor, ...]:
    return tuple(map(_descriptor, values or ()))


def _descriptor(fields: Mapping[str, Any]) -> GoDescriptor:
    platform = fields.get("platform")
    return GoDescriptor(
        fields.get("mediaType", ""),
        fields.get("size", 0),
        fields.get("digest", ""),
        fields.get("data"),
        None if platform is None else GoPlatform(platform.get("os", ""), platform.get("architecture", "")),
    )


class _Number(str):
    """A number as it is written."""


class _Struct(NamedTuple):
    """A Go struct: its name, and its fields by name in JSON."""

    name: str
    fields: dict[str, Any]


class _Slice(NamedTuple):
    """A slice of ``item``, or with ``keyed`` a map from strings to it."""

    item: Any
    keyed: bool = False


_STRINGS = _Slice("string")
_MAP = _Slice("string", keyed=True)
_PLATFORM = _Struct(
    "Platform",
    {
        "architecture": "string",
        "os": "string",
        "os.version": "string",
        "os.features": _STRINGS,
        "variant": "string",
        "features": _STRINGS,
    },
)
_DESCRIPTOR = _Struct(
    "Descriptor",
    {
        "mediaType": "types.MediaType",
        "size": "int64",
        "digest": "hash",
        "data": "[]uint8",
        "urls": _STRINGS,
        "annotations": _MAP,
        "platform": _PLATFORM,
        "artifactType": "string",
    },
)
_COMMON = {
    "schemaVersion": "int64",
    "mediaType": "types.MediaType",
    "annotations": _MAP,
    "subject": _DESCRIPTOR,
    "artifactType": "string",
}
_MANIFEST = _Struct("Manifest", {**_COMMON, "config": _DESCRIPTOR, "layers": _Slice(_DESCRIPTOR)})
_INDEX = _Struct("IndexManifest", {**_COMMON, "manifests": _Slice(_DESCRIPTOR)})


def _decode(raw: bytes, kind: _Struct) -> dict[str, Any]:
    # Bytes that are no UTF-8 are kept apart until the end, so that a position can be given in bytes.
    text = raw.decode("utf-8", "surrogateescape")
    start = len(text) - len(text.lstrip(" \t\n\r"))
    try:
        decoder = json.JSONDecoder(
            object_pairs_hook=_Pairs, parse_int=_Number, parse_float=_Number, parse_constant=_no_constant
        )
        value, _ = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise GoError(_syntax_words(text, error)) from None
    except _Constant as error:
        bad = (
            ("I", "in numeric literal")
            if error.args[0][0] == "-"
            else (error.args[0][0], "looking for beginning of value")
        )
        raise GoError(f"invalid character '{bad[0]}' {bad[1]}") from None
    except RecursionError:
        raise GoError("exceeded max depth") from None
    saved: list[str] = []
    found = _struct(value, kind, kind.name, (), saved) if value is not None else {}
    if saved:  # Go decodes on after a value of the wrong type, and reports the first one
        raise GoError(saved[0])
    return found


class _Pairs(list[tuple[str, Any]]):
    """The members of an object in the order in which they stand, repeated ones too."""


class _Constant(Exception):
    """NaN or an infinity, which Python reads and Go does not."""


def _no_constant(text: str) -> None:
    raise _Constant(text)


def _struct(value: Any, kind: _Struct, owner: str, path: tuple[str, ...], saved: list[str]) -> dict[str, Any]:
    if not isinstance(value, _Pairs):
        _mistype(value, f"v1.{kind.name}", owner, path, saved)
        return {}
    found: dict[str, Any] = {}
    for key, item in value:
        name = key if key in kind.fields else next((one for one in kind.fields if one.casefold() == key.casefold()), "")
        if not name:
            continue
        field = kind.fields[name]
        if item is None and field != "hash":
            if field in ("[]uint8", _PLATFORM):  # a pointer or a slice; everything else keeps its value
                found.pop(name, None)
            continue
        decoded = _value(item, field, kind.name, (*path, name), saved)
        found[name] = {**found.get(name, {}), **decoded} if isinstance(field, _Struct) else decoded
    return found


def _value(value: Any, kind: Any, owner: str, path: tuple[str, ...], saved: list[str]) -> Any:
    if isinstance(kind, _Struct):
        return _struct(value, kind, owner, path, saved)
    if isinstance(kind, _Slice):
        if isinstance(value, _Pairs if kind.keyed else list) and not (isinstance(value, _Pairs) and not kind.keyed):
            items = [item for _, item in value] if kind.keyed else value
            return [
                _value(item, kind.item, owner, path, saved) if item is not None else _zero(kind.item) for item in items
            ]
        _mistype(value, _type_name(kind), owner, path, saved)
        return []
    return _scalar(value, kind, owner, path, saved)


def _scalar(value: Any, kind: str, owner: str, path: tuple[str, ...], saved: list[str]) -> Any:
    if kind == "hash":
        if value is not None and (isinstance(value, _Number) or not isinstance(value, str)):
            found: list[str] = []
            _mistype(value, "string", owner, path, found)
            raise GoError(found[0])
        return _hash(_whole(value or ""))
    if kind == "[]uint8" and isinstance(value, list) and not isinstance(value, _Pairs):
        return bytes(_scalar(item, "uint8", owner, path, saved) if item is not None else 0 for item in value)
    if kind in _WHOLE_NUMBERS:
        if isinstance(value, _Number):
            written, range_ = _WHOLE_NUMBERS[kind]
            if re.fullmatch(written, value) and int(value) in range_:
                return int(value)
            _mistype(value, kind, owner, path, saved, f"number {value}")
            return 0
    elif isinstance(value, str) and not isinstance(value, _Number):
        return _base64(value, saved) if kind == "[]uint8" else _whole(value)
    _mistype(value, kind, owner, path, saved)
    return _zero(kind)


_WHOLE_NUMBERS = {"int64": ("-?[0-9]{1,19}", range(-(2**63), 2**63)), "uint8": ("[0-9]{1,19}", range(256))}


def _zero(kind: Any) -> Any:
    if isinstance(kind, _Struct):
        return {}
    return {"int64": 0, "uint8": 0, "[]uint8": None}.get(kind, "")


def _type_name(kind: Any) -> str:
    if isinstance(kind, _Struct):
        return f"v1.{kind.name}"
    if isinstance(kind, _Slice):
        return ("map[string]" if kind.keyed else "[]") + _type_name(kind.item)
    return str(kind)


def _mistype(value: Any, wanted: str, owner: str, path: tuple[str, ...], saved: list[str], said: str = "") -> None:
    if not said:
        if isinstance(value, _Number):
            said = "number"
        elif isinstance(value, _Pairs):
            said = "object"
        else:
            said = {bool: "bool", str: "string", list: "array"}.get(type(value), "number")
    where = f"Go struct field {'.'.join((owner, *path))}" if path else "Go value"
    saved.append(f"json: cannot unmarshal {said} into {where} of type {wanted}")


def _whole(text: str) -> str:
    """Half a surrogate pair and bytes that are no UTF-8 become U+FFFD."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


_BASE64 = "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"


def _base64(text: str, saved: list[str]) -> bytes:
    plain = text.replace("\r", "").replace("\n", "")
    if re.fullmatch(_BASE64, plain):
        import base64

        return base64.b64decode(plain)
    saved.append(f"illegal base64 data at input byte {_bad_base64(text)}")
    return b""


def _bad_base64(text: str) -> int:
    """Where Go's encoding/base64 stops (decodeQuantum)."""
    data = text.encode("utf-8", "surrogatepass")
    letters = [at for at, byte in enumerate(data) if byte not in b"\r\n"]
    for index, at in enumerate(letters):
        place, later = index % 4, [*letters[index + 1 :], len(data)]
        if data[at] not in b"=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/":
            return at
        if data[at] == 0x3D:
            if place < 2:
                return at
            if place == 2:
                if later[0] == len(data) or data[later[0]] != 0x3D:
                    return later[0] - (later[0] < len(data))
                return later[1]
            return later[0]
    return len(data) - len(letters) % 4


def _hash(text: str) -> str:
    algorithm, colon, digits = text.partition(":")
    if not colon or not algorithm or not digits:
        raise GoError(f"cannot parse hash: {quoted(text)}")
    rest = digits.lstrip("0123456789abcdef")
    if rest:
        raise GoError(f"found non-hex character in hash: {chr(rest.encode()[0])}")
    if algorithm != "sha256":
        raise GoError(f"unsupported hash: {quoted(algorithm)}")
    if len(digits) != 64:
        raise GoError(f"wrong number of hex digits for sha256: {digits}")
    return text


_ESCAPES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def quoted(text: str) -> str:
    """``text`` as Go's ``strconv.Quote`` and ``%q`` write it."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    code = ord(letter)
    if code in _ESCAPES:
        return _ESCAPES[code]
    if letter.isprintable():
        return letter
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# What Python says of broken JSON, and what Go says of the character where it is broken.
_PLACES: tuple[tuple[str, str], ...] = (
    ("Expecting property name", "looking for beginning of object key string"),
    ("Expecting ':'", "after object key"),
    ("Invalid control character", "in string literal"),
)


def _syntax_words(text: str, error: json.JSONDecodeError) -> str:
    if not text.strip(" \t\n\r"):
        return "EOF"
    at, place = _place(text, error)
    if at >= len(text):
        return "unexpected EOF"
    byte = text[at].encode("utf-8", "surrogateescape")[0]
    shown = {"'": "\\'", '"': '"'}.get(chr(byte)) or _escaped(chr(byte))
    return f"invalid character '{shown}' {place}"


def _place(text: str, error: json.JSONDecodeError) -> tuple[int, str]:
    """Where Go stops reading (an index of ``text``), and what it says it was doing there."""
    at, message = error.pos, error.msg
    if message.startswith("Illegal trailing comma"):  # Python from 3.13 on points at the comma
        after = at + 1 + len(text[at + 1 :]) - len(text[at + 1 :].lstrip(" \t\n\r"))
        return after, "looking for beginning of " + ("object key string" if "object" in message else "value")
    for start, place in _PLACES:
        if message.startswith(start):
            return at, place
    if message.startswith("Unterminated string"):
        return len(text), ""
    if message.startswith("Invalid \\u"):
        return _first(text, text.rfind("\\u", 0, at + 2) + 2, "[0-9a-fA-F]"), "in \\u hexadecimal character escape"
    if message.startswith("Invalid \\escape"):
        return at + 1, "in string escape code"
    if message.startswith("Expecting ','"):
        return _behind_a_value(text, at)
    return _at_a_value(text, at)


def _at_a_value(text: str, at: int) -> tuple[int, str]:
    for word in ("true", "false", "null"):
        if text.startswith(word[0], at):
            for index, letter in enumerate(word):
                if not text.startswith(letter, at + index):
                    return at + index, f"in literal {word} (expecting '{letter}')"
    if text.startswith("-", at):
        return at + 1, "in numeric literal"
    return at, "looking for beginning of value"


def _behind_a_value(text: str, at: int) -> tuple[int, str]:
    number = re.compile(r"\.[0-9]*|[eE][+-]?").match(text, at)
    before = re.search(r"[0-9](\.[0-9]+)?([eE][+-]?[0-9]+)?$", text[:at])
    if number and before and not before[2] and (number[0][0] != "." or not before[1]):
        doing = "after decimal point in" if number[0][0] == "." else "in exponent of"
        return number.end(), f"{doing} numeric literal"
    plain = re.sub(r'"(?:[^"\\]|\\.)*"', "", text[:at], flags=re.DOTALL)
    depth, opened = 0, "{"
    for letter in reversed(plain):
        depth += letter in "]}"
        if letter in "[{":
            if depth == 0:
                opened = letter
                break
            depth -= 1
    return at, "after array element" if opened == "[" else "after object key:value pair"


def _first(text: str, at: int, good: str) -> int:
    match: Callable[[str], Any] = re.compile(good).match
    while at < len(text) and match(text[at]):
        at += 1
    return at
