"""JSON of any depth: Python's reader gives up some thousand levels deep, and what Lambda carries is not bound to that.

in   JSON text
out  `value_of`: its value, ValueError where it is none or too deep for one; `is_json`: whether it is JSON, at any depth
"""

from __future__ import annotations

import json
import re
from typing import Any

TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<mark>[{}\[\],:])"
    r'|(?P<text>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(?P<word>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)
CLOSING = {"{": "}", "[": "]"}
FOLLOWS = {  # (what came, what was wanted) → what is wanted then
    **{(mark, wanted): "more" for mark in ("text", "word") for wanted in ("value", "first")},
    ("text", "name"): "colon",
    ("text", "first name"): "colon",
    (":", "colon"): "value",
}


def value_of(text: bytes | str) -> Any:
    """The value; ValueError where the text is no JSON, or nested too deeply to have one here."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply to be read") from error


def is_json(text: str) -> bool:
    """Whether the text is JSON, told without a stack but the list of what is open."""
    opened: list[str] = []  # the brackets that will close what is open
    wanted = "value"  # or first (value or end), name, first name, colon, more (comma or end)
    at, size = 0, len(text.rstrip(" \t\n\r"))
    while at < size:
        found = TOKEN.match(text, at)
        if not found or (not opened and wanted == "more"):
            return False
        at = found.end()
        mark = found["mark"] or ("text" if found["text"] else "word")
        following = _following(wanted, mark, opened)
        if not following:
            return False
        wanted = following
    return wanted == "more" and not opened


def _following(wanted: str, mark: str, opened: list[str]) -> str:
    """What is wanted behind this token; empty where it must not stand here."""
    if mark in CLOSING and wanted in {"value", "first"}:
        opened.append(CLOSING[mark])
        return "first name" if mark == "{" else "first"
    if mark in CLOSING.values():
        ends = {"more", "first" if mark == "]" else "first name"}
        return "more" if opened and wanted in ends and opened.pop() == mark else ""
    if mark == "," and wanted == "more" and opened:
        return "name" if opened[-1] == "}" else "value"
    return FOLLOWS.get((mark, wanted), "")
