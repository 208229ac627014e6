"""Options that several commands share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from wasmimg.consumers.selection import Consumer
from wasmimg.errors import UsageError
from wasmimg.job import Request, access_of, consumers_of, load_config
from wasmimg.retry import Policy
from wasmimg.stores.credentials import Access

if TYPE_CHECKING:
    from wasmimg.config import Config
    from wasmimg.events import Tell
    from wasmimg.transfer import Means

__all__ = [
    "PATH",
    "Reach",
    "annotation_option",
    "everywhere",
    "for_option",
    "format_option",
    "output_option",
    "read_password",
    "read_reach",
    "tag_option",
    "variant_option",
    "with_registry",
]

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)

for_option = click.option(
    "--for",
    "consumers",
    multiple=True,
    metavar="CONSUMER",
    help="istio (default), envoy-gateway, higress or envoy, each with @RELEASE if wanted; repeatable.",
)

tag_option = click.option(
    "-t", "--tag", "references", multiple=True, metavar="REF", help="Name of the image; repeatable."
)
format_option = click.option(
    "-f", "--format", "form", metavar="oci|docker", help="Format of the manifest (default: oci)."
)
output_option = click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="OUT",
    help="oci:DIR, oci-archive:FILE or docker-archive:FILE; repeatable.",
)
annotation_option = click.option(
    "--annotation", "annotations", multiple=True, metavar="K=V", help="Annotation of an OCI manifest; repeatable."
)


def everywhere(command: F) -> F:
    """``--json --config -q -v --debug``."""
    for option in (
        click.option("--debug", is_flag=True, help="Show a traceback when something fails."),
        click.option("-v", "--verbose", is_flag=True, help="Show what docker, buildah, podman or Envoy print."),
        click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only."),
        click.option("--config", type=PATH, metavar="FILE", help="Read this file instead of the nearest wasmimg.toml."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ):
        command = option(command)
    return command


def with_registry(command: F) -> F:
    """``--insecure --ca-file --username --password-stdin``."""
    for option in (
        click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
        click.option("--username", metavar="USER", help="User name at the registry."),
        click.option("--ca-file", type=PATH, metavar="FILE", help="Trust the certificates in this PEM file, too."),
        click.option("--insecure", is_flag=True, help="Allow plain http and unverified TLS."),
    ):
        command = option(command)
    return command


variant_option = click.option(
    "--variant", metavar="compat|artifact", help="Variant of the image (default: compat, which every proxy takes)."
)


class Reach(NamedTuple):
    """How registries are reached, and for whom images are: what the options and the file say."""

    access: Access
    policy: Policy
    environment: Mapping[str, str]
    consumers: tuple[Consumer, ...]
    config: Config

    def means(self, tell: Tell) -> Means:
        """The same for the library, with ``tell`` to hear what happens."""
        from wasmimg.transfer import Means

        return Means(self.access, self.policy, self.environment, tell)


def read_reach(
    *,
    config: Path | None,
    insecure: bool,
    ca_file: Path | None,
    username: str | None,
    password_stdin: bool,
    consumers: tuple[str, ...] = (),
) -> Reach:
    """What ``with_registry``, ``everywhere`` and ``for_option`` read, made of use; raises UsageError."""
    environment = dict(os.environ)
    settings = load_config(config, environment, Path())
    typed = Request(insecure=insecure, ca_file=ca_file, username=username, password=read_password(password_stdin))
    access = access_of(typed, settings, environment, Path())
    return Reach(access, settings.retry, environment, consumers_of(consumers, settings), settings)


def read_password(wanted: bool) -> str | None:
    """The first line of standard input, if ``--password-stdin`` was given; raises UsageError."""
    if not wanted:
        return None
    hint = "pipe it: wasmimg ... --password-stdin <FILE"
    if sys.stdin.isatty():
        raise UsageError("--password-stdin reads a password from standard input, and that is a terminal", hint=hint)
    try:
        password = sys.stdin.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the password cannot be read from standard input", reason=str(error)) from None
    if not password:
        raise UsageError("there is no password on standard input", hint=hint)
    return password
