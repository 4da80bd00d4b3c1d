"""Values of variables that stand elsewhere: lambda.toml names the place, and the value is read when it is needed.

in   `"text"`, or `{ ssm = "/path" }`, `{ secret = "name", key = "member" }`, `{ env = "NAME" }`
out  VALUE, the rule of both forms; `value(…)`: text, or a Reference, which is shown as lambda.toml writes it;
     `environment_bytes(…)`: the size of all variables as Lambda measures it

ssm: a parameter of Systems Manager; secret: one of Secrets Manager, or with `key` a member of its JSON object; env: a
variable of the process that deploys, or that runs the function here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from .rules import Fault, Text
from .tables import Shape


class Source(StrEnum):
    """Where a value stands; each is the key that names it in lambda.toml."""

    SSM = "ssm"
    SECRET = "secret"  # noqa: S105 - the word, and no password
    ENV = "env"


class Reference(NamedTuple):
    """The place of a value: the parameter's, secret's or variable's name; `key` of a secret that is a JSON object."""

    source: Source
    name: str
    key: str = ""

    @property
    def table(self) -> dict[str, str]:
        """As lambda.toml has it."""
        return {self.source.value: self.name} | ({"key": self.key} if self.key else {})

    def __str__(self) -> str:
        inner = ", ".join(f"{word} = {json.dumps(text, ensure_ascii=False)}" for word, text in self.table.items())
        return f"{{ {inner} }}"


FORMS: Mapping[str, Text] = {
    "ssm": Text(r"[A-Za-z0-9_./:-]+", "a parameter's name or ARN", 2048),
    "secret": Text(r"[A-Za-z0-9/_+=.@:!-]+", "a secret's name or ARN", 2048),
    "env": Text(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name"),
    "key": Text(r"[^\x00]+", "the name of a member of the secret's JSON object"),
}
PLACES = Shape(FORMS)


class Variable(NamedTuple):
    """The value of a variable: text, or where it stands."""

    text: Text = Text()
    words: str = 'text, { ssm = "/path" }, { secret = "name", key = "member" } or { env = "NAME" }'

    def faults(self, value: Any) -> Iterator[Fault]:
        """Neither text nor the name of just one place."""
        if not isinstance(value, dict):
            if any(self.text.faults(value)):
                yield "", f"must be {self.words}"
            return
        yield from PLACES.faults(value)
        named = [source for source in Source if source.value in value]
        if len(named) != 1:
            yield "", f"must name one place: {', '.join(source.value for source in Source)}"
        elif "key" in value and named[0] is not Source.SECRET:
            yield ".key", "belongs to a secret"

    def schema(self) -> dict[str, Any]:
        """A string, or an object with one of the places."""
        one = [{"required": [source.value]} for source in Source]
        return {"anyOf": [self.text.schema(), PLACES.schema() | {"oneOf": one}]}


VALUE = Variable()


def value(said: Any) -> str | Reference:
    """What lambda.toml says of a variable, once it has no faults."""
    if not isinstance(said, Mapping):
        return str(said)
    source = next(source for source in Source if source.value in said)
    return Reference(source, said[source.value], said.get("key", ""))


def plain(environment: Mapping[str, str | Reference] | None) -> dict[str, str]:
    """The variables whose values lambda.toml has itself."""
    return {name: said for name, said in (environment or {}).items() if isinstance(said, str)}


def environment_bytes(values: Mapping[str, str]) -> int:
    """The size of variables as Lambda measures it: their JSON."""
    return len(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
