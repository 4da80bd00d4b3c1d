"""The graph as a picture: a row a function, a column a stage, a box a task with its state, age, duration and size.

in   a `Box` a task
out  `board(boxes)` → one SVG, without script and network, readable in light and dark
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

STAGES = ("image", "binary", "needed-libs", "shim", "zip", "deploy")
WIDE, HIGH, GAP, LEFT, TOP = 150, 68, 26, 16, 44
CHARACTERS = 24  # that fit in a box
STYLE = """<style>
svg.board { --ink: #222; --line: #999; --rest: #dff3e4; --run: #fde8c8; --new: #e9e9ee; background: #fff }
@media (prefers-color-scheme: dark) {
  svg.board { --ink: #eee; --line: #777; --rest: #1f4d2e; --run: #6b4410; --new: #3a3a44; background: #16161c }
}
.board text { font: 12px system-ui, sans-serif; fill: var(--ink) } .board .n { font-weight: 600 }
.board .d { font-size: 11px } .board rect { stroke: var(--line) } .board .rest { fill: var(--rest) }
.board .run { fill: var(--run) } .board .new { fill: var(--new) } .board path { stroke: var(--line); fill: none }
</style>"""
WORDS = {"rest": "rests", "run": "would run", "new": "not run yet"}


class Box(NamedTuple):
    """One task: `state` is rest, run or new; `age` since it ran, `figures` a line about its run and its product."""

    name: str
    state: str
    age: str = ""
    figures: str = ""
    after: tuple[str, ...] = ()


def board(boxes: Sequence[Box]) -> str:
    """All boxes with their arrows."""
    functions = list(dict.fromkeys(box.name.partition(":")[2] for box in boxes if ":" in box.name))
    spots: dict[str, tuple[int, int]] = {}
    for box in boxes:
        stage, _, function = box.name.partition(":")
        row = functions.index(function) if function else 0
        spots[box.name] = LEFT + STAGES.index(stage) * (WIDE + GAP), TOP + row * (HIGH + GAP)
    width = LEFT * 2 + len(STAGES) * (WIDE + GAP) - GAP
    height = TOP + max(len(functions), 1) * (HIGH + GAP)
    arrows = [_arrow(spots[before], spots[box.name]) for box in boxes for before in box.after if before in spots]
    shown = [_box(box, *spots[box.name]) for box in boxes]
    heads = [f'<text class="n" x="{LEFT + i * (WIDE + GAP)}" y="26">{stage}</text>' for i, stage in enumerate(STAGES)]
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    title = "<title>The tasks, and which of them would run</title>"
    return "\n".join(
        [
            f'<svg class="board" xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            title,
            STYLE,
            *heads,
            *arrows,
            *shown,
            "</svg>\n",
        ]
    )


def _box(box: Box, x: int, y: int) -> str:
    name = box.name.partition(":")[2] or box.name
    words = ", ".join(filter(None, [WORDS[box.state], box.age]))
    whole = ", ".join(filter(None, [words, box.figures]))
    return (
        f"<g><title>{escape(f'{box.name}: {whole}')}</title>"
        f'<rect class="{box.state}" x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="6"/>'
        f'<text class="n" x="{x + 10}" y="{y + 21}">{escape(_short(name, CHARACTERS - 4))}</text>'
        f'<text class="d" x="{x + 10}" y="{y + 39}">{escape(_short(words, CHARACTERS))}</text>'
        f'<text class="d" x="{x + 10}" y="{y + 56}">{escape(_short(box.figures, CHARACTERS))}</text></g>'
    )


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x, y = start[0] + WIDE, start[1] + HIGH // 2
    to, down = end[0], end[1] + HIGH // 2
    return f'<path d="M{x} {y}C{x + GAP} {y} {to - GAP} {down} {to} {down}"/>'
