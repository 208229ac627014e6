"""Which authorities vouch for a registry, and the certificate that it may see of us.

Sources: docker docs "Verify repository client with certificates" (certs.d), containers/image
docs/containers-certs.d.5.md, and its pkg/tlsclientconfig, SetupCertificates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wasmimg.errors import UsageError
from wasmimg.image.reference import DOCKER_HUB
from wasmimg.stores.credentials import Access

if TYPE_CHECKING:
    import ssl

__all__ = ["Certificates", "certificate_folders", "find_certificates", "tls_context"]

_SYSTEM = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))


class Certificates(NamedTuple):
    """What the folders of a registry hold: files of authorities, and of our certificate and its key."""

    authorities: tuple[Path, ...] = ()
    client: tuple[Path, Path] | None = None


def certificate_folders(registry: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Where certificates for ``registry`` (host[:port]) may be: the user's own folders first."""
    names = ("docker.io", "registry-1.docker.io") if registry == DOCKER_HUB else (registry,)
    home = environment.get("HOME") or environment.get("USERPROFILE")
    settings = environment.get("XDG_CONFIG_HOME")
    roots = [Path(home, ".config", "containers", "certs.d")] if home else []
    if settings or home:  # rootless docker
        roots.append(Path(settings or Path(home or "", ".config")) / "docker" / "certs.d")
    for root in (*roots, *_SYSTEM):
        for name in names:
            yield root / name


def find_certificates(registry: str, environment: Mapping[str, str]) -> Certificates:
    """What docker and podman would use for ``registry``: all authorities, and the first pair of ours.

    A folder or key that this user may not read is passed over, as podman does. Raises UsageError
    for half a pair.
    """
    authorities: list[Path] = []
    client: tuple[Path, Path] | None = None
    for folder in certificate_folders(registry, environment):
        try:
            files = sorted(folder.iterdir())
        except OSError:
            continue
        authorities += [file for file in files if file.suffix == ".crt"]
        for file in files:
            other = {".cert": ".key", ".key": ".cert"}.get(file.suffix)
            if other is None:
                continue
            if file.with_suffix(other) not in files:
                raise UsageError(
                    f"{file} has no {file.with_suffix(other).name} beside it",
                    reason="a certificate for us is NAME.cert with NAME.key, and one of an authority NAME.crt",
                )
            if other == ".key" and client is None and _readable(file, file.with_suffix(other)):
                client = file, file.with_suffix(other)
    return Certificates(tuple(authorities), client)


def tls_context(
    registry: str, access: Access, environment: Mapping[str, str], *, unproven: bool
) -> ssl.SSLContext | None:
    """The TLS that ``registry`` is spoken to with; None for that of everyone, with the system's trust.

    The authorities of --ca-file stand in for all others; those of the folders are added to the
    system's. ``unproven`` asks for no proof at all. Raises UsageError for a file that cannot be used.
    """
    found = find_certificates(registry, environment)
    if not unproven and access.ca_file is None and found == Certificates():
        return None
    import ssl

    if unproven:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif access.ca_file is not None:
        context = _trust(None, access.ca_file, "--ca-file wants a file of PEM certificates")
    else:
        context = ssl.create_default_context()
        for file in found.authorities:
            _trust(context, file, "remove it, or put a file of PEM certificates there")
    # Who names an authority means it, as Go has it: any certificate, however old-fashioned.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if found.client is not None:
        _show(context, *found.client)
    return context


def _trust(context: ssl.SSLContext | None, file: Path, hint: str) -> ssl.SSLContext:
    import ssl

    try:
        if context is None:
            return ssl.create_default_context(cafile=file)
        context.load_verify_locations(file)
    except FileNotFoundError:
        raise UsageError(f"no such file: {file}", hint=hint) from None
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"{file} holds no certificate that can be read", reason=error.strerror or str(error), hint=hint
        ) from None
    return context


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # ssl.SSLError is one
        raise UsageError(
            f"the certificate {certificate} cannot be shown to the registry",
            reason=error.strerror or str(error),
            hint=f"it must be PEM, and {key.name} its key, without a password",
        ) from None


def _readable(*files: Path) -> bool:
    import os

    return all(os.access(file, os.R_OK) for file in files)
