"""Fields of a package's description or a project file, however they are written.

in   the text of a .cabal file, a package.yaml, a cabal.project or a stack.yaml
out  `values(name, text)`: what stands in each field of that name, without comments; `words(name, text)`
     `package_name(text)`

Cabal takes names in any case, blanks before the colon, and values that begin or go on below it, with comments and
empty lines in between.
"""

from __future__ import annotations

import re
from functools import cache

# What is indented deeper, or a list, up to another field, which a package.yaml has as deep behind a dash
FIELD = (
    r"(?im)^([ \t]*)(?:-[ \t]*)?(?:{})[ \t]*:"
    r"(.*(?:\n(?![ \t]*[\w-]+[ \t]*:(?:\s|$))(?:\1[ \t].*|\1-.*|[ \t]*--.*|[ \t]*(?=\n)))*)"
)
COMMENT = re.compile(r"(?m)(?:\s|^)(?:--|#).*$")
WORD = re.compile(r"[^\s,\[\]\"'()&|]+")


@cache
def _field(name: str) -> re.Pattern[str]:
    return re.compile(FIELD.format(name))


def values(name: str, text: str) -> list[str]:
    """What the fields of a name say, which may be a regular expression."""
    return [COMMENT.sub("", value) for _, value in _field(name).findall(text)]


def words(name: str, text: str) -> list[str]:
    """The words of the fields of a name."""
    return [word for value in values(name, text) for word in WORD.findall(value) if word != "-"]


def package_name(text: str) -> str:
    """The name of the package that a text describes; "" when it does not say."""
    top = (COMMENT.sub("", value) for indent, value in _field("name").findall(text) if not indent)
    return next((word for value in top for word in WORD.findall(value)), "")
