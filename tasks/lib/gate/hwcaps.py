"""Copies of libraries for better processors, in folders glibc-hwcaps/: the loader takes them where it can.

in   a LambdaRoot, what was walked in it
out  `better(root, walked)` → Unproved for each copy; `of_level(name, level)` → that for one
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .lambda_root import LambdaRoot, name_in_package
from .verdict import Doubt, Unproved, printable

if TYPE_CHECKING:
    from ..loader.closure import Closure

LEVELS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")  # folders below glibc-hwcaps


def better(root: LambdaRoot, walked: Closure) -> Iterator[Unproved]:
    """Copies for better processors, which glibc takes first where it can: the one for every processor is judged."""
    for item in walked.objects[1:]:
        folder, _, name = item.path.rpartition("/")
        for level in LEVELS:
            path = f"{folder}/glibc-hwcaps/{level}/{name}"
            if item.from_package and root.member(path) is not None:
                yield of_level(printable(name_in_package(path)), level)


def of_level(name: str, level: str) -> Unproved:
    """The doubt about a copy for one level."""
    message = f"it is taken on processors of level {level}, and only the one for every processor is judged."
    return Unproved(Doubt.PROCESSOR, name, message, "Leave it out of the package.")
