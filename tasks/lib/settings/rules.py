"""What a value in lambda.toml may be: rules that check it, describe it and give its JSON schema.

in   a value as tomllib reads it
out  `faults(value)`: (dotted suffix, sentence) pairs, empty when the value is good; `words`: the rule for people;
     `schema()`: the rule for editors

The rules are made on every run of doit, `doit list` too: named tuples, because dataclasses take five times as long.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

Fault = tuple[str, str]
ANYTHING = r"[^\x00]*"
NOTHING: Mapping[str, str] = MappingProxyType({})


class Rule(Protocol):
    """One kind of value."""

    @property
    def words(self) -> str:
        """The rule in a few words: "64 to 10240"."""

    def faults(self, value: Any) -> Iterator[Fault]:
        """Everything wrong with `value`."""

    def schema(self) -> dict[str, Any]:
        """The same rule as a JSON schema (draft 7, as editors' TOML plug-ins read it)."""


class Text(NamedTuple):
    """A string that matches `pattern` whole; `like` says so for people."""

    pattern: str = ANYTHING
    like: str = "text"
    longest: int = 0

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return f"{self.like}, at most {self.longest} characters" if self.longest else self.like

    def faults(self, value: Any) -> Iterator[Fault]:
        """A wrong type, form or length."""
        if not isinstance(value, str) or not self._fits(value):
            yield "", f"must be {self.words}"
        elif self.longest and len(value) > self.longest:
            yield "", f"has {len(value)} characters, at most {self.longest} are allowed"

    def _fits(self, value: str) -> bool:
        if self.pattern == ANYTHING:  # the commonest, without half a millisecond for compiling it
            return "\0" not in value
        return bool(re.fullmatch(self.pattern, value, re.DOTALL))

    def schema(self) -> dict[str, Any]:
        """A string with its pattern."""
        found: dict[str, Any] = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return found | ({"maxLength": self.longest} if self.longest else {})


class Whole(NamedTuple):
    """A whole number from `low` to `high`, or `high` without end when None."""

    low: int
    high: int | None = None
    unit: str = ""

    @property
    def words(self) -> str:
        """The rule in a few words."""
        span = f"{self.low} to {self.high}" if self.high is not None else f"{self.low} or more"
        return f"a whole number, {span} {self.unit}".rstrip()

    def faults(self, value: Any) -> Iterator[Fault]:
        """A wrong type (TOML's true is no number) or a value out of range."""
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or value < self.low or (self.high is not None and value > self.high):
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """An integer with its bounds."""
        found: dict[str, Any] = {"type": "integer", "minimum": self.low}
        return found | ({"maximum": self.high} if self.high is not None else {})


class Choice(NamedTuple):
    """One of a few words or numbers; `refused` words are known, and their reason is said."""

    options: tuple[str | int, ...]
    refused: Mapping[str, str] = NOTHING

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return "one of " + ", ".join(
            f'"{option}"' if isinstance(option, str) else str(option) for option in self.options
        )

    def faults(self, value: Any) -> Iterator[Fault]:
        """Any other word, with the nearest one named."""
        if isinstance(value, str) and value in self.refused:
            yield "", self.refused[value]
        elif not any(value == option and type(value) is type(option) for option in self.options):  # true is no 1
            yield "", f"must be {self.words}{nearest(value, self.options)}"

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"enum": list(self.options)}


class Flag(NamedTuple):
    """True or false."""

    words: str = "true or false"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Anything but a boolean."""
        if not isinstance(value, bool):
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


class Many(NamedTuple):
    """A list of values of one rule."""

    item: Rule
    most: int = 0

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return f"a list of {self.item.words}" + (f", at most {self.most}" if self.most else "")

    def faults(self, value: Any) -> Iterator[Fault]:
        """No list, too long a list, or an item at fault."""
        if not isinstance(value, list):
            yield "", f"must be {self.words}"
            return
        if self.most and len(value) > self.most:
            yield "", f"has {len(value)} items, at most {self.most} are allowed"
        for index, item in enumerate(value):
            for suffix, sentence in self.item.faults(item):
                yield f"[{index}]{suffix}", sentence

    def schema(self) -> dict[str, Any]:
        """An array."""
        found: dict[str, Any] = {"type": "array", "items": self.item.schema()}
        return found | ({"maxItems": self.most} if self.most else {})


class Pairs(NamedTuple):
    """A table of free names (that match `name`) to values of one rule."""

    name: Text
    value: Rule
    refused: Mapping[str, str] = NOTHING
    most: int = 0

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return f"a table of {self.name.like} = {self.value.words}" + (f", at most {self.most}" if self.most else "")

    def faults(self, value: Any) -> Iterator[Fault]:
        """No table, a name at fault or a value at fault."""
        if not isinstance(value, dict):
            yield "", f"must be {self.words}"
            return
        if self.most and len(value) > self.most:
            yield "", f"has {len(value)} entries, at most {self.most} are allowed"
        for name, item in value.items():
            if name in self.refused:
                yield f".{name}", self.refused[name]
            for _, sentence in self.name.faults(name):
                yield f".{name}", f"the name {sentence}"
            for suffix, sentence in self.value.faults(item):
                yield f".{name}{suffix}", sentence

    def schema(self) -> dict[str, Any]:
        """An object with free names."""
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^(?:{self.name.pattern})$"},
            "additionalProperties": self.value.schema(),
        }


class Shape(NamedTuple):
    """A table of fixed keys, all optional."""

    keys: Mapping[str, Rule]

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return "a table with " + ", ".join(self.keys)

    def faults(self, value: Any) -> Iterator[Fault]:
        """No table, an unknown key or a value at fault."""
        if not isinstance(value, dict):
            yield "", f"must be {self.words}"
            return
        for name, item in value.items():
            if name not in self.keys:
                yield f".{name}", f"unknown key{nearest(name, self.keys)}"
            else:
                for suffix, sentence in self.keys[name].faults(item):
                    yield f".{name}{suffix}", sentence

    def schema(self) -> dict[str, Any]:
        """An object with fixed keys."""
        properties = {name: rule.schema() for name, rule in self.keys.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


class Either(NamedTuple):
    """A list, or a table where one list does not do."""

    many: Many
    table: Rule

    @property
    def words(self) -> str:
        """Both rules in a few words."""
        return f"{self.many.words}, or {self.table.words}"

    def faults(self, value: Any) -> Iterator[Fault]:
        """What is wrong with the list, or with the table."""
        if isinstance(value, list | dict):
            yield from (self.table if isinstance(value, dict) else self.many).faults(value)
        else:
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """Either of two schemas."""
        return {"anyOf": [self.many.schema(), self.table.schema()]}


class Raw(NamedTuple):
    """Any table, handed on as it is, but for names that have a better place."""

    refused: Mapping[str, str] = NOTHING
    words: str = "a table, handed on unchecked"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Anything but a table, or a refused name in it."""
        if not isinstance(value, dict):
            yield "", f"must be {self.words}"
            return
        for name in value:
            if name in self.refused:
                yield f".{name}", self.refused[name]

    def schema(self) -> dict[str, Any]:
        """An object."""
        return {"type": "object"}


def nearest(word: Any, known: Any) -> str:
    """A typo hint, ` (did you mean "…"?)`, or nothing when no known word is near."""
    import difflib  # only needed once something is wrong

    close = difflib.get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""
