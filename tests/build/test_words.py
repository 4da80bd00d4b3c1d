"""What of a compiler's words a person sees."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tasks.lib.build.haskell import Hearing
from tasks.lib.build.sources import Tree

PLACES = "( src/B.hs, /w/top-1/dist-newstyle/build/B.o, /w/top-1/dist-newstyle/build/B.dyn_o )"


def shown(*lines: str) -> list[str]:
    """Those of a tool's lines that are shown while all is well."""
    found: list[str] = []
    job = SimpleNamespace(sources=Tree(Path("p"), ()), executable="one")
    hearing = Hearing(cast("Any", SimpleNamespace(workspace="/w")), cast("Any", job), found.append, lambda _: None)
    for line in lines:
        hearing(line)
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"[2 of 2] Compiling B                {PLACES}", "[2 of 2] Compiling B"),
        (f"[2 of 2] Compiling B                {PLACES} [A changed]", "[2 of 2] Compiling B [A changed]"),
        (
            f"[10 of 12] Compiling B.C[boot]       {PLACES} [Source file changed]",
            "[10 of 12] Compiling B.C[boot] [Source file changed]",
        ),
        ("[1 of 1] Compiling Main             ( my app/Main.hs, /w/a b/Main.o )", "[1 of 1] Compiling Main"),
        ("[1 of 1] Compiling Main             ( Main.hs, /w/o/Main.o ) [TH]", "[1 of 1] Compiling Main [TH]"),
    ],
    ids=["a module", "and why", "of a longer count", "with blanks", "for templates"],
)
def test_a_module_is_shown_without_its_places_and_with_the_reason(line: str, expected: str) -> None:
    assert shown(line) == [expected]


def test_what_nobody_must_act_on_is_not_shown() -> None:
    """Cabal 3.4 warns of a range that it has put there itself, in each package whose program uses its library."""
    said = (
        "Warning: The package has an extraneous version range for a dependency on an",
        "internal library: le -any && ==0.1. This version range includes the current",
    )
    assert shown(*said, "src/A.hs:3:1: warning: [-Wunused-top-binds]", "    Defined but not used", "Linking …") == [
        "src/A.hs:3:1: warning: [-Wunused-top-binds]",
        "    Defined but not used",
    ]


def test_a_message_stays_together_with_the_source_that_it_shows() -> None:
    said = ("A.hs:51:29: error:", "    Ambiguous", "   |", "51 | (<>)", "   |  ^^")
    assert shown(*said, "Building executable 'p'", "51 files") == list(said)
