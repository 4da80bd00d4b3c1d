r"""The script that brings a container's copy of the sources up to date, from files that have just arrived beside it.

in   the sources, what changed of them, the folder of the copy, the folder where the new files lie
out  `sync_script(…)` → a shell script such as this one, for a changed app/Main.hs of hs/hello:

    set -eu
    mkdir -p /mnt/.work/hs-hello-5f3a01
    mv -f /mnt/.work/.incoming/hs-hello-5f3a01/partial /mnt/.work/hs-hello-5f3a01.sources
    find . -type f \\( -path './.stack-work/*/Main.hi' -o … \\) -delete      forget what compilers made of it
    find . \\( -name .stack-work -o … \\) -prune -o -type f -print | sort | comm -23 - …/files | xargs rm …
    cp -R --remove-destination …/tree/. .                                   the copy
    mv -f …/manifest /mnt/.work/hs-hello-5f3a01.sources

The copy is made as build/copy.py makes it on the host: changed files bear the time of the copying (by the clock of the
engine, whose compilers compare it), the manifest comes last. A script that was cut short is begun anew by the next
run, because the partial manifest still calls the files changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from ..build.copy import SETTINGS, Changes
from ..build.machine import BIN
from ..build.outputs import OUTPUTS, mains_apart, output_globs
from ..build.sources import Tree

# What was a folder until now, and is a file: cp would not replace it
CLEARED = 'into=$1; shift; for file; do test ! -d "$into/$file" || rm -rf "$into/$file"; done'
KEPT = " -o ".join(f"-name {name}" for name in (*OUTPUTS, BIN))
NOT_KEPT = " ".join(f"! -path './{name}' ! -path '*/{name}/*' ! -path '*/{name}'" for name in (*OUTPUTS, BIN))


def sync_script(sources: Tree, into: str, changed: Changes, arrived: str, listed: Sequence[str] = ()) -> str:
    """Forget what compilers made of what is new, remove what is no source, copy, and write the manifest.

    `listed`: what of cabal's is in the copy (build/outputs.py).
    """
    copy, manifest = shlex.quote(into), shlex.quote(f"{into}.sources")
    lines = ["set -eu", f"mkdir -p {copy}", f"mv -f {arrived}/partial {manifest}"]
    settings = changed.manifest[SETTINGS]
    stale = output_globs(sources, changed.files, settings, lambda package: mains_apart(listed, package))
    globs = [f"-path {shlex.quote(f'./{glob}')}" for glob in stale]
    if changed.all:
        lines += [f"rm -rf {copy}", f"mkdir -p {copy}", f"cd {copy}"]
    else:
        lines.append(f"cd {copy}")
        if globs:
            lines.append(f"find . -type f \\( {' -o '.join(globs)} \\) -delete")
        strangers = (
            f"find . \\( {KEPT} \\) -prune -o ! -type d -print | LC_ALL=C sort | LC_ALL=C comm -23 - {arrived}/files"
        )
        lines.append(f"{strangers} | tr '\\n' '\\000' | xargs -0 -r rm -f --")
        lines.append(f"find . -mindepth 1 -depth -type d -empty {NOT_KEPT} -delete")
    lines += [
        f"if test -d {arrived}/tree; then",
        f"cd {arrived}/tree; find . -type f -exec sh -c {shlex.quote(CLEARED)} sh {copy} {{}} +",
        f"cp -R --remove-destination . {copy}/; cd /; fi",
        f"mkdir -p {shlex.quote(str(Path(into) / sources.inside(sources.folder) / BIN))}",
        f"mv -f {arrived}/manifest {manifest}",
        f"rm -rf {arrived}",
    ]
    return "\n".join(lines)
