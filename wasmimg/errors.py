"""Every error a user can meet: a sentence, a reason, a way out, and an exit code.

The exit codes are a contract with Makefiles and build systems; ``docs/reference.md``
lists them.
"""

from __future__ import annotations

__all__ = [
    "EngineFailed",
    "FileSystemFailed",
    "ImageRefused",
    "Interrupted",
    "ModuleRefused",
    "NetworkFailed",
    "NoEngine",
    "NotAllowed",
    "UsageError",
    "WasmimgError",
]


class WasmimgError(Exception):
    """Base of all expected failures.

    ``message`` is one sentence: what failed. ``reason`` is why, in the words of whoever
    refused (a tool's last lines, a registry's answer). ``hint`` is what to do next.
    """

    exit_code = 1

    def __init__(self, message: str, *, reason: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions with keyword-only arguments do not pickle by themselves, and builds
        # in worker processes must hand theirs over whole.
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(kind: type[WasmimgError], state: dict[str, object]) -> WasmimgError:
    error = kind.__new__(kind)
    Exception.__init__(error, state.get("message"))
    error.__dict__.update(state)
    return error


class UsageError(WasmimgError):
    """Usage, configuration, or an input that is not there."""

    exit_code = 2


class ModuleRefused(WasmimgError):
    """The .wasm file is not one that a proxy loads."""

    exit_code = 3


class ModuleTooLarge(ModuleRefused):
    """The module is far larger than what proxies read, and was not read."""


class NoEngine(WasmimgError):
    """No engine can make what was asked."""

    exit_code = 4


class EngineFailed(WasmimgError):
    """docker or buildah ran and failed."""

    exit_code = 5


class StoreBusy(EngineFailed):
    """An engine lost its image to another process in the same store; the same again may do."""


class NotAllowed(WasmimgError):
    """A registry answered 401 or 403."""

    exit_code = 6


class NetworkFailed(WasmimgError):
    """The network or the registry, after retries.

    ``transient`` tells whether another attempt may help; ``retry_after`` is the pause, in
    seconds, that the registry asked for.
    """

    exit_code = 7

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        hint: str | None = None,
        transient: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, reason=reason, hint=hint)
        self.transient = transient
        self.retry_after = retry_after


class ImageRefused(WasmimgError):
    """The image is not there, or not one that the chosen consumers take."""

    exit_code = 8


class FileSystemFailed(WasmimgError):
    """The local file system: something in the way, not writable, full."""

    exit_code = 9


class Interrupted(WasmimgError):
    """Ctrl-C or SIGTERM; everything half-done has been removed."""

    exit_code = 130
