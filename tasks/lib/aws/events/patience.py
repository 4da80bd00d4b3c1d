"""Calls about triggers that are waited for while AWS says "not yet"; bounded, and said.

in   a client and an operation
out  `Patience(...).call(...)`: its answer; DeployError when waiting does not help
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from ...base.errors import DeployError
from ..deploy.calls import LACKS_A_RIGHT, THROTTLED, Clock, Waits
from ..errors import code, sentence_of

Done = TypeVar("Done")
LONGEST_S, POLL_S = 60, 0.5
BUSY = ("ResourceInUse", "ConcurrentModification", "OperationAborted")
TOO_FRESH = "Unable to validate the following destination"  # S3 does not see the statement yet
IN_PROGRESS = "in progress"


class Patience:
    """The calls of one function's triggers."""

    def __init__(self, label: str, report: Callable[[str], None]) -> None:
        self.label, self.clock = label, Clock()
        self._waits = Waits(label, label, report, self.clock)

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
        self._waits.tell(f"waits up to {LONGEST_S} s: {why}")
        self._waits.sleep(POLL_S * times)


def _not_yet(error: Exception, sentence: str) -> bool:
    kind = code(error)
    conflict = kind == "ResourceConflict" and IN_PROGRESS in sentence
    return kind in (*BUSY, *THROTTLED) or conflict or TOO_FRESH in sentence
