"""Which package of the distribution a file of a machine belongs to; asked only when somebody has to be told.

in   a machine, paths of its files
out  `packages(machine, paths)` → path → (package, version); a file of no package is left out
"""

from __future__ import annotations

from collections.abc import Iterable

from .machine import Machine

# Of each path by the name it has at last: libblas.so.3 is a link that the administrator chooses. dpkg knows files by
# the folder they were shipped in, which is /lib or /usr/lib.
SCRIPT = r"""
for path; do
  real=$(readlink -f "$path") || continue
  if command -v dpkg-query >/dev/null; then
    owner=$(dpkg-query -S "$real" "${real#/usr}" 2>/dev/null | head -1)
    owner=${owner%%: /*}
    test -z "$owner" || dpkg-query -W -f "$path\t\${Package}\t\${Version}\n" "${owner%%,*}"
  elif command -v rpm >/dev/null; then
    rpm -qf --qf "$path\t%{NAME}\t%{VERSION}-%{RELEASE}\n" "$real" 2>/dev/null
  fi
done
"""
PARTS = 3


def packages(machine: Machine, paths: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Package and version of each file that belongs to one, as the machine's package manager says."""
    wanted = sorted(set(paths))
    said: list[str] = []
    if wanted:
        machine.run(["sh", "-c", SCRIPT, "sh", *wanted], "/", said.append)
    rows = [line.split("\t") for line in said]
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == PARTS and row[0] in wanted}
