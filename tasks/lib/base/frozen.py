"""Frozen values with named fields, as dataclasses have them, without the code that a dataclass compiles for itself.

in   a class with annotated names, some with a default
out  its constructor, by place or by name; equality, a hash and a repr over all fields; `values(one)`: them by name

A dataclass writes and compiles its methods each time its module is loaded. Those of lambda.toml were a quarter of what
`doit` with nothing to do took on top of doit itself. Here one constructor serves all, and a field that nobody gave is
the class's own default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, dataclass_transform


class Row(NamedTuple):
    """A field with a default and more that is true of it."""

    default: Any
    metadata: Mapping[str, Any]


def row(*, default: Any, metadata: Mapping[str, Any]) -> Any:
    """A field with a default and more that is true of it."""
    return Row(default, metadata)


class _DataclassFields:
    """Made when one asks: with it `dataclasses.replace`, `asdict` and `fields` take these classes for dataclasses."""

    def __get__(self, _: Any, cls: type[Frozen]) -> Any:
        from dataclasses import fields, make_dataclass

        cls.__dataclass_fields__ = {one.name: one for one in fields(make_dataclass(cls.__name__, cls._fields))}
        return cls.__dataclass_fields__  # the class's own from now on


@dataclass_transform(frozen_default=True, field_specifiers=(row,))
class Frozen:
    """The base of such classes; TypeError for a field that is missing or unknown, AttributeError for a change."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _needed: ClassVar[frozenset[str]] = frozenset()
    rows: ClassVar[dict[str, Row]] = {}
    __dataclass_fields__: ClassVar[Any] = _DataclassFields()

    def __init_subclass__(cls) -> None:
        cls._fields = tuple(cls.__annotations__)
        given = {name: cls.__dict__[name] for name in cls._fields if name in cls.__dict__}
        cls._needed = frozenset(cls._fields) - given.keys()
        cls.rows = {name: one for name, one in given.items() if isinstance(one, Row)}
        for name, one in cls.rows.items():
            setattr(cls, name, one.default)

    def __init__(self, *given: Any, **named: Any) -> None:
        cls = type(self)
        own = self.__dict__
        own.update(zip(cls._fields, given, strict=False))
        if len(given) > len(cls._fields) or (named and not (named.keys() <= set(cls._fields) - own.keys())):
            raise TypeError(f"{cls.__name__} has the fields {', '.join(cls._fields)}, once each.")
        own.update(named)
        if missing := cls._needed - own.keys():
            raise TypeError(f"{cls.__name__} needs {', '.join(sorted(missing))}.")

    def __setattr__(self, name: str, _: Any) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be taken away")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and values(self) == values(other)

    def __hash__(self) -> int:
        return hash(tuple(values(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in values(self).items())})"


def values(one: Frozen) -> dict[str, Any]:
    """The fields by name, in their order."""
    return {name: getattr(one, name) for name in type(one)._fields}
