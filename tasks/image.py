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
    here = (project.build, paths.WORK, paths.CACHE)

    def log(line: str) -> None:
        adapter.show("image", line)

    def make() -> str:
        toolchain = builders.chosen(*here, log).toolchain(log)
        files.write_json(paths.IMAGE, toolchain)
        return toolchain.summary

    def tell() -> None:
        if not builders.on_host(project.build, paths.IMAGE):
            from tasks.lib.builders import docker

            for thing in docker.left(paths.CACHE):
                print(f"left in the container engine: {thing}")

    made = adapter.task(
        doc="the toolchain: a container image, or this host's GHC",
        file_dep=[
            *(path for path in sorted(Path("ghc-centos").rglob("*")) if path.is_file()),
            *adapter.recipe("image.py", "lib/builders"),
        ],
        targets=[paths.IMAGE],
        reads=asdict(project.build) | {"engines": builders.places(project.build)},
        watches=lambda: builders.witnesses(*here, paths.IMAGE),
        action=make,
        cleans=[paths.WORK, paths.CACHE, paths.REPORT, *gone(project)],
    )
    return made | {"clean": [adapter.Removal(tell), *made["clean"]]}


def gone(project: Project) -> list[Path]:
    """Folders of functions that lambda.toml has no more."""
    known = {function.name for function in project.functions}
    return [path for path in paths.BUILD.glob("[!.]*") if path.is_dir() and path.name not in known]
