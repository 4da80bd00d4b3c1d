"""Calls that are waited for while AWS says "not yet"; bounded, and said.

in   an operation of the Lambda client
out  its answer; `Replan` when the function is not what the plan was made for; DeployError when waiting is over
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ...base.errors import DeployError
from ..errors import TRUST_POLICY, code, missing, sentence_of, status
from ..verbs.role import trust_problem
from .remote import Answer, busy, failure

if TYPE_CHECKING:
    from ..session import Aws
    from .desired import DesiredState

UPDATE_S = 300  # as long as botocore's own waiters
ALL_S = 900  # all waits of one function's deploy together
ROLE_S = 60
POLLS_S = (0.25, 0.5, 1.0)  # the last for ever
NOT_YET = ("cannot be assumed by Lambda", "throttled by EC2", "invalid for CreateGrant")
LACKS_A_RIGHT = "does not have permissions"
THROTTLED = ("TooManyRequests", "Throttling", "ThrottledException", "RequestLimitExceeded")
CREATE = "create_function"


class Replan(Exception):  # noqa: N818 - no error: a turn of the road
    """The function is not what the plan was made for; the message says why."""


@dataclass
class Clock:
    """Time, exchangeable in tests."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Waits:
    """The waits of one function's run: each reason is said once, and all of them together are bounded."""

    label: str  # in lambda.toml
    name: str  # as a sentence names it
    report: Callable[[str], None]
    clock: Clock = field(default_factory=Clock)
    _told: set[str] = field(default_factory=set)
    _slept: float = 0.0

    def tell(self, text: str) -> None:
        """Say why nothing happens."""
        if text not in self._told:
            self._told.add(text)
            self.report(f"{self.label}: {text}")

    def sleep(self, seconds: float) -> None:
        """Sleep a little; DeployError when that was enough in all."""
        self._slept += seconds
        if self._slept > ALL_S:
            raise DeployError(
                f"{self.name} made this run wait for {ALL_S} s in all.", "Run the same command again later."
            )
        self.clock.sleep(seconds)


class Calls:
    """The calls of one function's deploy."""

    def __init__(self, aws: Aws, desired: DesiredState, report: Callable[[str], None], clock: Clock) -> None:
        self.aws, self.desired, self.report, self.clock = aws, desired, report, clock
        self._waits = Waits(desired.label, desired.name, report, clock)

    def call(self, operation: str, **parameters: Any) -> Answer:
        """One call about the function, again and again while AWS says "not yet"."""
        return self.plain(operation, FunctionName=self.desired.name, **parameters)

    def plain(self, operation: str, **parameters: Any) -> Answer:
        """The same for operations that name the function in another way."""
        return self._send(self.aws.client("lambda"), operation, parameters)

    def upload(self, operation: str, **parameters: Any) -> Answer:
        """One call about the function that carries a zip, or names it."""
        return self._send(self.aws.uploader(), operation, {"FunctionName": self.desired.name, **parameters})

    def _send(self, client: Any, operation: str, parameters: dict[str, Any]) -> Answer:
        started = self.clock.now()
        while True:
            try:
                answer: Answer = getattr(client, operation)(**parameters)
            except client.exceptions.ClientError as error:
                self._wait_or_raise(error, operation, self.clock.now() - started)
            else:
                return answer

    def settle(self, version: str = "$LATEST") -> Answer:
        """A version once AWS is done with it; DeployError if that failed."""
        client, started = self.aws.client("lambda"), self.clock.now()
        qualifier = {} if version == "$LATEST" else {"Qualifier": version}
        polls = 0
        while True:
            try:
                answer: Answer = client.get_function_configuration(FunctionName=self.desired.name, **qualifier)
            except client.exceptions.ResourceNotFoundException as error:
                raise Replan(sentence_of(error)) from error
            if not busy(answer):
                break
            state = answer.get("State") if answer.get("State") != "Active" else answer.get("LastUpdateStatus")
            self._waits.tell(f"waits up to {UPDATE_S} s: AWS says {state}")
            if self.clock.now() - started > UPDATE_S:
                raise DeployError(
                    f"{self.desired.name} is still {state} after {UPDATE_S} s.", "Run the same command again later."
                )
            self._waits.sleep(POLLS_S[min(polls, len(POLLS_S) - 1)])
            polls += 1
        if failure(answer):
            raise DeployError(
                f"AWS could not bring {self.desired.name} to life: {failure(answer)}",
                f"Mend what AWS names; then doit deploy:{self.desired.label}.",
            )
        return answer

    def step_aside(self, longest_s: float) -> None:
        """Sleep for a random time: two deploys that undo each other's work would do so until both gave up."""
        self._waits.sleep(random.uniform(0, longest_s))  # noqa: S311 - no secret

    def _wait_or_raise(self, error: Exception, operation: str, elapsed: float) -> None:
        """Wait if that helps; else raise Replan, or the error itself."""
        kind, sentence = code(error), sentence_of(error)
        conflict, invalid = status(error) == HTTPStatus.CONFLICT, kind == "InvalidParameterValue"
        if kind == "PreconditionFailed" or (invalid and "CodeSHA256" in sentence):
            raise Replan("the function was changed by somebody else") from error
        if (conflict and "already exist" in sentence) or (missing(error) and operation != CREATE):
            raise Replan(sentence) from error
        if invalid and LACKS_A_RIGHT in sentence:
            raise DeployError(
                f"The role of {self.desired.name} lacks a right: {sentence}",
                f"Give it what lambda.toml needs: doit role:{self.desired.label}; then deploy again.",
            ) from error
        if "state: Failed" in sentence:
            hint = f"Look at it, then make it anew: doit destroy:{self.desired.label}, doit deploy:{self.desired.label}"
            raise DeployError(f"{self.desired.name} cannot be changed: {sentence}", hint) from error
        if conflict and elapsed < UPDATE_S:
            self._waits.tell(f"waits up to {UPDATE_S} s: {sentence}")
            self._waits.sleep(1.0)
        elif kind in THROTTLED and elapsed < UPDATE_S:
            self._waits.tell(f"waits up to {UPDATE_S} s: AWS throttles ({sentence})")
            self._waits.sleep(2.0)
        elif invalid and any(part in sentence for part in NOT_YET) and elapsed < ROLE_S:
            self._await_role(sentence, elapsed)
        else:
            raise error

    def _await_role(self, sentence: str, elapsed: float) -> None:
        reason = "" if elapsed else trust_problem(self.aws, str(self.desired.settings.get("Role", "")))
        if reason:
            raise DeployError(f"{sentence} {reason}", f"Its trust policy must be {TRUST_POLICY}")
        self._waits.tell(f"waits up to {ROLE_S} s for the role: {sentence}")
        self._waits.sleep(min(1.0 + elapsed / 4, 5.0))
