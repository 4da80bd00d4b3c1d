"""Values as TOML writes them in one line; what reads TOML is Python's own tomllib.

in   text, a number, a truth value, a list or a table of such
out  `value(…)`, and `key(name)` as it stands before the sign
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def value(one: Any) -> str:
    """A value; the names of a table in quotes."""
    if isinstance(one, Mapping):
        inner = ", ".join(f"{value(name)} = {value(item)}" for name, item in one.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(one, list | tuple):
        return f"[{', '.join(map(value, one))}]"
    return json.dumps(one, ensure_ascii=False)  # a basic string of TOML has JSON's escapes


def key(name: str) -> str:
    """A name, in quotes only where it needs them."""
    return name if BARE.fullmatch(name) else value(name)
