"""The executable of each function.

in   its sources and build/image.json, or a prebuilt file; on this host its compiler's packages, and their data
out  build/<fn>/<executable>, stripped; build/<fn>/data-files/, what its packages read at run time;
     build/.cache/logs/<fn>.log, all that the compilers printed
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import products
from .graph.stage import Stage, group
from .graph.state import once_for
from .graph.task import Tasks, show, task, warn
from .lib import builder
from .lib.base import derived, files
from .lib.base.errors import BuildError, naming
from .lib.build.sources import Tree, tree
from .lib.settings.words import Builder

if TYPE_CHECKING:
    from .lib.build.datafiles import Found
    from .lib.build.machine import Machine
    from .lib.settings.load import Function, Project


def define(project: Project) -> Tasks:
    """One task a function."""
    here = once_for(products.IMAGE, lambda: builder.surroundings(project.build, products.IMAGE))
    stages = (
        prebuilt(function) if function.binary else stage(project, function, here)
        for function in project.built_functions
    )
    return group("binary", "each function's executable: its sources → build/<fn>/<executable>", stages)


def stage(project: Project, function: Function, here: Callable[[], Mapping[str, Any]]) -> Stage:
    """Build the sources. `here`: what of this host decides, and is no file."""
    target, logged = products.Products(function).executable, products.Products(function).build_log
    outside: list[Path] = []  # files and folders of this host that the build depends on
    unreadable: OSError | BuildError | None = None
    try:
        sources = tree(Path(function.source or ""), products.BUILD)
    except (OSError, BuildError) as error:  # said when the task runs: other functions have nothing to do with it
        unreadable, sources = error, Tree(Path(function.source or ""), ())

    def make() -> str:
        if unreadable:
            raise unreadable

        def log(line: str) -> None:
            show(function.name, line)

        machine = builder.machine_for(project.build, products.WORK, products.CACHE, log)
        toolchain = machine.toolchain(log)
        from .lib.build import haskell  # while this host tries what it was asked for
        from .lib.build.job import Job

        files.write_json(products.IMAGE, toolchain)  # as it was, unless the image or the engine has gone since
        if note := sources.lfs_note:
            warn(function.name, note)
        options, static = project.build.ghc_options, function.libc.is_linked_in
        job = Job(
            *(sources, function.executable, project.build.tool, options, target, static),
            flags=function.flags,
            constraints=function.constraints,
            source=Path(function.source or ""),
        )
        logged.parent.mkdir(parents=True, exist_ok=True)
        fresh = logged.with_suffix(".new")  # line by line: what compilers print may be larger than memory
        with naming(logged), fresh.open("w") as record:
            try:
                tool = haskell.build(machine, toolchain, job, log, lambda line: print(line, file=record))
            finally:
                record.flush()
                if record.tell():  # plain ghc with nothing to compile is silent: what it said last stays
                    fresh.replace(logged)
                derived.remove(fresh)
        folders = pack_data(function, machine, job.descriptions)
        outside[:] = [*machine.outside(), *folders] if machine.name == Builder.HOST else []
        return f"{sources.folder} → {target}  {size(target)}, with {tool}"

    return task(
        name=f"binary:{function.name}",
        doc=f"{function.source} → {target}",
        recipe=__name__,
        task_dep=["image"],
        file_dep=[products.IMAGE, *sources.files],
        targets=[target, products.Products(function).data, products.Products(function).data_list],
        reads={"source": function.source, "executable": function.executable, "static": function.libc.is_linked_in}
        | {"flags": function.flags, "constraints": function.constraints}
        | data_variables(function)
        | builder.compiling(project.build),
        surroundings=here,
        copied=lambda: outside,
        action=make,
    )


def data_variables(function: Function) -> dict[str, list[str]]:
    """What the data files depend on, but for the executable: the variables that lead elsewhere."""
    return {"data": sorted(name for name in function.environment or {} if "_datadir" in name)}


def pack_data(function: Function, machine: Machine, descriptions: Iterable[Path]) -> list[Path]:
    """Gather what the executable's packages read at run time; the folders of the machine that were looked into."""
    from .lib.build.datafiles import data_files

    made = products.Products(function)
    found, notes, folders = data_files(machine, made.executable, descriptions, function.environment or {})
    gather(found, made)
    for note in notes:
        warn(function.name, note)
    return folders


def gather(found: Found, made: products.Products) -> None:
    """Make the folder of data files hold just these, and the list name them."""
    contents = {f"{package}/{name}": read() for package, rows in found.items() for name, read in rows.items()}
    for path in derived.ours(made.data):
        if path.relative_to(made.data).as_posix() not in contents:
            derived.remove(path)
            derived.remove_empty(path.parent)
    derived.make_folder(made.data)
    for name, content in contents.items():
        files.write(made.data / name, content)
    files.write_json(made.data_list, {name: sha256(content).hexdigest() for name, content in sorted(contents.items())})


def prebuilt(function: Function) -> Stage:
    """Take a file as it is, and the data that its packages have on this host; nothing is run and nothing is changed."""
    made, given = products.Products(function), Path(function.binary or "")
    target = made.executable
    outside: list[Path] = []

    def make() -> str:
        if not files.is_file(given):
            raise BuildError(f"There is no file {given}.", "Correct `binary` of the function in lambda.toml.")
        if files.is_lfs_pointer(given):
            raise BuildError(f"{given} is a Git LFS pointer and not the program.", files.LFS_PULL)
        with files.replacement(target, files.PROGRAM_MODE) as temporary:
            shutil.copyfile(given, temporary)
        outside[:] = pack_data(function, builder.this_host(products.WORK, products.CACHE), ())
        return f"{given} → {target}  {size(target)}, prebuilt"

    return task(
        name=f"binary:{function.name}",
        doc=f"{given} → {target}",
        recipe=__name__,
        file_dep=[*([given] if files.is_file(given) else [])],
        targets=[target, made.data, made.data_list],
        reads={"binary": function.binary} | data_variables(function),
        copied=lambda: outside,
        action=make,
    )


def size(path: Path) -> str:
    """A file's size for people."""
    return files.human(path.stat().st_size)
