"""`doit doctor`: what this machine has for building, running and deploying, and the command for what it lacks.

in   this machine, the table [build], the credentials that boto3 finds
out  a line a thing on stdout, or with --json one document; exit 1 when nothing could be built here
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import products
from .graph.reporter import GREEN, RED, YELLOW, coloured_text
from .graph.verb import Line, Verb, json_option, parse_with
from .lib.base.errors import typable

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from .lib.settings.load import Project


def define(project: Project) -> Verb:
    """About the machine, and about no function."""
    return Verb(
        "doctor",
        "what this machine has and lacks, with the command that mends it",
        Line(parse_with(options)),
        lambda given: act(project, given),
    )


def act(project: Project, given: Any) -> int:
    """Look, and print what was found; exit 1 when nothing could be built here."""
    from .lib import doctor

    found = [*doctor.building(project.build), *doctor.running(products.downloads())]
    found += [] if given.offline else doctor.deploying(project)
    able = doctor.can_build(found, project.build.builder)
    found = doctor.mark_needed(found, project.build.builder)
    if given.json:
        print(json.dumps({"can_build": able, "things": [item._asdict() for item in found]}, indent=2))
        return 0 if able else 1
    width = max(len(item.name) for item in found)
    for item in found:
        mark = ("ok", GREEN) if item.good else ("lacks", YELLOW) if item.optional else ("lacks", RED)
        print(f"{coloured_text(f'{mark[0]:5}', mark[1], sys.stdout)}  {item.name:{width}}  {typable(item.detail)}")
        if not item.good and item.cure:
            print(f"{'':{width + 9}}→ {typable(item.cure)}")
    return 0 if able else 1


def without_project(words: Sequence[str]) -> int:
    """`haskell-on-lambda doctor` before there is a lambda.toml: the defaults of one."""
    from .lib.settings.load import Build, Deploy, Project

    return act(Project(Path(), Build(), Deploy(), None, ()), parse_with(options)("haskell-on-lambda doctor", [*words]))


def options(parser: ArgumentParser) -> None:
    """`doit doctor [--offline] [--json]`."""
    parser.description = "What this machine has for building, running and deploying."
    parser.add_argument("--offline", action="store_true", help="do not ask AWS who you are")
    json_option(parser)
