"""build/report.html: what is in each zip, who needs whom, and whether it starts; one page, no network, no script.

in   function → its folder below build/, with needed-libs.json and lambda.zip
out  `write(target, folders)`; the page is the same for the same files

Names come from files that anybody made: all of them are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

from ..base import files
from ..base.files import human
from ..platform.libc import tier_words
from ..platform.limits import DIRECT_ZIP_BYTES
from . import compare
from .graph import graph
from .known import FunctionReport

__all__ = ["FunctionReport", "page", "write"]

MOST_ROWS = 24  # members in a table; the rest is one line


def write(
    target: Path, folders: Mapping[str, Path], changes: Mapping[str, Path] = MappingProxyType({}), tasks: str = ""
) -> bool:
    """Write the page of all functions, `tasks` being the picture of the graph; True if it changed."""
    read = [FunctionReport.read(name, folder, changes.get(name)) for name, folder in folders.items()]
    return files.write(target, page(read, tasks).encode())


def page(functions: list[FunctionReport], tasks: str = "") -> str:
    """The whole page."""
    template = Template(Path(__file__).with_name("report.html").read_text())
    built = [function for function in functions if function.needed]
    start = sum(bool(function.needed["starts"]) for function in built)
    total = human(sum(function.zip_bytes for function in built))
    count = "1 function" if len(functions) == 1 else f"{len(functions)} functions"
    summary = f"{count}, {len(built)} built, {start} proved to start; {total} zipped."
    board = f'<article><h2>Tasks</h2><div class="scroll wide-picture">{tasks}</div></article>' if tasks else ""
    articles = [*compare.comparison(functions), board, *map(_article, functions)]
    return template.substitute(summary=summary, articles="\n".join(articles))


def _article(function: FunctionReport) -> str:
    needed, name = function.needed, escape(function.name)
    if not needed:
        again = f"<p class='soft'>Not built yet: <code>doit zip:{name}</code></p>"
        return (
            f'<article id="{name}"><div class="top"><h2>{name}</h2>'
            f'<span class="pill wait">not built</span></div>{again}</article>'
        )
    verdict = ("good", "✓ starts") if needed["starts"] else ("bad", "✗ does not start")
    parts = [
        f'<article id="{name}" aria-label="{name}"><div class="top"><h2>{name}</h2>',
        f'<span class="pill {verdict[0]}">{verdict[1]}</span></div>',
        f'<p class="soft">{escape(needed["runtime"])}, {escape(needed["architecture"])}</p>',
        f"<p>libc = <strong>{escape(needed['libc']['chosen'])}</strong>: {escape(needed['libc']['reason'])}</p>",
        *_problems(needed),
        *_sizes(function),
        *_graph(needed),
        *_floors(needed),
        *_notes(needed),
        "</article>",
    ]
    return "\n".join(parts)


def _problems(needed: Mapping[str, Any]) -> Iterator[str]:
    for problem in needed["problems"]:
        chain = " → ".join(problem["chain"]) if len(problem["chain"]) > 1 else ""
        line = f"<p class='name'>{escape(chain)}</p>" if chain else ""
        hint = f"<p class='hint'>{escape(problem['hint'])}</p>"
        yield f'<div class="problem"><p>{escape(problem["message"])}</p>{line}{hint}</div>'


def _sizes(function: FunctionReport) -> Iterator[str]:
    if not function.members:
        return
    raw = sum(item.size for item in function.members)
    packed = sum(item.packed for item in function.members) or 1
    ordered = sorted(function.members, key=lambda item: (-item.packed, item.name))
    share = 100 * function.zip_bytes / DIRECT_ZIP_BYTES
    yield f"<h3>In the zip: {human(function.zip_bytes)}, {human(raw)} unpacked; {share:.1f} % of a direct upload</h3>"
    spans = "".join(
        f'<span class="{item.tone}" style="flex:{item.packed}" title="{escape(item.name, quote=True)}">'
        f"{escape(item.name.rpartition('/')[2]) if item.packed * 8 > packed else ''}</span>"
        for item in ordered
        if item.packed * 400 > packed
    )
    yield f'<div class="bar" role="img" aria-label="Members by packed size; the table has the figures.">{spans}</div>'
    yield '<div class="scroll"><table><thead><tr><th>file</th><th>tier</th><th class="number">packed</th>'
    yield '<th class="number">raw</th><th class="wide">needed by</th></tr></thead><tbody>'
    asked = _askers(function.needed)
    for item in ordered[:MOST_ROWS]:
        word = item.tone.upper() if item.tone.startswith("t") else ""
        by = escape(", ".join(asked.get(item.name.rpartition("/")[2], ())))
        yield (
            f'<tr class="{item.tone}"><td class="name"><span class="dot"></span>'
            f'{escape(item.name)}</td><td class="tier" title="{tier_words(word)}">{word}</td>'
            f'<td class="number">{human(item.packed)}</td><td class="number">{human(item.size)}</td>'
            f'<td class="wide name">{by}</td></tr>'
        )
    if rest := ordered[MOST_ROWS:]:
        small, large = human(sum(item.packed for item in rest)), human(sum(item.size for item in rest))
        yield f'<tr><td class="soft">and {len(rest)} more</td><td></td><td class="number">{small}</td>'
        yield f'<td class="number">{large}</td><td class="wide"></td></tr>'
    yield "</tbody></table></div>"


def _askers(needed: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in needed["objects"]:
        if item["source"] == "package" and item["role"] != "unused":
            for name in item["needed"]:
                found.setdefault(name.rpartition("/")[2], []).append(item["name"].rpartition("/")[2])
    return found


def _graph(needed: Mapping[str, Any]) -> Iterator[str]:
    picture = graph(needed["objects"])
    if picture:
        yield f"<h3>Who needs whom</h3>\n{picture}"


def _floors(needed: Mapping[str, Any]) -> Iterator[str]:
    if needed["floors"]:
        yield '<h3>Newest versions needed</h3><ul class="floors">'
        for floor in needed["floors"]:
            by = f"{floor['file']}" + (f" for {floor['symbol']}" if floor["symbol"] else "")
            yield f"<li><strong>{escape(floor['version'])}</strong> <span class='soft'>{escape(by)}</span></li>"
        yield "</ul>"


def _notes(needed: Mapping[str, Any]) -> Iterator[str]:
    if needed["notes"]:
        items = "".join(
            f"<li><code>{escape(note['file'])}</code>: {escape(note['message'])}</li>" for note in needed["notes"]
        )
        yield f"<details><summary>Notes ({len(needed['notes'])})</summary><ul>{items}</ul></details>"
