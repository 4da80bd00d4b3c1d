"""The package of each function, and the proof that it starts.

in   executable, needed-libs.json and lib/, shim, what `include` names, zips of layers, lambda.lock where there is one
out  build/<fn>/lambda.zip, build/<fn>/lambda.sha256 (its CodeSha256)
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from . import products
from .graph.stage import Stage, group
from .graph.task import Tasks, task, warn
from .lib.base import files
from .lib.base.errors import PackageError
from .lib.package import members
from .lib.platform import runtimes
from .lib.settings.words import Process

if TYPE_CHECKING:
    from .lib.settings.load import Function, Project


FINISHED = ("zip", "runtime", "architecture", "handler", "layers_unread", "layer_zips")


def define(project: Project) -> Tasks:
    """One task a function."""
    locked = [products.LOCK, products.IMAGE] if products.LOCK.exists() else []
    functions = project.packed_functions
    stages = (stage(project, item, locked) if item.is_built else finished_stage(item) for item in functions)
    return group("zip", "the package, proved to start: all of the above → build/<fn>/lambda.zip", stages)


def stage(project: Project, function: Function, locked: list[Path]) -> Stage:
    """Prove, then pack. `locked`: what says how it was made, where that is kept."""
    made = products.Products(function)
    source = Path(function.source or ".")
    layers = list(filter(files.is_file, products.layers(function)))
    extra: dict[str, Path] = {}
    with suppress(PackageError):  # said when the task runs
        extra = members.included_files(function.include, source)

    def make() -> str:
        from .lib import shim
        from .lib.gate import judge
        from .lib.libs.bundle import zip_name
        from .lib.package import moved
        from .lib.package import zip as archive
        from .lib.package.layers import below_opt
        from .lock import unlike_lock

        unlike = unlike_lock(project, function)
        listed = json.loads(made.needed_libs.read_bytes())["pack"]  # a file that somebody put into lib/ does not travel
        libs = {zip_name(item["name"]): made.libs / item["name"] for item in listed}
        own = {function.program: made.executable, made.shim.name: made.shim}
        everything = members.joined_files(own, libs, data(made), members.included_files(function.include, source))
        packed = members.members(everything)
        with below_opt(products.layers(function), unread=function.layers_unread) as laid:
            verdict = judge.examine(
                packed,
                runtime=function.runtime,
                architecture=function.architecture,
                program=function.program,
                dlopen_names=members.libraries(function.include),
                layers=laid.layers,
            )
            verdict = judge.with_findings(verdict, laid.notes, laid.problems, laid.unproved)
        if verdict.problems:
            raise judge.error(verdict)
        for lack in verdict.unproved:
            warn(function.name, f"not proved: {lack.file}: {lack.message}\n  → {lack.hint}")
        if layers and function.layers is None:
            message = f"it is proved with {' and '.join(map(str, layers))} below /opt, and `layers` attaches nothing."
            warn(function.name, f"{message}\n  → name the layers' ARNs there, or attach them by other means")
        if function.process is Process.PER_EVENT and (warning := shim.rts_warning(made.executable)):
            warn(function.name, warning)
        before = moved.summary(made.zip)
        code_sha256 = archive.pack(packed, products.CACHE / "deflated", made.zip)
        files.write(made.sha256, f"{code_sha256}\n".encode())
        after = moved.summary(made.zip)
        told = moved.difference(before, after) if after else ""
        if before != after:
            files.write(made.last_change, told.encode())
        if unlike:
            warn(function.name, f"{told}: {'; '.join(unlike)}\n  → if this is meant, run `doit lock`")
        libraries = f"{len(libs)} {'library' if len(libs) == 1 else 'libraries'}"
        where = f"{function.runtime}{' with its layers' if layers else ''}"
        return f"{made.zip}  {told}, {libraries}, {verdict.verdict} on {where}"

    return task(
        name=f"zip:{function.name}",
        doc=f"{made.folder}/* → {made.zip}",
        recipe=__name__,
        task_dep=[f"{stage}:{function.name}" for stage in ("binary", "needed-libs", "shim")],
        file_dep=[made.executable, made.needed_libs, made.shim, made.data_list, *extra.values(), *locked, *layers],
        targets=[made.zip, made.sha256],
        reads={
            "include": [function.include, sorted(extra)],
            "runtime": function.runtime,
            "architecture": function.architecture,
            "program": function.program,
            "process": function.process,
            "layers": [function.layers is None, function.layers_unread, function.layer_zips],
            "locked": project.build.locked,
        },
        action=make,
        cleans=lambda: [made.deployed_hash, made.invocations, made.addresses],
        warning=runtimes.ending(function.runtime),
    )


def finished_stage(function: Function) -> Stage:
    """Take a package that is there already: proved, and deployed to the byte."""
    made, given = products.Products(function), Path(function.zip or "")

    def make() -> str:
        from .lib.check.foreign import doubts
        from .lib.package import zip as archive

        if not files.is_file(given):
            raise PackageError(f"There is no file {given}.", "Correct `zip` of the function in lambda.toml.")
        for doubt in doubts(given, function, products.layers(function)):
            warn(function.name, doubt)
        files.copy(given, made.zip)
        files.write(made.sha256, f"{archive.code_sha256_of(made.zip)}\n".encode())
        return f"{given} → {made.zip}  {files.human(made.zip.stat().st_size)}, finished"

    settings = {name: getattr(function, name) for name in FINISHED}
    return task(
        name=f"zip:{function.name}",
        doc=f"{given} → {made.zip}",
        recipe=__name__,
        file_dep=[path for path in (given, *products.layers(function)) if files.is_file(path)],
        targets=[made.zip, made.sha256],
        reads=settings,
        action=make,
        cleans=lambda: [made.deployed_hash, made.invocations, made.addresses],
        warning=runtimes.ending(function.runtime),
    )


def data(made: products.Products) -> dict[str, Path]:
    """Name in the zip → file, for the data that the program's packages look for."""
    return {f"{made.data.name}/{name}": made.data / name for name in json.loads(made.data_list.read_bytes())}
