"""The first row of the page: the functions side by side.

in   what is known of each function
out  `comparison(functions)` → lines of HTML; nothing for a single one
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ..base.files import human
from ..platform.runtimes import platform
from .known import FunctionReport

HEADS = ("function", "zip", "verdict", "glibc needed", "deployed", "the last change")
DEPLOYED = {"yes": "yes", "older": "yes, an older one", "no": "not from here"}


def comparison(functions: Sequence[FunctionReport]) -> Iterator[str]:
    """One table, the largest zip first."""
    if len(functions) < 2:  # noqa: PLR2004 - one is compared with nothing
        return
    largest = max(function.zip_bytes for function in functions) or 1
    yield '<article aria-label="All functions"><div class="top"><h2>Side by side</h2></div>'
    yield '<div class="scroll"><table class="side"><thead><tr>'
    yield "".join(f"<th>{head}</th>" for head in HEADS) + "</tr></thead><tbody>"
    for function in sorted(functions, key=lambda item: (-item.zip_bytes, item.name)):
        name = escape(function.name)
        share = 100 * function.zip_bytes / largest
        size = human(function.zip_bytes) if function.zip_bytes else "–"
        yield (
            f'<tr><td class="name"><a href="#{name}">{name}</a></td><td class="size">'
            f'<span class="share" style="width:{share:.0f}%"></span>{size}</td><td>{_verdict(function.needed)}</td>'
            f"<td>{escape(floor(function.needed))}</td><td>{DEPLOYED[function.deployed]}</td>"
            f"<td>{escape(function.change) or '–'}</td></tr>"
        )
    yield "</tbody></table></div></article>"


def _verdict(needed: Mapping[str, Any]) -> str:
    if not needed:
        return '<span class="pill wait">not built</span>'
    return '<span class="pill good">✓ starts</span>' if needed["starts"] else '<span class="pill bad">✗ does not</span>'


def floor(needed: Mapping[str, Any]) -> str:
    """The newest version of glibc that anything needs, against the runtime's: "2.33 of 2.34"."""
    if not needed:
        return "–"
    if needed["libc"]["chosen"] in {"bundled", "static"}:
        return f"its own ({needed['libc']['chosen']})"
    found = [item["version"] for item in needed["floors"] if item["family"] == "GLIBC"]
    there = platform(needed["runtime"], needed["architecture"]).glibc
    return f"{found[0].removeprefix('GLIBC_') if found else 'none'} of {there}"
