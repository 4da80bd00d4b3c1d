"""Who needs whom, as an SVG that reads on a phone: a library a row in load order, an arc for each need.

in   the objects of needed-libs.json, as plain dicts
out  `graph(objects)` → SVG text

Arcs lead down on the left, from who needs to what is needed, in the colour of what is needed. The runtime's C library
is one row: everything needs it, and its parts tell nothing. Rows and arcs are words in the page's table too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ..base.files import human

ROW, NARROWEST, WIDEST = 27, 34, 110
PHONE, LETTER, SMALL_LETTER = 350, 7.9, 6.7  # width a phone has for it; of a letter, in the page's two sizes
C_LIBRARY = "the runtime's C library"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture."""

    name: str
    tone: str
    size: str
    needs: tuple[str, ...]
    missing: bool = False


def rows(objects: Sequence[dict[str, Any]]) -> list[Row]:
    """The program, what it loads in order of depth, and what is missing."""
    loaded = [item for item in objects if item["role"] in {"program", "library", "loader"} and item["chain"]]
    loaded.sort(key=lambda item: (item["role"] != "program", len(item["chain"]), item["tier"] == "T0", item["name"]))
    known = {_short(item["name"]): _label(item) for item in loaded}
    found: dict[str, Row] = {}
    missing: dict[str, Row] = {}
    for item in loaded:
        label = _label(item)
        if label == C_LIBRARY:
            continue
        needs = tuple(dict.fromkeys(known.get(_short(name), _short(name)) for name in item["needed"]))
        size = human(item["size_bytes"]) if item["source"] == "package" else "the runtime's"
        found[label] = Row(label, _tone(item), size, needs)
        gone = [_short(name) for name in item["needed"] if _short(name) not in known]
        missing |= {name: Row(name, "missing", "not found", (), missing=True) for name in gone}
    if C_LIBRARY in known.values():
        missing[C_LIBRARY] = Row(C_LIBRARY, "t0", "", ())
    return [*found.values(), *missing.values()]


def _short(name: str) -> str:
    return str(name).rpartition("/")[2]


def _label(item: dict[str, Any]) -> str:
    runtime_s = item["source"] == "runtime" and item["tier"] == "T0"
    return C_LIBRARY if runtime_s else _short(item["name"])


def _tone(item: dict[str, Any]) -> str:
    return "own" if item["role"] == "program" else str(item["tier"]).lower()


def graph(objects: Sequence[dict[str, Any]]) -> str:
    """The SVG; empty for a program that needs nothing."""
    lines = rows(objects)
    if len(lines) < 2:  # noqa: PLR2004 - a program alone is no graph
        return ""
    place = {row.name: number for number, row in enumerate(lines)}
    longest = max((abs(place[name] - number) for number, row in enumerate(lines) for name in row.needs), default=1)
    left = min(WIDEST, NARROWEST + 9 * longest)
    height = ROW * len(lines) + 8
    text = max(LETTER * len(row.name) + SMALL_LETTER * len(row.size) for row in lines)
    width = max(PHONE, round(left + 30 + text))
    body = [*_arcs(lines, place, left, longest), *_labels(lines, left)]
    label = escape(f"Libraries of {lines[0].name} and who needs them; the same is in the table.", quote=True)
    opening = f'<svg viewBox="0 0 {width} {height}" style="max-width:{width}px" role="img" aria-label="{label}">'
    return "\n".join([opening, *body, "</svg>"])


def _arcs(lines: Sequence[Row], place: dict[str, int], left: int, longest: int) -> Iterator[str]:
    for number, row in enumerate(lines):
        for name in row.needs:
            if name not in place or name == row.name:
                continue
            top, bottom = _middle(number), _middle(place[name])
            bend = left - 16 - (left - 26) * abs(place[name] - number) / longest
            curve = f"M{left - 6} {top}C{bend:.0f} {top} {bend:.0f} {bottom} {left - 6} {bottom}"
            title = escape(f"{row.name} needs {name}")
            yield f'<path class="{lines[place[name]].tone}" d="{curve}"><title>{title}</title></path>'


def _labels(lines: Sequence[Row], left: int) -> Iterator[str]:
    for number, row in enumerate(lines):
        middle = _middle(number)
        mark = "gone" if row.missing else row.tone
        yield f'<circle class="{mark}" cx="{left}" cy="{middle}" r="5"/>'
        size = f' <tspan class="size" dx="6">{escape(row.size)}</tspan>' if row.size else ""
        tone = ' class="missing"' if row.missing else ""
        yield f'<text{tone} x="{left + 12}" y="{middle + 4}">{escape(row.name)}{size}</text>'


def _middle(number: int) -> int:
    return ROW * number + ROW // 2 + 4
