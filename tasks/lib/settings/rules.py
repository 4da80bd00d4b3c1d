"""What a value in lambda.toml may be: rules that check it, describe it and give its JSON schema.

in   a value as tomllib reads it
out  `faults(value)`: (dotted suffix, sentence) pairs, empty when the value is good; `words`: the rule for people;
     `schema()`: the rule for editors

The rules are made on every run of doit, `doit list` too, so nothing is compiled for them before it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

from ..base.frozen import Frozen

Fault = tuple[str, str]
ANYTHING = r"[^\x00]*"
NOTHING: Mapping[str, str] = MappingProxyType({})


class Rule(Protocol):
    """One kind of value."""

    @property
    def words(self) -> str:
        """The rule in a few words: "1 to 900 s"."""

    def faults(self, value: Any) -> Iterator[Fault]:
        """Everything wrong with `value`."""

    def schema(self) -> dict[str, Any]:
        """The same rule as a JSON schema (draft 7, as editors' TOML plug-ins read it)."""


class Text(Frozen):
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


class Whole(Frozen):
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


class Choice(Frozen):
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


class Word(Frozen):
    """One of a closed set of words, and a member of that set from then on."""

    kind: type[StrEnum]
    but: tuple[str, ...] = ()  # members that nobody may write

    @property
    def words(self) -> str:
        """The rule in a few words."""
        return self._choice.words

    def faults(self, value: Any) -> Iterator[Fault]:
        """Any other word, with the nearest one named."""
        return self._choice.faults(value)

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return self._choice.schema()

    @cached_property
    def _choice(self) -> Choice:
        return Choice(tuple(word.value for word in self.kind if word.value not in self.but))


class Flag(Frozen):
    """True or false."""

    words: str = "true or false"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Anything but a boolean."""
        if not isinstance(value, bool):
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


def hinted_faults(rule: Rule, value: Any) -> Iterator[Fault]:
    """The faults of a value; where another of TOML's types would do, how it is written."""
    found = list(rule.faults(value))
    meant = [other for other in _in_other_types(value) if not any(rule.faults(other))] if found else []
    if meant:
        yield "", f"must be {rule.words} (write {json.dumps(meant[0], ensure_ascii=False)})"
    else:
        yield from found


def _in_other_types(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value[:1] if len(value) == 1 else ()
    elif not isinstance(value, dict):
        yield [value]
    if isinstance(value, str):
        yield from [int(value)] if re.fullmatch(r"-?\d{1,12}", value) else ()
        yield from [value.lower() == "true"] if value.lower() in {"true", "false"} else ()
    if isinstance(value, float) and value.is_integer():
        yield int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


def nearest(word: Any, known: Any) -> str:
    """A typo hint, ` (did you mean "…"?)`, or nothing when no known word is near."""
    import difflib  # only needed once something is wrong

    close = difflib.get_close_matches(str(word), [str(one) for one in known], n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""
