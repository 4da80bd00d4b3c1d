"""What the zips are made with, kept for the next build: `doit lock` writes lambda.lock anew.

in   image.json and each function's needed-libs.json; the package manager of the builder is asked whose each library is
out  lambda.lock, to be committed; what changed in it on stdout
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from . import products
from .graph.verb import Line, Verb, parse_with
from .lib import builder, lockfile
from .lib.base.errors import EngineError, PackageError
from .lib.build.machine import Toolchain
from .lib.build.packages import packages

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Function, Project

Owners = Callable[[list[str]], Mapping[str, tuple[str, str]]]


def define(project: Project) -> Verb:
    """About all functions of lambda.toml at once."""

    def act(_: Any) -> None:
        owned, functions = owners(project), {}
        for function in project.built_functions:
            packed = packed_libraries(function)
            functions[function.name] = lockfile.libraries(packed, owned([item["path"] for item in packed]))
        toolchain = recorded_toolchain()
        row = lockfile.toolchain_row(toolchain) if toolchain else {}
        changed = lockfile.save(products.LOCK, lockfile.Lock(row, functions))
        print(f"{products.LOCK} {'written' if changed else 'unchanged'}: {count(functions)}")

    needed = [f"needed-libs:{function.name}" for function in project.built_functions]
    return Verb(
        "lock", "what the zips are made with → lambda.lock", Line(parse_with(options)), act, needs=lambda _: needed
    )


def options(parser: ArgumentParser) -> None:
    """`doit lock`."""
    parser.description = "Write lambda.lock anew: compiler, builder image, each packed library with package and sha256."


def count(functions: Mapping[str, Mapping[str, lockfile.Library]]) -> str:
    """How much it holds, for people."""
    libraries = {(name, item.sha256) for rows in functions.values() for name, item in rows.items()}
    word = "library" if len(libraries) == 1 else "libraries"
    return f"{len(functions)} function{'s' * (len(functions) != 1)}, {len(libraries)} {word}"


def packed_libraries(function: Function) -> list[dict[str, Any]]:
    """The rows of the libraries that travel with a function."""
    rows: list[dict[str, Any]] = json.loads(products.Products(function).needed_libs.read_bytes())["pack"]
    return rows


def recorded_toolchain() -> Toolchain | None:
    """The toolchain that executables were made with; None where nothing has been built yet."""
    if not products.IMAGE.exists():
        return None
    return Toolchain.read(products.IMAGE.read_bytes())


def owners(project: Project) -> Owners:
    """Asks the machine that built for the packages of its files."""

    def owners_of(paths: list[str]) -> Mapping[str, tuple[str, str]]:
        machine = builder.recorded_machine(project.build, products.WORK, products.CACHE, products.IMAGE)
        return packages(machine, paths)

    return owners_of


def unlike_lock(project: Project, function: Function) -> list[str]:
    """What of a function is not as lambda.lock has it; PackageError where it has to be, and is not."""
    known = lockfile.read(products.LOCK)
    if known is None:
        if project.build.locked:
            raise PackageError(
                f"locked = true, and there is no {products.LOCK}.", "Run `doit lock`, and commit the file."
            )
        return []
    asked = owners(project)

    def owners_or_none(paths: list[str]) -> Mapping[str, tuple[str, str]]:
        with suppress(EngineError):  # what differs is known without it
            return asked(paths)
        return {}

    toolchain = None if function.binary else recorded_toolchain()
    found = list(lockfile.differences(known, function.name, toolchain, packed_libraries(function), owners_or_none))
    if found and project.build.locked:
        raise PackageError(
            f"{function.name} would be made with something else than {products.LOCK} has: {'; '.join(found)}.",
            "Build it with what was locked, or, if this is meant, run `doit lock` and commit the file.",
        )
    return found
