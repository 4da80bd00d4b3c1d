"""Installed build tools (alex, happy, …) for packages that name them, where no package of such a tool can be had.

in   a machine, a Job, the folder of its copy
out  `take_tools_in_path(…)`: descriptions in the copy that name no tools, which Cabal then looks for in PATH

The solvers of cabal and stack know only tools of packages, and want to build those.
"""

from __future__ import annotations

import re

from ..base.processes import Log
from .fields import package_name
from .job import EXECUTABLES, Job
from .machine import BIN, Machine
from .stale import named_tools

KEY = re.compile(r"(?m)^[ \t]+([\w-]+)[ \t]*:")  # of a package.yaml: executables are keys
# A field of the person's own is nothing to Cabal (x-…) and hpack (_…); Cabal looks for the preprocessors that it knows
# in PATH, as it did before 2.0. What was made so is kept, with its time: a newer description would be configured anew
IN_PATH = r"""
for tool in $1; do command -v "$tool" >/dev/null || exit 0; done
sed -E 's/^([[:space:]]*)(build-tools?(-depends)?[[:space:]]*:)/\1'"$4"'\2/I' "$2" > "$3.new"
cmp -s "$3.new" "$3" || cat "$3.new" > "$3"
rm "$3.new"; cp -p "$3" "$2"
"""


def take_tools_in_path(machine: Machine, job: Job, folder: str, log: Log) -> None:
    """Let installed build tools do; those that the project makes itself stay named."""
    top = folder.removesuffix(f"/{job.sources.inside(job.sources.folder)}")
    texts = {path: path.read_text(errors="replace") for path in job.descriptions}
    own = {name.lower() for text in texts.values() for name in (package_name(text), *EXECUTABLES.findall(text))}
    own |= {name.lower() for path, text in texts.items() if path.suffix != ".cabal" for name in KEY.findall(text)}
    for path, text in texts.items():
        tools = set(named_tools(text))
        if tools and not tools & own:
            place = job.sources.inside(path)
            words = [" ".join(sorted(tools)), f"{top}/{place}", f"{folder}/{BIN}/{str(place).replace('/', '-')}"]
            mark = "x-" if path.suffix == ".cabal" else "_"
            machine.run(["sh", "-c", IN_PATH, "sh", *words, mark], folder, log)
