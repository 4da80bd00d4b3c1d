"""lambda.lock: what the zips were made with, so that other bytes are told, or refused, before they are packed.

in   the toolchain, the libraries that travel with each function
out  `Lock`, as `read` and `write` keep it; `differences(…)` → a sentence for all that a build would do otherwise

The file is to be committed. A library is compared by its content; package and version are there to be read. Of a
container counts what it is made of, since each engine gives an image of its own an id of its own.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .base import toml
from .base.errors import PackageError
from .base.files import human, write
from .build.machine import Toolchain

FORMAT = 1
HEAD = "# What the zips are made with. Written by `doit lock`; commit it.\n"


@dataclass(frozen=True)
class Library:
    """A file that travels in lib/; package and version are "" for one that belongs to none."""

    size_bytes: int
    sha256: str
    package: str = ""
    version: str = ""

    @property
    def description(self) -> str:
        """Package, version and size, for people."""
        return f"{self.package or 'of no package'}{self.version and ' '}{self.version} ({human(self.size_bytes)})"


@dataclass(frozen=True)
class Lock:
    """The toolchain by the names of its parts, and each function's libraries by name."""

    toolchain: Mapping[str, str] = field(default_factory=dict)
    functions: Mapping[str, Mapping[str, Library]] = field(default_factory=dict)


def toolchain_row(toolchain: Toolchain) -> dict[str, str]:
    """What of a toolchain decides over bytes."""
    row = {"builder": toolchain.builder, "image": toolchain.recipe, "ghc": toolchain.tools.get("ghc", "")}
    return row | {"libc": toolchain.libc, "architecture": toolchain.architecture}


def read(path: Path) -> Lock | None:
    """The lock; None where there is none, PackageError for one that cannot be read."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        if raw["format"] != FORMAT:
            raise PackageError(f"{path} is of another version of this tool.", "Run `doit lock`, which writes it anew.")
        functions = {
            name: {library: Library(**row) for library, row in rows.items()}
            for name, rows in raw.get("function", {}).items()
        }
        return Lock(dict(raw["toolchain"]), functions)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PackageError(f"{path} cannot be read: {error}.", "Run `doit lock`, which writes it anew.") from error


def save(path: Path, lock: Lock) -> bool:
    """Write the lock, a line a library, sorted; True if anything had to change."""
    lines = [HEAD, f"format = {FORMAT}\n\n[toolchain]\n"]
    lines += [f"{name} = {toml.value(value)}\n" for name, value in lock.toolchain.items()]
    for function, libraries in sorted(lock.functions.items()):
        lines.append(f"\n[function.{toml.key(function)}]\n")
        for name, item in sorted(libraries.items()):
            row = {
                "package": item.package,
                "version": item.version,
                "size_bytes": item.size_bytes,
                "sha256": item.sha256,
            }
            inner = ", ".join(f"{part} = {toml.value(value)}" for part, value in row.items())
            lines.append(f"{toml.key(name)} = {{ {inner} }}\n")
    return write(path, "".join(lines).encode())


def libraries(packed: Iterable[Mapping[str, Any]], owners: Mapping[str, tuple[str, str]]) -> dict[str, Library]:
    """The rows of needed-libs.json's `pack`, with the packages of their paths."""
    return {
        str(item["name"]): Library(item["size_bytes"], item["sha256"], *owners.get(item["path"], ("", "")))
        for item in packed
    }


def differences(
    lock: Lock,
    function: str,
    toolchain: Toolchain | None,
    packed: Iterable[Mapping[str, Any]],
    owners: Callable[[list[str]], Mapping[str, tuple[str, str]]],
) -> Iterator[str]:
    """What a function would be made with, and is not in the lock: a clause each.

    `toolchain`: None for a prebuilt program; `owners` is asked for the packages of libraries that differ, and of no
    others.
    """
    for name, now in toolchain_row(toolchain).items() if toolchain else ():
        if now != lock.toolchain.get(name, ""):
            yield f"{name} is {now or 'none'} now, was {lock.toolchain.get(name) or 'none'}"
    known = lock.functions.get(function)
    if known is None:
        yield f"{function} is not in it"
        return
    rows = {str(item["name"]): item for item in packed}
    changed = [name for name in rows if name not in known or known[name].sha256 != rows[name]["sha256"]]
    found = libraries(
        [rows[name] for name in changed], owners([rows[name]["path"] for name in changed]) if changed else {}
    )
    for name, item in sorted(found.items()):
        before = f"was {known[name].description}" if name in known else "was not there"
        yield f"{name} is {item.description} now, {before}"
    yield from (
        f"{name}, {item.description}, is not there now" for name, item in sorted(known.items()) if name not in rows
    )
