"""The toolchain.

in   ghc-centos/*, the table [build] of lambda.toml
out  build/image.json: builder, image id, compiler versions, libc
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import products
from .graph.stage import Stage
from .graph.state import once_for
from .graph.task import removal, show, task
from .lib import builder
from .lib.base import derived, files
from .lib.base.errors import EngineError, typable
from .lib.base.resources import resource
from .lib.base.walk import walk
from .lib.platform.layout import DATA

if TYPE_CHECKING:
    from .lib.settings.load import Project


def define(project: Project) -> Stage:
    """One task for all functions."""
    here = (project.build, products.WORK, products.CACHE)

    def log(line: str) -> None:
        show("image", line)

    def make() -> str:
        toolchain = builder.machine_for(*here, log).toolchain(log)
        files.write_json(products.IMAGE, toolchain)
        return toolchain.summary

    def clean(dryrun: bool) -> None:  # noqa: FBT001 - doit passes it by this name
        if not builder.on_host(project.build, products.IMAGE):
            from .lib.engine import machine as docker

            with suppress(EngineError):  # an engine that is not there holds nothing back
                for thing in docker.inventory(products.CACHE):
                    print(typable(f"left in the container engine (doit purge removes it): {thing}"))
        removal([products.IMAGE, products.WORK, products.CACHE, products.REPORT, *obsolete_products(project)], dryrun)

    return task(
        name="image",
        doc="the toolchain: a container image, or this host's GHC",
        recipe=__name__,
        file_dep=[],
        resources=tuple(walk(resource("ghc-centos"))),
        targets=[products.IMAGE],
        reads=builder.compiling(project.build) | {"engines": builder.engine_candidates(project.build)},
        surroundings=once_for(products.IMAGE, lambda: builder.chosen_versions(project.build, products.IMAGE)),
        watches=lambda: builder.toolchain_files(project.build, products.IMAGE),
        action=make,
        clean=clean,
    )


def obsolete_products(project: Project) -> list[Path]:
    """Products in build/ that no function of lambda.toml makes any longer; what others put there is none of them."""
    now = {path for product in map(products.Products, project.functions) for path in product.everything}
    gone = [path for path in derived.made_files() if not now & {path, *path.parents}]
    return [*gone, *sorted({path.parent / DATA for path in gone})]  # a folder that may be empty
