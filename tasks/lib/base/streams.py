"""The standard streams, whatever they were when this process was started.

in   descriptors 0, 1 and 2, some of them perhaps closed (`doit >&-`, a service without a terminal)
out  `open_streams()`: each leads somewhere

A closed one is taken by the next file that is opened, which then gets what our children print.
"""

from __future__ import annotations

import os
import sys

MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def open_streams() -> None:
    """Let what is closed lead to /dev/null; done before a file of ours is open."""
    for number, (name, mode) in enumerate(MODES.items()):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - it has no name
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))
