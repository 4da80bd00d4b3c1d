"""`doit purge`: remove this project's image, volumes and containers; `clean` keeps them, an image takes minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import products
from .graph.lock import lock
from .graph.verb import Line, Verb, parse_with
from .lib.base import derived

if TYPE_CHECKING:
    from argparse import ArgumentParser


def define() -> Verb:
    """Remove this project's image, volumes and containers; `clean` keeps them."""
    doc = "remove this project's image, volumes and containers from the container engine"

    def options(parser: ArgumentParser) -> None:
        parser.description = doc
        parser.add_argument("--dry-run", "-n", action="store_true", help="only say what there is")

    def act(given: Any) -> None:
        from .lib.engine import machine as docker

        if not given.dry_run:
            lock()  # a build at work, or another purge, has what would be removed
        things = docker.inventory(products.CACHE)
        for thing in things:
            print(f"{'would remove' if given.dry_run else 'removing'} {thing}")
        if not things:
            print("The container engine holds nothing of this project.")
        elif not given.dry_run:
            docker.purge(products.CACHE)
            derived.remove(products.IMAGE)  # it tells of the image

    return Verb("purge", doc, Line(parse_with(options)), act)
