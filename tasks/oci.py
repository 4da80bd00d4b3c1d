"""The package as a container image, where `package = "image"` asks for one.

in   lambda.zip: the same members, proved by its task; image_base
out  build/<fn>/image.tar: our own layer and the image's configuration, the same bytes for the same files
     build/<fn>/image.json: the image's id, and what it stands on
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import products
from .graph.stage import Stage, group
from .graph.task import Tasks, task, warn
from .lib.base import files
from .lib.base.errors import PackageError
from .lib.platform.runtimes import base_image

if TYPE_CHECKING:
    from pathlib import Path

    from .lib.package.oci import Image
    from .lib.settings.load import Function, Project
    from .lib.sysroot.member import Member

BASES = products.CACHE / "bases"


def define(project: Project) -> Tasks:
    """One task a function that is deployed as an image."""
    stages = (stage(function) for function in project.built_functions if function.is_image)
    return group("oci", "the package as a container image: lambda.zip → build/<fn>/image.tar", stages)


def stage(function: Function) -> Stage:
    """Lay the zip's members over the base."""
    made = products.Products(function)

    def make() -> str:
        from .lib.package import oci
        from .lib.package import zip as archive
        from .lib.platform.layout import BOOTSTRAP, TASK

        members = archive.members_of(made.zip)
        below: dict[str, Any] = {}
        if over(function) == oci.SCRATCH:
            stands_alone(function, members)
        else:
            if function.image_base:
                what = f"what {function.image_base} has: the files are proved against {function.runtime} itself"
                warn(function.name, f"not proved: {what}")
            base_id, kept = base(function)
            below = {"base_id": base_id, "below": oci.base_config(kept)}
        entry = [] if function.on_node else [f"{TASK}/{BOOTSTRAP}"]
        image = oci.write(
            made.image_archive,
            members,
            name=function.name,
            architecture=function.architecture,
            entry=entry,
            command=[function.handler],
            base=over(function),
            **below,
        )
        files.write_json(made.image, image)
        size = files.human(made.image_archive.stat().st_size)
        return f"{made.image_archive}  {size} over {over(function)}, image {image.id[:12]}"

    return task(
        name=f"oci:{function.name}",
        doc=f"{made.zip} → {made.image_archive}",
        recipe=__name__,
        task_dep=[f"zip:{function.name}"],
        file_dep=[made.zip],
        targets=[made.image_archive, made.image],
        reads={
            "base": over(function),
            "runtime": function.runtime,
            "architecture": function.architecture,
            "handler": function.handler,
            "program": function.program,
        },
        action=make,
    )


def over(function: Function) -> str:
    """What the function's image stands on: image_base, else AWS's own image of the runtime."""
    return function.image_base or base_image(function.runtime)


def base(function: Function) -> tuple[str, Path]:
    """The id and the archive of what the function's image stands on."""
    from .lib.engine import registry
    from .lib.platform.architecture import Architecture

    platform = f"linux/{Architecture(function.architecture).oci}"
    return registry.saved_base(over(function), platform, BASES, lambda line: print(f"   {line}", file=sys.stderr))


def base_of(function: Function, image: Image) -> Path:
    """The archive of what an image was made over; PackageError when that is no more what its name means."""
    kept = BASES / f"{image.base_id[:16]}.tar"
    if files.is_file(kept):
        return kept
    found, kept = base(function)
    if found != image.base_id:
        raise PackageError(
            f"{image.base} is another image than the one that {function.name} was made over.",
            f"Make it anew: doit forget oci:{function.name}, then doit oci:{function.name}",
        )
    return kept


def stands_alone(function: Function, members: Mapping[str, Member]) -> None:
    """PackageError when the files need anything of the runtime's own system."""
    from .lib.gate import judge

    found = judge.examine(
        members, runtime=function.runtime, architecture=function.architecture, program=function.program
    )
    needed = sorted({item.name for item in found.objects if item.source == "runtime"})
    if needed:
        raise PackageError(
            f'{function.name} needs {", ".join(needed)} of {function.runtime}, and image_base = "scratch" has nothing.',
            'Set libc = "static" or "bundled" in lambda.toml, or leave image_base out.',
        )
