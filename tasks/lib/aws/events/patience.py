"""Calls about triggers that are waited for while AWS says "not yet"; bounded, and said.

in   a client and an operation
out  `Patience(...).call(...)`: its answer; DeployError when waiting does not help
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ...base.errors import DeployError
from ..deploy.calls import ALL_S, LACKS_A_RIGHT, THROTTLED, Clock
from ..errors import code, sentence_of

Done = TypeVar("Done")
LONGEST_S, POLL_S = 60, 0.5
BUSY = ("ResourceInUse", "ConcurrentModification", "OperationAborted")
TOO_FRESH = "Unable to validate the following destination"  # S3 does not see the statement yet
IN_PROGRESS = "in progress"


@dataclass
class Patience:
    """The calls of one function's triggers."""

    label: str
    report: Callable[[str], None]
    clock: Clock = field(default_factory=Clock)
    _said: set[str] = field(default_factory=set)
    _slept: float = 0.0

    def call(self, client: Any, operation: str, **parameters: Any) -> Any:
        """One call, again and again while AWS says "not yet"; DeployError where the role lacks a right."""
        return self.until(partial(getattr(client, operation), **parameters))

    def until(self, work: Callable[[], Done]) -> Done:
        """Work of several calls that only read, or of one, in the same way; DeployError as for `call`."""
        from botocore.exceptions import ClientError

        started = self.clock.now()
        while True:
            try:
                return work()
            except ClientError as error:
                sentence = sentence_of(error)
                if LACKS_A_RIGHT in sentence:
                    raise DeployError(
                        f"The role of {self.label} lacks a right: {sentence}",
                        f"Give it what lambda.toml needs: doit role:{self.label}; then doit events:{self.label}.",
                    ) from error
                if not _not_yet(error, sentence) or self.clock.now() - started > LONGEST_S:
                    raise
                self.wait(sentence)

    def wait(self, why: str, times: int = 1) -> None:
        """Sleep a little; each reason is said once. DeployError when that was enough in all."""
        if why not in self._said:
            self._said.add(why)
            self.report(f"{self.label}: waits up to {LONGEST_S} s: {why}")
        self._slept += POLL_S * times
        if self._slept > ALL_S:
            raise DeployError(
                f"{self.label} made this run wait for {ALL_S} s in all.", "Run the same command again later."
            )
        self.clock.sleep(POLL_S * times)


def _not_yet(error: Exception, sentence: str) -> bool:
    kind = code(error)
    conflict = kind == "ResourceConflict" and IN_PROGRESS in sentence
    return kind in (*BUSY, *THROTTLED) or conflict or TOO_FRESH in sentence
