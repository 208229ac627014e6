"""Packages WebAssembly proxy plugins as the OCI images that proxies really load.

The library is what the command line calls::

    from wasmimg import Request, build, plan_jobs

Everything is imported when it is first used, so that ``import wasmimg`` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasmimg.version import __version__

if TYPE_CHECKING:
    from wasmimg.batch import build_all
    from wasmimg.checking import check_file
    from wasmimg.conversion import Converted, convert
    from wasmimg.driver import Built, build, build_lines
    from wasmimg.errors import WasmimgError
    from wasmimg.events import Event, Tell
    from wasmimg.examination import Checked, check_all
    from wasmimg.job import Job, Request, plan_jobs
    from wasmimg.verification import Report, verify

__all__ = [
    "Built",
    "Checked",
    "Converted",
    "Event",
    "Job",
    "Report",
    "Request",
    "Tell",
    "WasmimgError",
    "__version__",
    "build",
    "build_all",
    "build_lines",
    "check_all",
    "check_file",
    "convert",
    "plan_jobs",
    "verify",
]

_HOMES = {
    "batch": ("build_all",),
    "conversion": ("Converted", "convert"),
    "checking": ("check_file",),
    "examination": ("Checked", "check_all"),
    "driver": ("Built", "build", "build_lines"),
    "errors": ("WasmimgError",),
    "events": ("Event", "Tell"),
    "job": ("Job", "Request", "plan_jobs"),
    "verification": ("Report", "verify"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"wasmimg.{module}"), name)
    raise AttributeError(f"module 'wasmimg' has no attribute {name!r}")
