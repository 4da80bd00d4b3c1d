"""The standard streams and TMPDIR, whatever they were when this process was started.

in   descriptors 0, 1 and 2, some of them perhaps closed (`doit >&-`, a service without a terminal); TMPDIR
out  `open_streams()`: each leads somewhere; `speak_utf8()`: texts are UTF-8;
     `pass_by_temporary()`: TMPDIR names a folder, or nothing;
     `give_up_output()`: stdout leads nowhere from then on

A closed one is taken by the next file that is opened, which then gets what our children print.
"""

from __future__ import annotations

import io
import locale
import os
import sys
from contextlib import suppress

UTF8 = frozenset({"utf-8", "utf8"})
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


def speak_utf8() -> None:
    """Read and write texts as UTF-8 under any locale; what a stream cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() not in UTF8:
            stream.reconfigure(errors="replace")
    if locale.getencoding().lower() not in UTF8:  # open() asks this, too
        with suppress(locale.Error):  # a C library without it, whose files are ASCII's
            locale.setlocale(locale.LC_CTYPE, "C.UTF-8")


def give_up_output() -> str:
    """Let stdout lead to /dev/null from now on; where it led, for people."""
    try:
        place = os.readlink("/proc/self/fd/1")  # noqa: PTH115 - no path is made of it
    except OSError:
        place = ""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return place if place.startswith("/") else "standard output"


def pass_by_temporary() -> None:
    """Forget a TMPDIR that is no folder, as Python and gcc do, and GHC does not."""
    folder = os.environ.get("TMPDIR")
    if folder is not None and not os.path.isdir(folder):  # noqa: PTH112 - in each run of doit
        del os.environ["TMPDIR"]
