"""How much is read of each function: one question for all of them at once, and more only where that does not do.

in   the session, and the functions of the run
out  `Reader.read(desired, …)` before a plan, `.after(desired, …)` behind its steps → Remote, None for no function
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from ..pace import daemons
from ..session import ASKING, Aws
from .plan import plan
from .remote import (
    Answer,
    Remote,
    concurrency,
    get_function,
    published_versions,
    remote_of_alias,
    remote_of_latest,
    retention_days,
    variables,
)

if TYPE_CHECKING:
    from ...settings.model import Function
    from .desired import DesiredState


class Reader:
    """What a run reads of its functions; `aws` gives the session, made at the first use."""

    def __init__(self, aws: Callable[[], Aws], functions: Mapping[str, Function]) -> None:
        self._aws, self._functions = aws, functions
        self._lock = Lock()
        self._answers: dict[str, Future[Answer | None]] = {}

    def read(self, desired: DesiredState, *, first: bool, deep: bool = False) -> Remote | None:
        """The function as far as the plan needs it: the one answer, and more only when that is not as desired.

        DeployError where its variables are managed, and AWS does not show them.
        """
        found = self._read(desired, first=first, deep=deep)
        for version in (found.live, found.latest) if found and "Environment" in desired.settings else ():
            variables(version or {})
        return found

    def _read(self, desired: DesiredState, *, first: bool, deep: bool) -> Remote | None:
        client = self._aws().client("lambda")
        answer = self._first_answer(desired.label) if first else get_function(client, desired.name, desired.alias)
        if answer is None and desired.alias is None:
            return None
        if answer is not None:
            live = answer["Configuration"]
            known = remote_of_alias(answer) if desired.alias else remote_of_latest(answer, live=live)
            if not deep and (desired.alias is None or not plan(desired, known)):
                unread = desired.retention_days is not None and not desired.is_settled(known.tags)
                return self._with_hidden(desired, known) if unread else known
        if desired.alias is None:
            return self._with_hidden(desired, known)
        unqualified = get_function(client, desired.name, None)
        if unqualified is None:
            return None
        live = None if answer is None else answer["Configuration"]
        found = remote_of_latest(unqualified, live, published_versions(client, desired.name))
        return self._with_hidden(desired, found) if deep or not desired.is_settled(found.tags) else found

    def after(self, desired: DesiredState, *, hidden: bool) -> Remote | None:
        """What stands there after the steps: the one read, and what it does not show if that was written."""
        answer = get_function(self._aws().client("lambda"), desired.name, desired.alias)
        if answer is None:
            return None
        if desired.alias is None:
            found = remote_of_latest(answer, live=answer["Configuration"])
        else:
            found = remote_of_alias(answer)
        return self._with_hidden(desired, found) if hidden else found

    def _with_hidden(self, desired: DesiredState, remote: Remote) -> Remote:
        copies, days = remote.concurrency, remote.retention_days
        if desired.concurrency is not None and copies is None:
            copies = concurrency(self._aws().client("lambda"), desired.name)
        if desired.retention_days is not None:
            days = retention_days(self._aws().client("logs"), desired.log_group)
        return replace(remote, concurrency=copies, retention_days=days)

    def _first_answer(self, name: str) -> Answer | None:
        """The answer to the question that is asked for all functions at once."""
        client = self._aws().client("lambda")
        with self._lock:
            if not self._answers:
                questions = {
                    label: partial(get_function, client, function.function_name, function.alias)
                    for label, function in self._functions.items()
                }
                self._answers = daemons(ASKING, questions)
        return self._answers[name].result()
