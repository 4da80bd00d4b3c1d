"""`doit new NAME`: a program of your own, which builds at once.

in   a name, --kind
out  its folder with a first test, its table in lambda.toml
"""

from __future__ import annotations

from .graph.verb import Line, Verb, parse_with


def define() -> Verb:
    """About no function that is there already."""

    def act(given: object) -> int:
        from .lib.scaffold import new

        return new.act(given)

    def options(reader: object) -> None:
        from .lib.scaffold import new

        new.options(reader)  # type: ignore[arg-type]

    return Verb("new", "a program of your own, which builds at once: doit new NAME", Line(parse_with(options)), act)
