"""Rules of values that hold other values: lists and tables, in the form of rules.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..base.frozen import Frozen
from .rules import NOTHING, Fault, Rule, Text, hinted_faults, nearest


class Many(Frozen):
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


class Pairs(Frozen):
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


class Shape(Frozen):
    """A table of fixed keys, all optional; `aws` are their names on AWS, where the table is a structure there."""

    keys: Mapping[str, Rule]
    aws: Mapping[str, str] = NOTHING

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
                for suffix, sentence in hinted_faults(self.keys[name], item):
                    yield f".{name}{suffix}", sentence

    def schema(self) -> dict[str, Any]:
        """An object with fixed keys."""
        properties = {name: rule.schema() for name, rule in self.keys.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


class Either(Frozen):
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


class Raw(Frozen):
    """Any table, in AWS's own words: raw.py holds its fields against botocore's model."""

    words: str = "a table of AWS's own fields"

    def faults(self, value: Any) -> Iterator[Fault]:
        """Anything but a table."""
        if not isinstance(value, dict):
            yield "", f"must be {self.words}"

    def schema(self) -> dict[str, Any]:
        """An object."""
        return {"type": "object"}
