"""Verbs by need: the module of one, and a task for each function, only in a run that has to do with it.

in   a verb's name, and what its module's `define` is given
out  `verb(…)`: its tasks, or one that stands for them in lists; `is_named(name)`: whether this run names it

Twenty modules and a task a function and verb took a fifth of a run with nothing to do.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any


def verb(name: str, *given: Any, module: str = "") -> Any:
    """The tasks of a verb, from the module of its name or `module`."""
    if is_named(name):
        return import_module(f"..{module or name}", __package__).define(*given)
    return {"actions": [], "meta": {"verb": True}}


def is_named(verb: str) -> bool:
    """Whether a run has to do with a verb: the command line names it, or what somebody wrote for doit does."""
    words = sys.argv[1:]
    whole = any(word.startswith("--a") or "*" in word or word in {"tabcompletion", "graph"} for word in words)  # --all
    named = any(word == verb or word.startswith(f"{verb}:") for word in words)
    return whole or named or any(f"{quote}{verb}{end}" in _own_text() for quote in "'\"" for end in f"{quote}:")


@cache
def _own_text() -> str:
    """What a person's own tasks and choices are written in, less the map's own lines."""
    main = sys.modules.get("dodo")
    found = []
    for name in (getattr(main, "__file__", None) or "dodo.py", "pyproject.toml", "doit.cfg"):
        with suppress(OSError):  # started without one
            found.append(Path(name).read_text(errors="replace"))
    return "".join(found).replace('verb("', "")
