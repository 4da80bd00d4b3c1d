"""The layers of a function: zips, laid over each other below /opt as Lambda lays them.

in   zips of layers, in the order of `layers`; whether there are more whose files are not at hand
out  `below_opt(zips)` → BelowOpt, as long as its `with` lasts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import PackageError
from ..base.files import exists, scratch
from ..gate.lambda_root import NO_LAYERS, Contents, Layers
from .unzip import unpack

if TYPE_CHECKING:
    from ..gate.verdict import Note, Problem, Unproved
    from ..sysroot.member import Member


@dataclass(frozen=True, slots=True)
class BelowOpt:
    """Layers, and what was odd about their zips."""

    layers: Layers = NO_LAYERS
    notes: tuple[Note, ...] = ()
    problems: tuple[Problem, ...] = ()
    unproved: tuple[Unproved, ...] = ()


@contextmanager
def below_opt(zips: Sequence[Path], *, unread: bool = False) -> Iterator[BelowOpt]:
    """The layers, whose larger files lie in a temporary folder meanwhile; PackageError for a zip that is no use."""
    if not zips:
        yield BelowOpt(Layers(unread=unread))
        return
    with scratch("layers") as folder:
        found = []
        for number, path in enumerate(zips):
            if not exists(path):
                raise PackageError(f"There is no layer {path}.", "Correct layer_zips in lambda.toml, or --layer.")
            place = folder / str(number)
            place.mkdir()
            found.append(unpack(path, place))
        yield BelowOpt(
            Layers(merged_contents([one.contents for one in found]), unread),
            tuple(note for one in found for note in one.notes),
            tuple(problem for one in found for problem in one.problems),
            tuple(doubt for one in found for doubt in one.unproved),
        )


def merged_contents(layers: Sequence[Contents]) -> Contents:
    """Layers over each other, the later ones on top."""
    members: dict[str, Member] = {}
    folders: dict[str, int] = {}
    links: dict[str, str] = {}
    for layer in layers:
        for name in (*layer.members, *layer.links):
            members.pop(name, None)
            links.pop(name, None)
        members |= layer.members
        folders |= layer.folders
        links |= layer.links
    return Contents(members, folders, links)
