"""A plan as the shell lines that do the same by hand."""

from __future__ import annotations

import shlex
import shutil
import sys
import time

from wasmimg.engines.base import WORK, Order, Plan, Step

__all__ = ["file_word", "option_words", "own_command", "quote", "shell_lines"]


def quote(word: str) -> str:
    """``word`` for a POSIX shell; the temporary folder becomes ``"$work"``."""
    parts = word.split(WORK)
    return '"$work"'.join(shlex.quote(part) if part else "" for part in parts) or "''"


def file_word(name: str) -> str:
    """``name`` of a file as a word that is taken neither for an option nor for an ``@FILE``."""
    return f"./{name}" if name.startswith(("-", "@")) else name


def option_words(option: str, value: str) -> list[str]:
    """``option`` with its value, where that is not taken for an ``@FILE``."""
    return [f"{option}={value}"] if value.startswith("@") else [option, value]


def own_command() -> tuple[str, ...]:
    """How wasmimg is called from a shell: by name where that is on PATH."""
    return ("wasmimg",) if shutil.which("wasmimg") else (sys.executable, "-m", "wasmimg")


def shell_lines(plan: Plan, order: Order) -> list[str]:
    """Lines for ``sh`` that carry out ``plan``."""
    lines = ["set -eu", 'work="$(mktemp -d)"', f"trap '{_trap(plan)}' EXIT", "trap 'exit 130' INT TERM"]
    stamp = time.strftime("%Y%m%d%H%M.%S", time.gmtime(order.spec.epoch))
    for staged in plan.staged:
        target = f"{WORK}/{staged.name}"
        folder = staged.name.rpartition("/")[0]
        if folder:
            lines.append(f"mkdir -p {quote(f'{WORK}/{folder}')}")
        if staged.text is None:
            lines.append(f"install -m 0644 {quote(str(order.module.absolute()))} {quote(target)}")
        else:
            lines.append(f"printf %s {quote(staged.text)} >{quote(target)}")
            lines.append(f"chmod 0644 {quote(target)}")
        lines.append(f"TZ=UTC0 touch -t {stamp} {quote(target)}")
    lines += [_line(step) for step in plan.steps]
    if plan.finish is not None:
        lines += [_line(step) for step in plan.export]
        lines.append(_finish_line(plan, order))
    return lines + [_line(step) for step in plan.after]


def _trap(plan: Plan) -> str:
    steps = [f"{_line(step)} >/dev/null 2>&1 || :" for step in plan.cleanup]
    # The lines stand inside single quotes, where one ends the string and cannot be escaped.
    return "; ".join([*steps, 'rm -rf "$work"']).replace("'", "'\\''")


def _line(step: Step) -> str:
    removed = [word for name, value in step.environment if value is None for word in ("-u", name)]
    added = [f"{name}={value}" for name, value in step.environment if value is not None]
    words = ["env", *removed, *added] if removed or added else []
    command = " ".join(quote(word) for word in [*words, *step.argv])
    if step.context:
        files = " ".join(quote(file_word(name)) for name in step.context)
        return f"tar -C {quote(WORK)} -cf - {files} | {command}"
    return command


def _finish_line(plan: Plan, order: Order) -> str:
    assert plan.finish is not None
    words = [*own_command(), "convert", plan.finish.source, "-f", str(order.spec.format)]
    for reference in order.references:
        words += [str(reference)] if plan.finish.push else ["-t", str(reference)]
    for output in plan.finish.outputs:
        words += ["-o", output]
    for consumer in order.consumers:
        words += ["--for", consumer]
    for key, value in order.spec.annotations:
        words += option_words("--annotation", f"{key}={value}")
    if plan.finish.push and order.insecure:
        words.append("--insecure")
    if plan.finish.push and order.ca_file is not None:
        words += option_words("--ca-file", str(order.ca_file))
    return " ".join(quote(word) for word in words)
