"""Would it start on Lambda? Any executable, any zip, built by anybody; nothing is run.

in   files, --runtime, --arch, --sysroot, --json
out  a tree and a verdict for each on stdout; exit 0 all start, 1 one does not, 2 one cannot be judged
"""

from __future__ import annotations

import sys

from tasks.verbs import Verb, verb


def define() -> Verb:
    """One verb, about no function in particular."""
    return verb("check", "would it start on Lambda? any executable or zip", lambda _, words: words, check)


def check(words: list[str]) -> int:
    """Judge the files."""
    from tasks.lib import check as library

    return library.run(words, sys.stdout)
