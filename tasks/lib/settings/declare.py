"""How a key of lambda.toml is declared: one row with its rule, its meaning, and what AWS calls it.

in   what is true of a key
out  `key(...)`, and `managed(...)` for one that AWS holds: fields of the classes of model.py
"""

from __future__ import annotations

from typing import Any

from ..base.frozen import row
from .rules import Rule


def key(rule: Rule, meaning: str, default: Any = None, *, aws: str = "") -> Any:
    """Declare a key: its rule, what it means, its default, and the field of AWS that it fills, if any."""
    return row(default=default, metadata={"rule": rule, "meaning": meaning, "aws": aws})


def managed(  # noqa: PLR0913 - a row has these columns
    aws: str, rule: Rule, meaning: str, default: Any = None, *, aws_default: Any = None, secret: bool = False
) -> Any:
    """Declare a key that AWS holds, under AWS's own dotted name and with AWS's own default; a stage may override it.

    `aws` is empty where several calls, or none of CreateFunction's fields, hold it.
    """
    held = {"aws": aws, "aws_default": aws_default, "secret": secret, "overridable": True}
    return row(default=default, metadata={"rule": rule, "meaning": meaning, **held})
