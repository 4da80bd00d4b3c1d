"""Frozen values behave as frozen dataclasses do; and nothing is generated for them."""

from __future__ import annotations

import dataclasses

import pytest

from tasks.lib.base.frozen import Frozen, row, values


class Point(Frozen):
    x: int
    y: int = 2
    note: str = row(default="none", metadata={"meaning": "a word"})


def test_fields_are_given_by_place_or_by_name_and_have_defaults() -> None:
    assert values(Point(1)) == {"x": 1, "y": 2, "note": "none"}
    assert values(Point(1, note="n", y=3)) == {"x": 1, "y": 3, "note": "n"}
    assert Point.rows["note"].metadata == {"meaning": "a word"}


@pytest.mark.parametrize(
    ("given", "named"), [((), {}), ((1, 2, "n", 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1})]
)
def test_a_field_that_is_missing_unknown_or_given_twice_is_an_error(
    given: tuple[int, ...], named: dict[str, int]
) -> None:
    with pytest.raises(TypeError, match="Point"):
        Point(*given, **named)  # type: ignore[arg-type]


def test_nothing_can_be_changed() -> None:
    point = Point(1)
    with pytest.raises(AttributeError):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del point.x
    assert point.x == 1


def test_equal_fields_make_equal_values() -> None:
    assert Point(1) == Point(x=1, y=2)
    assert Point(1) != Point(2)
    assert len({Point(1), Point(1), Point(2)}) == 2
    assert repr(Point(1)) == "Point(x=1, y=2, note='none')"


def test_the_functions_of_dataclasses_take_them() -> None:
    one = Point(1, y=2)
    assert dataclasses.is_dataclass(one)
    assert dataclasses.replace(one, x=5) == Point(5, y=2)
    assert dataclasses.asdict(one) == values(one)
    assert [field.name for field in dataclasses.fields(Point)] == list(values(one))
