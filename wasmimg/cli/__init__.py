"""The command line: it reads arguments, calls the library, and prints. It decides nothing."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

import click

from wasmimg.cli.printing import print_error, say, show_every_name
from wasmimg.errors import FileSystemFailed, Interrupted, UsageError, WasmimgError
from wasmimg.interrupts import heed_signals
from wasmimg.version import __version__

__all__ = ["run"]

_COMMANDS = {
    "build": "build an image from a module, and push it",
    "check": "say whether a proxy would load a module",
    "verify": "say whether proxies would take an image",
    "inspect": "show what a module or an image is",
    "extract": "write the module in an image to a file",
    "push": "push an image as it is, if proxies would take it",
    "copy": "copy an image as it is, with its digest",
    "convert": "make a right image of whatever holds a module",
    "try": "run a plugin in a real Envoy",
    "doctor": "show which engines work here, and what follows from that",
}


class _Commands(click.Group):
    """Imports a command's file only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(_home(cmd_name)).command
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
    words = arguments
    try:
        heed_signals()
        show_every_name()
        if "_WASMIMG_COMPLETE" in os.environ:  # a shell asks what could follow; this ends the process
            _wasmimg.main(prog_name="wasmimg")
        if arguments == ["--persistent_worker"]:  # Bazel's word for: many command lines, one after the other
            from wasmimg.bazel.worker import serve

            return serve(run)
        words = _expanded(arguments)
        with _wasmimg.make_context("wasmimg", list(words)) as context:
            return int(_wasmimg.invoke(context) or 0)
    except click.exceptions.Exit as end:  # after --help
        return end.exit_code
    except WasmimgError as error:
        return _fail(error, words)
    except KeyboardInterrupt:
        return _fail(Interrupted("interrupted; everything half-done has been removed"), words)
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return UsageError.exit_code
    except click.ClickException as error:
        return _fail(UsageError(error.format_message().rstrip("."), hint=_help_of(error)), words)
    except BrokenPipeError:
        return 0  # who reads the help has seen enough
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not error.filename:  # what os.getcwd() raises
            return _fail(FileSystemFailed("the current folder is gone", hint="change to another one"), words)
        where = f": {error.filename}" if error.filename else ""
        return _fail(FileSystemFailed(f"{error.strerror or error}{where}"), words)
    except Exception as error:
        bug = WasmimgError(
            f"this is a bug in wasmimg: {type(error).__name__}: {error}",
            hint="run it again with --debug, and report what it prints",
        )
        return _fail(bug, words)


def _home(command: str) -> str:
    """The module of ``command``: ``try`` cannot be the name of one that is imported."""
    return f"wasmimg.cli.{command}_" if command == "try" else f"wasmimg.cli.{command}"


def _fail(error: WasmimgError, words: list[str]) -> int:
    as_json, debug = _asked_for(words)
    if debug:
        import traceback

        say(traceback.format_exc())
    print_error(error, as_json=as_json)
    return error.exit_code


def _asked_for(words: list[str]) -> tuple[bool, bool]:
    """Whether ``--json`` and ``--debug`` are among ``words``, which may be wrong in any other way."""
    module = sys.modules.get(_home(words[0])) if words else None
    command = getattr(module, "command", None)
    if not isinstance(command, click.Command):
        return "--json" in words, "--debug" in words
    context = click.Context(command, resilient_parsing=True, ignore_unknown_options=True)
    options, _, _ = command.make_parser(context).parse_args(words[1:])
    return bool(options.get("as_json")), bool(options.get("debug"))


def _help_of(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path if context else 'wasmimg'} --help lists what is possible"


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
        if any("\0" in line for line in lines):
            raise UsageError(f"{argument[1:]} holds a zero byte", hint="a file of arguments is text, one a line")
        found += [line for line in lines if line.strip()]
    return found
