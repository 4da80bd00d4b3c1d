"""The libraries of a program as a tree for people, in the manner of lddtree, with tiers, sizes and origins.

in   the objects of a verdict
out  `tree(objects)` → lines; a library stands below the first that needs it, and is only named the next time
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..base.files import human
from ..gate.verdict import Object, Role, version_order
from ..loader.walk import MUSL_ITSELF

ROOTS = (Role.PROGRAM, Role.BOOTSTRAP, Role.HELPER)


def tree(objects: Sequence[Object], places: Mapping[str, str] | None = None) -> Iterator[str]:
    """Lines for every program; `places` tells where the build host has a packed file."""
    by_name: dict[str, Object] = {}
    for item in objects:
        by_name.setdefault(item.name.rpartition("/")[2], item)
    for loader in [item for item in objects if item.role is Role.LOADER and "ld-musl-" in item.name]:
        for name in MUSL_ITSELF:
            by_name.setdefault(f"{name}.so", loader)
        by_name.setdefault(loader.name.rpartition("/")[2].replace("ld-musl-", "libc.musl-"), loader)
    roots = [item for item in objects if item.role in ROOTS or (item.role is Role.LIBRARY and item.rule == "program")]
    for item in sorted(roots, key=lambda item: (*ROOTS, Role.LIBRARY).index(item.role)):
        yield f"{item.name}  {item.form}, {item.architecture}, {human(item.size_bytes)}"
        yield from _below(item, by_name, places or {}, {item.name}, "")


def _below(
    item: Object, by_name: Mapping[str, Object], places: Mapping[str, str], seen: set[str], indent: str
) -> Iterator[str]:
    """Depth-first without recursion: a chain of libraries may be as long as it likes."""
    stack = [(indent, iter(_branches(item)))]
    while stack:
        indent, branches = stack[-1]
        name, last = next(branches, ("", True))
        if not name:
            stack.pop()
            continue
        found = by_name.get(name.rpartition("/")[2])
        branch = f"{indent}{'└── ' if last else '├── '}{name}"
        if found is None:
            yield f"{branch}  not found"
            continue
        again = found.name in seen
        seen.add(found.name)
        yield f"{branch}  {found.tier}  {'above' if again else _facts(found, places)}"
        if not again:
            stack.append((indent + ("    " if last else "│   "), iter(_branches(found))))


def _branches(item: Object) -> list[tuple[str, bool]]:
    last = len(item.needed) - 1
    return [(name, number == last) for number, name in enumerate(item.needed) if name]


def _facts(item: Object, places: Mapping[str, str]) -> str:
    if item.source == "runtime":
        return "the runtime's"
    place = places.get(item.name.removeprefix("lib/"), "")
    glibc = [version.partition(" ")[2] for version in item.versions if re.search(r" GLIBC_\d", version)]
    floor = f", {max(glibc, key=version_order)}" if glibc else ""
    return f"{human(item.size_bytes)}{floor}{f'  {place}' if place else ''}"
