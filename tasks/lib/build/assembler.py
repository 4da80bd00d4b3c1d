"""The assembler that GHC is given: the compiler's own, and then one order for what GHC orders by chance of history.

in   a machine
out  `assembler_options(machine, …)` → options for GHC; `mark()` → what objects are made with, as a word

GHC before 9.12 writes the closures of a static reference table in the order in which a session met their names: a
module that is compiled alone has other bytes than one that is compiled with all others. assembler.c, beside this
module, is compiled once a machine, and sorts each object as it is made; the program and its speed stay the same.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ..base.processes import Log
from .machine import Machine

SOURCE = Path(__file__).with_name("assembler.c")
# In the folder of the copies, whose name is the same in every clone. Two builds may want it at once. Which headers it
# reads does not count for the program whose build makes it (outside.py)
MAKE = r"""
test -x "$1" && exit 0
unset SUNPRO_DEPENDENCIES
c=$(ghc --info 2>/dev/null | sed -n 's/.*("C compiler command","\([^"]*\)").*/\1/p'); c=${c:-gcc}
mkdir -p "${1%/*}" && printf %s "$2" | "$c" -std=gnu11 -O2 -x c "-DCC=\"$c\"" -o "$1.$$" - && mv "$1.$$" "$1"
"""


@cache
def source() -> str:
    """The program, in C."""
    return SOURCE.read_text(encoding="utf-8")


@cache
def mark() -> str:
    """A name for what it does to objects: those of another one do not mix with them."""
    return f"as-{hashlib.sha256(source().encode()).hexdigest()[:8]}"


def assembler_options(machine: Machine, log: Log) -> tuple[str, ...]:
    """Options for GHC, once the program is there; none, with a warning, where it cannot be made."""
    made = f"{machine.workspace}/.tools/{mark()}"
    said: list[str] = []
    if not machine.is_program(made) and machine.run(["sh", "-c", MAKE, "sh", made, source()], "/", said.append):
        log("warning: no assembler that makes each build the same to the byte could be compiled here:")
        log("  " + " ".join(said)[-300:])
        return ()
    return ("-pgma", made)
