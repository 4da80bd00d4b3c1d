"""doit's own commands by entry points, so that plain `doit` answers as ours before it has loaded a dodo.py.

in   doit, which looks for plugins by the names of its commands (`[project.entry-points]` of pyproject.toml)
out  doit's own classes; in a project of ours they are put right first, everywhere else they are as they were

A command line that means nothing, and `dumpdb`, end before any dodo.py is read.
"""

from __future__ import annotations

import os
import sys

from doit.cmd_clean import Clean
from doit.cmd_completion import TabCompletion
from doit.cmd_dumpdb import DumpDB
from doit.cmd_forget import Forget
from doit.cmd_help import Help
from doit.cmd_ignore import Ignore
from doit.cmd_info import Info
from doit.cmd_list import List
from doit.cmd_resetdep import ResetDep
from doit.cmd_run import Run
from doit.cmd_strace import Strace

__all__ = [
    "Clean",
    "DumpDB",
    "Forget",
    "Help",
    "Ignore",
    "Info",
    "List",
    "ResetDep",
    "Run",
    "Strace",
    "TabCompletion",
]

from ..lib.base.streams import GONE, is_folder_gone

if is_folder_gone():
    print(f"ERROR: {GONE}", file=sys.stderr)
    raise SystemExit(3)
if os.path.lexists("lambda.toml"):
    from .commands import put_right

    put_right()
