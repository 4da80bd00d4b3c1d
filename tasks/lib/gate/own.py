"""Zips of this project: which program their shim starts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from ..platform.layout import BOOTSTRAP, TASK

if TYPE_CHECKING:
    from .lambda_root import LambdaRoot

MARK = re.compile(rb"haskell-on-lambda starts: ([^\0/]+)\0")  # in shim/bootstrap.c
MAIN = re.compile(r"^const main = '(.*)';$", re.MULTILINE)  # in shim/run-tmpl.js
RUN_JS = b"// run.js: stands between Lambda's Node runtime"
MOST_BYTES = 4 << 20  # of a shim


def started_by_our_shim(root: LambdaRoot) -> str:
    """The name of the program; empty where the shim is not ours."""
    name = "run.js" if root.platform.runtime.on_node else BOOTSTRAP
    found = root.member(f"{TASK}/{name}")
    if found is None:
        return ""
    with found.open() as file:
        content = file.pread(min(file.size, MOST_BYTES), 0)
    if name == BOOTSTRAP:
        mark = MARK.search(content) if content.startswith(b"\x7fELF") else None
        return mark[1].decode("utf-8", "surrogateescape") if mark else ""
    main = MAIN.search(content.decode("utf-8", "replace")) if content.startswith(RUN_JS) else None
    if main is None:
        return ""
    try:
        return str(json.loads('"' + main[1].replace("\\'", "'") + '"'))
    except ValueError:
        return ""
