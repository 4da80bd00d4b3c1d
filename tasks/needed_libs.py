"""The libraries of each executable: found by walking DT_NEEDED, never by running anything.

in   the executable, the builder's file system, `include` where it names libraries, zips of its layers
out  build/<fn>/needed-libs.json (what is needed by whom, and the verdict), build/<fn>/lib/
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from . import products
from .graph.stage import Stage, group
from .graph.task import Tasks, task
from .lib import builder
from .lib.base import files
from .lib.package import members

if TYPE_CHECKING:
    from .lib.settings.load import Function, Project


def define(project: Project) -> Tasks:
    """One task a function."""
    stages = (stage(project, function) for function in project.built_functions)
    return group(
        "needed-libs", "the libraries it needs: DT_NEEDED, transitively → build/<fn>/needed-libs.json, lib/", stages
    )


def stage(project: Project, function: Function) -> Stage:
    """Walk the program, pack its libraries."""
    made = products.Products(function)
    wanted = members.libraries(function.include)

    def walk() -> str:
        from .lib.libs import needed, packed
        from .lib.package.layers import below_opt

        sysroot = builder.recorded_machine(project.build, products.WORK, products.CACHE, products.IMAGE).sysroot()
        with below_opt(products.layers(function), unread=function.layers_unread) as laid:
            found = needed.needed(
                made.executable,
                sysroot=sysroot,
                runtime=function.runtime,
                architecture=function.architecture,
                libc=function.libc,
                include=wanted,
                origin=Path(function.binary) if function.binary else None,
                layers=laid.layers,
            )
        packed.pack(found, sysroot, made.libs)
        files.write_json(made.needed_libs, found)
        names = [item.name for item in found.pack if "gconv/" not in item.name]
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")  # noqa: PLR2004 - what fits on a line
        total = files.human(sum(item.size_bytes for item in found.pack))
        summary = f"{len(found.pack)} to pack, {total}: {shown}; " if found.pack else ""
        return f"{summary}libc = {found.libc.chosen}: {found.libc.reason}"

    return task(
        name=f"needed-libs:{function.name}",
        doc=f"{made.executable} → {made.needed_libs}, {made.libs}/",
        recipe=__name__,
        task_dep=["image", f"binary:{function.name}"],
        file_dep=[products.IMAGE, made.executable, *filter(files.is_file, products.layers(function))],
        targets=[made.needed_libs, made.libs],
        reads={
            "runtime": function.runtime,
            "architecture": function.architecture,
            "libc": function.libc,
            "include": wanted,
            "layers": [function.layers_unread, function.layer_zips],
        },
        copied=lambda: sources(made.needed_libs) if builder.on_host(project.build, products.IMAGE) else [],
        action=walk,
    )


def sources(manifest: Path) -> list[Path]:
    """The files of this host that the packed libraries were copied from: an upgrade replaces them."""
    try:
        listed = json.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return []
    return [Path(item["path"]) for item in listed.get("pack", ())]
