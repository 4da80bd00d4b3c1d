"""How far a tool or an upload is: a bar on a terminal, lines elsewhere.

in   lines that a task shows: GHC's "[2 of 7] Compiling Main", an image's "step 3/9", "fetching the base: 5 of 60 MB";
     the bytes of an upload as they are sent
out  `advance(name, line)`: the bar of that task moved, and the line is not to be printed; `upload(name)`: whom an
     upload reports to; `say(text)`: a line, above the bars that are shown; `remove(task)`

No bar where nobody looks: no terminal, CI, a terminal without a cursor (TERM=dumb), or a person who wants none because
a screen reader would read each step (NO_COLOR). tqdm draws them, as wide as the terminal; it is imported for the first.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from threading import RLock
from typing import Any, TextIO

STEPS = r"^\[ *(?P<at>\d+) of (?P<all>\d+)\] Compiling (?P<what>\S+)|^step (\d+)/(\d+): (\S.*)"
BYTES = r"^(fetching the base): (\d+) of (\d+) MB"
SHORT = 30  # characters of what is at work
MB = 1_000_000
_bars: dict[str, Any] = {}
_guard = RLock()


def are_wanted() -> bool:
    """Whether somebody looks at a terminal that can draw one."""
    off = {"CI", "NO_COLOR"} & os.environ.keys() or os.environ.get("TERM", "dumb") == "dumb"
    return not off and sys.stderr.isatty()


def advance(name: str, line: str) -> bool:
    """Move the bar of `name` by a line; False where the line says nothing of that, or no bar is wanted."""
    found, size = re.match(STEPS, line), 1
    if not found:
        found, size = re.match(BYTES, line), MB
    if not found or not are_wanted():
        return False
    parts = [part for part in found.groups() if part is not None]
    what, at, total = sorted(parts, key=str.isdigit)
    _draw(name, what[:SHORT], int(at) * size, int(total) * size, "B" if size == MB else " steps")
    return True


def upload(name: str) -> Callable[[int, int], None]:
    """What is told of bytes sent, of bytes in all: a retry begins again, and an upload that is over leaves no bar."""
    before = -1

    def on_sent(at: int, total: int) -> None:
        nonlocal before
        again = at == before  # a body is asked once more for bytes after its last
        begins, before = before < 0 or at < before, at
        if again:
            return
        if not are_wanted():
            if begins:
                say(f"   {name} │ uploads {total / MB:.1f} MB")
            return
        if at >= total:
            remove(name)
        else:
            _draw(name, "uploads", at, total, "B", often=True)

    return on_sent


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line (on stderr, if no stream is given), above the bars that are shown."""
    with _guard:
        if _bars:
            from tqdm import tqdm

            tqdm.write(text, file=stream or sys.stderr)
        else:
            print(text, file=stream or sys.stderr, flush=True)


def remove(task: str) -> None:
    """Take the bar of a task away: `binary:echo` shows the one of echo."""
    with _guard:
        _end(task.rpartition(":")[2])


def _draw(name: str, what: str, at: int, total: int, unit: str, *, often: bool = False) -> None:  # noqa: PLR0913 - a bar
    """Move the bar of `name`; where it moves `often`, tqdm chooses when it draws."""
    with _guard:
        said = f"   {name} │ {what}"
        shown = _bars.get(name)
        if shown is None or shown.unit != unit:
            _end(name)
            from tqdm import tqdm

            shown = _bars[name] = tqdm(
                desc=said,
                total=total,
                unit=unit,
                unit_scale=unit == "B",
                leave=False,
                dynamic_ncols=True,
                file=sys.stderr,
            )
        shown.total = total
        shown.set_description(said, refresh=False)
        if at < shown.n:
            shown.reset(total)
        shown.update(at - shown.n)
        if not often:
            shown.refresh()


def _end(name: str) -> None:
    if shown := _bars.pop(name, None):
        shown.close()
        sys.stderr.write("\r")  # a bar below others leaves the cursor at its end
        sys.stderr.flush()
