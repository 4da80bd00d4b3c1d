"""`doit graph`: the states are true, and any name is drawn as a name."""

from __future__ import annotations

import re
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
    assert re.search(r" ago, \d+\.\d s, [\d.]+ kB$", drawn["zip:two"])
    assert drawn["deploy:two"] == "not run yet"
    tiny.write("hs/two/Main.hs", TINY + "-- changed\n")
    drawn = states(tiny)
    assert drawn["zip:two"].startswith("would run")
    assert drawn["zip:one"].startswith("rests")
    assert "binary:two" in tiny.good().ran


def test_a_name_is_text_and_never_markup() -> None:
    drawn = board([Box("image", "rest", ""), Box("zip:<b>&", "new", figures='"<x>"', after=("image",))])
    titles = [group.findtext(f"{SVG}title") for group in ET.fromstring(drawn).iter(f"{SVG}g")]
    assert titles == ["image: rests", 'zip:<b>&: not run yet, "<x>"']


def test_the_report_has_the_tasks_and_is_the_same_when_nothing_changed(tiny: Workshop) -> None:
    tiny.good("clean")
    tiny.good("report")  # in one run with what it draws
    first = (tiny.folder / "build/report.html").read_text()
    assert "<title>zip:two: rests, " in first
    assert not re.search(r" ago|: would run|: not run yet", re.sub(r"<title>deploy:.*?</title>", "", first))
    assert "report" not in tiny.good("report").ran
