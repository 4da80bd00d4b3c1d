"""The benchmark's figures as a picture, in the look of the report and the graph: docs/shims.svg.

in   bench/RESULTS.md, whose tables `bench/shim/compare.py --write` makes
out  `python docs/pictures/plots.py` writes the picture; a test holds it to the tables
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
RESULTS, PICTURE = ROOT / "bench/RESULTS.md", ROOT / "docs/shims.svg"
HEADING = "### Through the real emulator"
LEFT, WIDE, ROW, TOP, RIGHT = 285, 520, 26, 58, 90
MOST_US = 3_500  # what is longer is cut, and says so
OURS = ("native", "bootstrap", "Node shim")
STYLE = """<style>
svg { --ink: #20242b; --soft: #5b6270; --own: #35507a; --other: #b9b4a6; --line: #dedbd2; background: #fffefb }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8e6e0; --soft: #a3a9b5; --own: #86a8e0; --other: #5c5f68; --line: #333944; background: #1c2027 }
}
text { font: 13px system-ui, sans-serif; fill: var(--ink) } .h { font-size: 15px; font-weight: 600 }
.s { fill: var(--soft); font-size: 12px } .own { fill: var(--own) } .other { fill: var(--other) }
path { stroke: var(--line) }
</style>"""


class Row(NamedTuple):
    """One variant and its median for an event of 1 KB."""

    name: str
    median_us: int


def rows(results: str) -> list[Row]:
    """The table's rows, the quickest first."""
    table = results.partition(HEADING)[2].partition("###")[0]
    found = re.findall(r"^\| ([^|]+?) \| ([\d,]+) / ", table, re.MULTILINE)
    return sorted((Row(name, int(median.replace(",", ""))) for name, median in found), key=lambda row: row.median_us)


def picture(results: str) -> str:
    """An SVG: a bar a variant."""
    listed = rows(results)
    height = TOP + ROW * len(listed) + 14
    width = LEFT + WIDE + RIGHT
    lines = []
    for ms in range(4):
        x = LEFT + WIDE * ms * 1000 // MOST_US
        lines.append(
            f'<path d="M{x} {TOP - 14}V{height - 10}"/><text class="s" x="{x + 4}" y="{TOP - 6}">{ms} ms</text>'
        )
    for number, row in enumerate(listed):
        y = TOP + ROW * number
        long = row.median_us > MOST_US
        bar = WIDE * min(row.median_us, MOST_US) // MOST_US
        kind = "own" if row.name.startswith(OURS) else "other"
        said = f"{row.median_us / 1000:.2f} ms" + (" →" if long else "")
        lines.append(f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(row.name)}</text>')
        lines.append(f'<rect class="{kind}" x="{LEFT}" y="{y + 2}" width="{bar}" height="18" rx="4"/>')
        lines.append(f'<text class="s" x="{LEFT + bar + 6}" y="{y + 15}">{said}</text>')
    title = "An event of 1 KB through Lambda's emulator: median time; this project's ways in colour"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
    return "\n".join(
        [head, f"<title>{title}</title>", STYLE, f'<text class="h" x="14" y="24">{title}</text>', *lines, "</svg>\n"]
    )


if __name__ == "__main__":
    PICTURE.write_text(picture(RESULTS.read_text()))
