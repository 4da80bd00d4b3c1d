"""The script that brings a container's copy of the sources up to date, from files that have just arrived beside it.

in   the sources, those of them that changed or have gone, the folder of the copy, the folder where the new ones lie
out  `arrival(…)` → a shell script

The copy is made as `tasks.lib.sources.mirror` makes it on the host: what compilers left of changed modules goes
first, changed files bear the time of the copying (by the clock of the engine, whose compilers compare it), the note
comes last. A script that was cut short is begun anew by the next run, because the note still calls the files changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..build.machine import BIN
from ..build.sources import Tree, folders, inside, note_name
from ..build.stale import OUTPUTS, outdated, stale

# What was a folder until now, and is a file: cp would not replace it
CLEARED = 'into=$1; shift; for file; do test ! -d "$into/$file" || rm -rf "$into/$file"; done'


def arrival(sources: Tree, into: Path, news: Sequence[Path], arrived: str) -> str:
    """Forget what compilers made of what is new, copy it, note it."""
    there = set(sources.files)
    gone = [shlex.quote(str(into / inside(file))) for file in news if file not in there]
    places = " ".join(shlex.quote(f"{folder}/{name}") for folder in folders(sources, into) for name in OUTPUTS)
    made = [f"-path {shlex.quote(pattern)}" for pattern in outdated(stale(sources.files, news))]
    copy, note = shlex.quote(str(into)), shlex.quote(str(into / note_name(sources)))
    lines = ["set -eu", f"mkdir -p {copy}", f"mv -f {arrived}/begun {note}"]
    if made:
        found = f'find "$place" -type f \\( {" -o ".join(made)} \\) -delete'
        lines.append(f'for place in {places}; do test ! -d "$place" || {found}; done')
    if gone:
        lines.append(f"rm -f -- {' '.join(gone)}")
    lines += [
        f"if test -d {arrived}/tree; then",
        f"cd {arrived}/tree; find . -type f -exec sh -c {shlex.quote(CLEARED)} sh {copy} {{}} +",
        f"cp -R --remove-destination . {copy}/; cd /; fi",
        f"mkdir -p {shlex.quote(str(into / inside(sources.folder) / BIN))}",
        f"mv -f {arrived}/note {note}",
        f"rm -rf {arrived}",
    ]
    return "\n".join(lines)
