"""The standard streams and what else a process is given, whatever it was when this one was started.

in   descriptors 0, 1 and 2, some of them perhaps closed (`doit >&-`, a service without a terminal); TMPDIR, PATH, umask
out  `open_streams()`: each leads somewhere; `speak_utf8()`: texts are UTF-8;
     `settle()`: TMPDIR names a folder by its whole path, or nothing; there is a PATH; what we make is ours to use;
     `is_folder_gone()`: whether the folder in which this was started is there no more;
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
OTHERS = 0o077
GONE = "The folder in which this was started is there no more.\n  \u2192 Go to one that is: cd ~"


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


def settle() -> None:
    """Put right what would stop the programs that we start.

    A TMPDIR that is no folder is forgotten, as Python and gcc do, and GHC does not; so is one with a line break, which
    GHC loses on its way to gcc. A relative one means another folder wherever a compiler is started. Without a PATH
    (`env -i`) gcc does not find its own parts. A umask may take rights from others, never from ourselves: we could not
    read again what we wrote.
    """
    folder = os.environ.get("TMPDIR")
    if folder is not None and ("\n" in folder or not os.path.isdir(folder)):  # noqa: PTH112 - in each run of doit
        del os.environ["TMPDIR"]
    elif folder is not None and not folder.startswith("/"):
        os.environ["TMPDIR"] = os.path.abspath(folder)  # noqa: PTH100 - in each run of doit
    os.environ.setdefault("PATH", os.defpath)
    os.umask(os.umask(0) & OTHERS)


def is_folder_gone() -> bool:
    """Whether the folder in which this was started has been removed: doit and Python ask for it and find none."""
    try:
        os.getcwd()  # noqa: PTH109 - no path is made of it
    except FileNotFoundError:
        return True
    return False
