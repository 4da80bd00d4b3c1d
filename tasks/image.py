"""The toolchain.

in   ghc-centos/*, the table [build] of lambda.toml
out  build/image.json: builder, image id, compiler versions, libc
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from tasks import adapter, paths
from tasks.lib import builders, files
from tasks.lib.config import Project


def define(project: Project) -> dict[str, Any]:
    """One task for all functions."""
    machine = builders.chosen(project.build, paths.WORK, paths.CACHE)

    def make() -> str:
        toolchain = machine.toolchain()
        files.write_json(paths.IMAGE, toolchain)
        return toolchain.summary

    return adapter.task(
        doc="the toolchain: a container image, or this host's GHC",
        file_dep=[*sorted(Path("ghc-centos").glob("*")), *adapter.recipe("image.py", "lib/builders")],
        targets=[paths.IMAGE],
        reads=asdict(project.build),
        watches=machine.witnesses,
        action=make,
        cleans=[paths.WORK, paths.CACHE, paths.REPORT, *gone(project)],
    )


def gone(project: Project) -> list[Path]:
    """Folders of functions that lambda.toml has no more."""
    known = {function.name for function in project.functions}
    return [path for path in paths.BUILD.glob("[!.]*") if path.is_dir() and path.name not in known]
