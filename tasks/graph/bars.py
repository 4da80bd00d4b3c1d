"""How far a tool is: a bar on a terminal, where its lines are lines elsewhere.

in   lines that a task shows: GHC's "[2 of 7] Compiling Main", an image's "step 3/9", "fetching the base: 5 of 60 MB"
out  `advance(name, line)`: the bar of that task moved, and the line is not to be printed; `remove(name)`

No bar where nobody looks: no terminal, CI, a terminal without a cursor (TERM=dumb), or a person who wants none because
a screen reader would read each step (NO_COLOR). tqdm draws them, as wide as the terminal; it is imported for the first.
"""

from __future__ import annotations

import os
import re
import sys
from threading import Lock
from typing import Any

STEPS = r"^\[ *(?P<at>\d+) of (?P<all>\d+)\] Compiling (?P<what>\S+)|^step (\d+)/(\d+): (\S.*)"
BYTES = r"^(fetching the base): (\d+) of (\d+) MB"
SHORT = 30  # characters of what is at work
_bars: dict[str, Any] = {}
_guard = Lock()


def are_wanted() -> bool:
    """Whether somebody looks at a terminal that can draw one."""
    off = {"CI", "NO_COLOR"} & os.environ.keys() or os.environ.get("TERM", "dumb") == "dumb"
    return not off and sys.stderr.isatty()


def advance(name: str, line: str) -> bool:
    """Move the bar of `name` by a line; False where the line says nothing of that, or no bar is wanted."""
    found, unit = re.match(STEPS, line), " steps"
    if not found:
        found, unit = re.match(BYTES, line), " MB"
    if not found or not are_wanted():
        return False
    parts = [part for part in found.groups() if part is not None]
    what, at, total = sorted(parts, key=str.isdigit)
    with _guard:
        shown = _bars.get(name)
        if shown is None or shown.unit != unit:
            _end(name)
            from tqdm import tqdm

            shown = _bars[name] = tqdm(
                total=int(total), unit=unit, leave=False, dynamic_ncols=True, file=sys.stderr, delay=0
            )
        shown.total = int(total)
        shown.set_description(f"   {name} │ {what[:SHORT]}", refresh=False)
        shown.update(int(at) - shown.n)
        shown.refresh()
    return True


def aside(text: str) -> bool:
    """Print a line above the bars that are shown; False where there are none."""
    with _guard:
        if not _bars:
            return False
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
        return True


def remove(task: str) -> None:
    """Take the bar of a task away: `binary:echo` shows the one of echo."""
    with _guard:
        _end(task.rpartition(":")[2])


def _end(name: str) -> None:
    if shown := _bars.pop(name, None):
        shown.close()
