"""The picture of a terminal on the front page, made from the transcript that the tests run: docs/terminal.svg.

`python docs/pictures/terminal.py` writes it; a test holds it to README.md.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs/terminal.svg"
LINE, LEFT, TOP, WIDTH = 19, 18, 48, 1010
STYLE = """<style>
text { font: 13px ui-monospace, Menlo, Consolas, monospace; white-space: pre }
.t { fill: #d5d0e5 } .g { fill: #9fd6a4 } .c { fill: #fff; font-weight: bold }
</style>"""


def transcript(readme: str) -> list[str]:
    """The lines of the first console block."""
    found = re.search(r"^```console\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    return found[1].splitlines() if found else []


def picture(lines: list[str]) -> str:
    """An SVG of a terminal with these lines; commands stand out, long lines end in an ellipsis."""
    rows = []
    for number, line in enumerate(lines):
        shown = line if len(line) <= 122 else line[:121] + "…"  # noqa: PLR2004 - what fits in WIDTH
        kind = "c" if line.startswith("$") else "g" if line.startswith("   ") else "t"
        rows.append(f'<text class="{kind}" x="{LEFT}" y="{TOP + LINE * number}">{escape(shown)}</text>')
    height = TOP + LINE * len(lines)
    size = f'width="{WIDTH}" height="{height}"'
    dots = "".join(f'<circle cx="{x}" cy="17" r="5" fill="#6b6385"/>' for x in (20, 38, 56))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="A terminal">'
    return "\n".join([head, STYLE, f'<rect {size} rx="10" fill="#1f1b2e"/>', dots, *rows, "</svg>\n"])


if __name__ == "__main__":
    PICTURE.write_text(picture(transcript((ROOT / "README.md").read_text())))
