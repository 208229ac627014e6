"""The command line: it reads arguments, calls the library, and prints. It decides nothing."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import click

from wasmimg.cli.printing import print_error
from wasmimg.errors import FileSystemFailed, Interrupted, UsageError, WasmimgError
from wasmimg.version import __version__

__all__ = ["run"]

_COMMANDS = {
    "build": "build an image from a module, and push it",
    "check": "say whether a proxy would load a module",
    "verify": "say whether proxies would take an image",
    "convert": "write an image in another format or place",
}


class _Commands(click.Group):
    """Imports a command's file only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"wasmimg.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], _COMMANDS, 1)
            raise click.UsageError(
                f"no such command {args[0]!r}" + (f"; did you mean {near[0]!r}?" if near else ""), ctx
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="wasmimg", message="%(prog)s %(version)s")
def _wasmimg() -> None:
    """Package a WebAssembly proxy plugin as the image that Istio, Envoy Gateway and Higress load.

    \b
    wasmimg build plugin.wasm -t ghcr.io/me/plugin:1.0 --push
    """


def run(arguments: list[str]) -> int:
    """Run ``arguments``; returns the exit code of the contract."""
    debug = "--debug" in arguments
    as_json = "--json" in arguments
    try:
        _heed_sigterm()
        status = _wasmimg.main(_expanded(arguments), prog_name="wasmimg", standalone_mode=False)
        sys.stdout.flush()
        return int(status or 0)
    except WasmimgError as error:
        return _fail(error, as_json, debug)
    except click.exceptions.Abort:
        return _fail(Interrupted("interrupted"), as_json, debug)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted; everything half-done has been removed"), as_json, debug)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return 2
    except click.ClickException as error:
        return _fail(UsageError(error.format_message().rstrip("."), hint=_help_of(error)), as_json, debug)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more at its end
        return 0
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        return _fail(FileSystemFailed(f"{error.strerror or error}{where}"), as_json, debug)
    except Exception as error:
        bug = WasmimgError(
            f"this is a bug in wasmimg: {type(error).__name__}: {error}",
            hint="run it again with --debug, and report what it prints",
        )
        return _fail(bug, as_json, debug)


def _fail(error: WasmimgError, as_json: bool, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exc()
    print_error(error, as_json=as_json)
    return error.exit_code


def _help_of(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path if context else 'wasmimg'} --help lists what is possible"


def _heed_sigterm() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _expanded(arguments: list[str]) -> list[str]:
    """``@FILE`` as the arguments in FILE, one a line."""
    found: list[str] = []
    for argument in arguments:
        if not argument.startswith("@") or len(argument) == 1:
            found.append(argument)
            continue
        try:
            lines = Path(argument[1:]).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise UsageError(
                f"no such file: {argument[1:]}", hint=f"{argument} reads arguments from it, one a line"
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{argument[1:]} cannot be read", reason=str(error)) from None
        found += [line for line in lines if line.strip()]
    return found
