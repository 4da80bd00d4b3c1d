"""The last invocations of a function as a picture: a bar each, cold starts and failures told apart; without script.

in   the rows of `doit logs --report` as dictionaries, and the percentiles
out  `page(name, rows, ranks)`: one HTML page with the look of build/report.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

MOST = 200  # bars that can be told apart
WIDE, HIGH, LEFT, LINE = 860, 190, 64, 13
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Invocations of {name}</title>
{style}
</head>
<body>
<header><h1>Invocations of {name}</h1><p class="soft">{summary}</p></header>
<main><article>
{body}
</article></main>
</body>
</html>
"""
LOOK = """
.plot text { font: 12px system-ui, sans-serif; fill: var(--soft) } .plot line { stroke: var(--line) }
.plot .rank { stroke: var(--soft); stroke-dasharray: 4 4 }
.plot rect { fill: var(--tone) } .plot .failed { fill: var(--bad) }
</style>"""


def page(name: str, rows: Sequence[Mapping[str, Any]], ranks: Mapping[str, Mapping[str, float]]) -> str:
    """The whole page; rows oldest first, with `duration_ms`, `init_ms`, `memory_mb`, `memory_size_mb`, `error`."""
    found = re.search(r"<style>.*?</style>", Path(__file__).with_name("report.html").read_text(), re.DOTALL)
    style = found[0].replace("</style>", LOOK) if found else f"<style>{LOOK}"
    shown = rows[-MOST:]
    span = f", {rows[0]['time']} to {rows[-1]['time']}" if rows else ""
    cold = sum(row["init_ms"] is not None for row in rows)
    summary = f"{len(rows)} invocations, {cold} cold, {sum(bool(row['error']) for row in rows)} failed{span}"
    body = [*_legend(), *_durations(shown, ranks), *_memory(shown, ranks), *_table(ranks)]
    return PAGE.format(name=escape(name), style=style, summary=escape(summary), body="\n".join(body))


def _legend() -> Iterator[str]:
    words = {"own": "duration", "t3": "init of a cold start", "t2": "memory used at most"}
    items = "".join(f'<li class="{tone}"><span class="dot"></span>{text}</li>' for tone, text in words.items())
    yield f'<ul class="legend">{items}<li class="bad">failed</li></ul>'


def _durations(rows: Sequence[Mapping[str, Any]], ranks: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    top = max((row["duration_ms"] + (row["init_ms"] or 0) for row in rows), default=0) or 1
    bars = []
    for place, row in enumerate(rows):
        told = _row_in_words(row)
        tone = "failed" if row["error"] else "own"
        bars.append(_bar(place, len(rows), 0, row["duration_ms"] / top, tone, told))
        if row["init_ms"]:
            bars.append(_bar(place, len(rows), row["duration_ms"] / top, row["init_ms"] / top, "t3", told))
    yield from _plot("Duration, ms", top, bars, ranks.get("duration_ms", {}))


def _memory(rows: Sequence[Mapping[str, Any]], ranks: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    top = max((row["memory_size_mb"] for row in rows), default=0) or 1
    bars = [
        _bar(place, len(rows), 0, row["memory_mb"] / top, "t2", _row_in_words(row)) for place, row in enumerate(rows)
    ]
    yield from _plot("Memory, MB of what there is", top, bars, ranks.get("memory_mb", {}))


def _bar(  # noqa: PLR0913, PLR0917 - its place, its size, its look
    place: int, count: int, below: float, share: float, tone: str, told: str
) -> str:
    width = (WIDE - LEFT) / max(count, 12)
    x, y, high = LEFT + place * width, HIGH * (1 - below - share) + 10, HIGH * share
    box = f'x="{x:.1f}" y="{y:.1f}" width="{max(width - 1, 1):.1f}" height="{high:.1f}"'
    return f'<g><title>{escape(told)}</title><rect class="{tone}" {box}/></g>'


def _row_in_words(row: Mapping[str, Any]) -> str:
    init = "" if row["init_ms"] is None else f", init {row['init_ms']:.1f} ms"
    error = f", {row['error']}" if row["error"] else ""
    memory = f"{row['memory_mb']} of {row['memory_size_mb']} MB"
    return f"{row['time']}  {row['duration_ms']:.1f} ms{init}, {memory}{error}"


def _plot(title: str, top: float, bars: Sequence[str], ranks: Mapping[str, float]) -> Iterator[str]:
    yield f"<h3>{escape(title)}</h3>"
    size = f'viewBox="0 0 {WIDE} {HIGH + 20}" width="100%"'
    yield f'<div class="scroll"><svg class="plot" xmlns="http://www.w3.org/2000/svg" {size} role="img" '
    yield f'aria-label="{escape(title)}; the table has the percentiles.">'
    for share in (0.0, 0.5, 1.0):
        y = HIGH * (1 - share) + 10
        yield f'<line x1="{LEFT}" x2="{WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{top * share:.4g}</text>'
    yield from bars
    labelled = float("inf")
    for name, value in ranks.items():
        if name != "max" and value <= top:
            y = HIGH * (1 - value / top) + 10
            yield f'<line class="rank" x1="{LEFT}" x2="{WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>'
            if labelled - y >= LINE:
                yield f'<text x="{WIDE - 4}" y="{y - 4:.1f}" text-anchor="end">{name}</text>'
                labelled = y
    yield "</svg></div>"


def _table(ranks: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    names = list(next((found for found in ranks.values() if found), {}))
    yield "<h3>Percentiles</h3>"
    heads = "".join(f'<th class="number">{name}</th>' for name in names)
    yield f'<div class="scroll"><table><thead><tr><th></th>{heads}</tr></thead><tbody>'
    for column, found in ranks.items():
        cells = "".join(f'<td class="number">{round(found[name], 2) if found else ""}</td>' for name in names)
        label = column.replace("_ms", ", ms").replace("_mb", ", MB")
        yield f"<tr><td>{label}</td>{cells}</tr>"
    yield "</tbody></table></div>"
