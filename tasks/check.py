"""Would it start on Lambda? Any executable, any zip, built by anybody; nothing is run without --run.

in   files and options (docs/checking.md); without files, every function's zip on its own runtime
out  a tree and a verdict for each on stdout; exit 0 all start, 1 one does not, 2 one cannot be judged, 3 not proved
"""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

from . import products
from .graph.verb import Line, Verb

if TYPE_CHECKING:
    from .lib.settings.load import Project


def define(project: Project) -> Verb:
    """One verb, about no function in particular."""
    doc = "would it start on Lambda? any executable or zip; without any, all of build/"
    zips = [f"zip:{function.name}" for function in project.packed_functions]

    def act(words: list[str]) -> int:
        from .lib.check import command

        return (
            command.run(words, sys.stdout)
            if set(words) - {"--json"}
            else check_built_zips(project, json_wanted=bool(words))
        )

    return Verb("check", doc, Line(words_of), act, needs=lambda words: [] if set(words) - {"--json"} else zips)


def without_project(words: list[str]) -> int:
    """`haskell-on-lambda check FILE` where there is no lambda.toml."""
    from .lib.check import command

    return command.run(words_of("haskell-on-lambda check", words), sys.stdout)


def words_of(name: str, words: list[str]) -> list[str]:
    """The words as they are: the module that reads them is loaded when it has to; SystemExit for `--help` alone."""
    if words == ["--help"]:
        from .lib.check.options import parser

        reader = parser()
        reader.prog = name
        reader.parse_args(words)
    return words


def check_built_zips(project: Project, *, json_wanted: bool) -> int:
    """Check what was built here, each zip on the runtime it is for."""
    from .lib.check import command

    codes: list[int] = []
    documents: list[dict[str, Any]] = []
    for function in project.packed_functions:
        words = [str(products.Products(function).zip), "--runtime", function.runtime, "--arch", function.architecture]
        words += [word for path in products.layers(function) for word in ("--layer", str(path))]
        words += ["--layers-unread"] if function.layers_unread else []
        told = io.StringIO()
        codes.append(command.run([*words, "--json"] if json_wanted else words, told))
        if json_wanted:
            documents.append(json.loads(told.getvalue()))
        else:
            sys.stdout.write(told.getvalue() + "\n")
    if json_wanted:
        files = [file for document in documents for file in document["files"]]
        code = command.worst(codes)
        document = {"format": command.FORMAT, "starts": code == command.STARTS, "verdict": command.word(code)}
        print(json.dumps(document | {"files": files}, indent=2, sort_keys=True))
    return command.worst(codes)
