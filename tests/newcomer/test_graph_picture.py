"""`doit graph`: the states are true, and any name is drawn as a name."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from tasks.lib.report.board import Box, board
from tests.support import TINY, Workshop

SVG = "{http://www.w3.org/2000/svg}"


def states(tiny: Workshop) -> dict[str, str]:
    tiny.good("graph")
    tree = ET.parse(tiny.folder / "build/graph.svg")
    titles = [str(group.findtext(f"{SVG}title")) for group in tree.iter(f"{SVG}g")]
    return {title.partition(": ")[0]: title.partition(": ")[2] for title in titles}


def test_states_sizes_and_ages_are_drawn(tiny: Workshop) -> None:
    tiny.good()
    drawn = states(tiny)
    assert set(drawn) == {"image"} | {
        f"{stage}:{name}" for stage in ("binary", "needed-libs", "shim", "zip", "deploy") for name in ("one", "two")
    }
    assert drawn["zip:two"].startswith("rests, ")
    assert drawn["zip:two"].endswith("kB")
    assert drawn["deploy:two"] == "not run yet"
    tiny.write("hs/two/Main.hs", TINY + "-- changed\n")
    drawn = states(tiny)
    assert drawn["zip:two"].startswith("would run")
    assert drawn["zip:one"].startswith("rests")
    assert "binary:two" in tiny.good().ran


def test_a_name_is_text_and_never_markup() -> None:
    drawn = board([Box("image", "rest", ""), Box("zip:<b>&", "new", '"<x>"', ("image",))])
    titles = [group.findtext(f"{SVG}title") for group in ET.fromstring(drawn).iter(f"{SVG}g")]
    assert titles == ["image: rests", 'zip:<b>&: not run yet, "<x>"']
