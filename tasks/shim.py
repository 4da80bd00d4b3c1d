"""What stands between Lambda and the executable.

in   the parts of run.js or the sources of the bootstrap, in shim/, and how the executable is driven
out  build/<fn>/run.js on Node runtimes, build/<fn>/bootstrap on provided.al2023
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import products
from .graph.stage import Stage, group
from .graph.task import Tasks, task
from .lib.base import files
from .lib.base.resources import resource
from .lib.settings import web
from .lib.settings.words import Process

if TYPE_CHECKING:
    from .lib.settings.load import Function, Project

SHIM = resource("shim")
SETTINGS = ("process", "input", "response", "content_type")


def shim_settings(function: Function) -> dict[str, Any]:
    """How the executable is driven, as tasks.lib.shim.ShimSettings has it."""
    own: dict[str, Any] = {"main": function.program, "prestart": function.prestart}
    own |= {"success": function.success, "errors": dict(function.errors or {}), "arguments": function.arguments}
    if function.process is Process.HTTP:
        own["http"] = {name: getattr(function, name) for name in web.KEYS}
    return own | {name: str(getattr(function, name)) for name in SETTINGS}


def define(project: Project) -> Tasks:
    """One task a function."""
    stages = (
        node_stage(function) if function.on_node else native_stage(function) for function in project.built_functions
    )
    return group(
        "shim", "what stands between Lambda and the executable: shim/ → build/<fn>/run.js or bootstrap", stages
    )


def node_stage(function: Function) -> Stage:
    """Join the parts of run.js for the Node runtimes, with the function's settings in it."""
    target = products.Products(function).shim

    def make() -> str:
        from .lib import shim

        files.write(target, shim.run_js(SHIM, shim.ShimSettings(**shim_settings(function))).encode())
        return f"shim/run-*.js → {target}"

    return task(
        name=f"shim:{function.name}",
        doc=f"shim/run-*.js → {target}",
        recipe=__name__,
        file_dep=[],
        resources=_sources("run-*.js"),
        targets=[target],
        reads=shim_settings(function),
        action=make,
    )


def native_stage(function: Function) -> Stage:
    """Compile the native bootstrap with the function's settings in it."""
    target = products.Products(function).shim

    def make() -> str:
        from .lib import shim

        shim.bootstrap(
            SHIM, shim.ShimSettings(**shim_settings(function)), target, shim.compilers(function.architecture)
        )
        return f"shim/*.c → {target}  {files.human(target.stat().st_size)}"

    return task(
        name=f"shim:{function.name}",
        doc=f"shim/*.c → {target}",
        recipe=__name__,
        task_dep=["image"],
        file_dep=[products.IMAGE],
        resources=_sources("*.c", "*.h"),
        targets=[target],
        reads=shim_settings(function) | {"architecture": function.architecture},
        action=make,
    )


@cache
def _sources(*patterns: str) -> tuple[Path, ...]:
    return tuple(sorted(path for pattern in patterns for path in SHIM.glob(pattern)))
