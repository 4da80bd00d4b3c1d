"""The variables of a function that runs here: places that lambda.toml names are looked up in this process alone.

in   the variables of a Function, and where to say what is not there
out  `variables(...)`: text only; InvokeError for `{ env = … }` that is not set

No AWS account is needed here, so no parameter and no secret is read: a variable of the same name stands in, or none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ..base import secrets
from ..base.errors import InvokeError
from ..settings.references import Reference, Source


def variables(
    function: str, environment: Mapping[str, str | Reference] | None, report: Callable[[str], None]
) -> dict[str, str]:
    """What the function finds; each place that is not read here is reported once. InvokeError as above."""
    found: dict[str, str] = {}
    for name, said in (environment or {}).items():
        if isinstance(said, str):
            found[name] = said
            continue
        own = said.source is Source.ENV
        value = os.environ.get(said.name if own else name)
        if value is not None:
            secrets.keep([value])
            found[name] = value
        elif own:
            raise InvokeError(
                f"environment.{name} of {function} is {said}, and this process has no variable {said.name}.",
                f"export {said.name}=…",
            )
        else:
            report(f"environment.{name} is {said}, which only a deploy reads, so it is not set here: export {name}=…")
    return found
