"""`doit doctor`: what this machine has for building, running and deploying, and the command for what it lacks.

in   this machine, the table [build], the credentials that boto3 finds
out  a line a thing on stdout, or with --json one document; exit 1 when nothing could be built here
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from . import products
from .graph.reporter import GREEN, RED, YELLOW, coloured
from .graph.verb import Line, Verb, parsed

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Verb:
    """About the machine, and about no function."""

    def act(given: Any) -> int:
        from .lib import doctor

        found = [*doctor.building(project.build), *doctor.running(products.CACHE)]
        found += [] if given.offline else doctor.deploying(project)
        able = doctor.can_build(found)
        if given.json:
            print(json.dumps({"can_build": able, "things": [item._asdict() for item in found]}, indent=2))
            return 0 if able else 1
        width = max(len(item.name) for item in found)
        for item in found:
            mark = ("ok", GREEN) if item.good else ("lacks", YELLOW) if item.optional else ("lacks", RED)
            print(f"{coloured(f'{mark[0]:5}', mark[1], sys.stdout)}  {item.name:{width}}  {item.detail}")
            if not item.good and item.cure:
                print(f"{'':{width + 9}}→ {item.cure}")
        return 0 if able else 1

    return Verb("doctor", "what this machine has and lacks, with the command that mends it", Line(parsed(options)), act)


def options(parser: ArgumentParser) -> None:
    """`doit doctor [--offline] [--json]`."""
    parser.description = "What this machine has for building, running and deploying."
    parser.add_argument("--offline", action="store_true", help="do not ask AWS who you are")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
