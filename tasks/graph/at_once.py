"""Verbs that work on all chosen functions at once, while each function's task takes its own outcome.

in   a Line, the verb's Documents, `start() → name → Future` of an outcome, which has target, block() and document()
out  `AtOnce.outcome(name)` and `AtOnce.show(...)`: every function is tried, and failures are listed at the end
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..lib.base.errors import BuildError
from . import bars

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .verb import Documents, Line


class AtOnce:
    """One verb's run."""

    def __init__(
        self, verb: str, line: Line, documents: Documents, start: Callable[[], Mapping[str, Future[Any]]]
    ) -> None:
        self._verb, self._line, self._documents = verb, line, documents
        self._start, self._starting = cache(start), Lock()
        self._headers: set[str] = set()

    def outcome(self, name: str) -> Any:
        """A function's outcome, None where it failed and others were chosen, too; else its BuildError."""
        with self._starting:
            futures = self._start()
        try:
            return futures[name].result()
        except BuildError as error:
            if len(self._line.chosen) == 1:
                raise
            self._documents.fail(f"{self._verb}:{name}", error)
            return None

    def show(self, name: str, outcome: Any) -> None:
        """Put an outcome into the document, and say it; where we are is said once."""
        self._documents[name] = outcome.document()
        header = outcome.target.account_line
        if header not in self._headers:
            self._headers.add(header)
            bars.say(header)
        bars.say(outcome.block(), sys.stderr if self._line.arguments.json else sys.stdout)
