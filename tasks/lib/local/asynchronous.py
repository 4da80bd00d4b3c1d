"""Events that nobody waits for (InvocationType=Event): a failure is tried again, as Lambda does.

in   a pool, an invocation
out  `send`: it is on its way. One that fails is sent twice more, a minute and then two minutes later, with the same id;
     behind the third failure it is dropped, and the log says so at each step

Source: "Error handling for asynchronous invocation" in AWS's developer guide, November 2026.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from .invocation import Invocation
from .pool import Pool

RETRY_AFTER_S = (60.0, 120.0)


def send(pool: Pool, invocation: Invocation, retry_after_s: Sequence[float] = RETRY_AFTER_S) -> None:
    """Set the event on its way; whatever becomes of it, nobody is told but the log."""
    threading.Thread(target=_try, args=(pool, invocation, retry_after_s), daemon=True).start()


def _try(pool: Pool, one: Invocation, waits: Sequence[float]) -> None:
    for wait in (*waits, None):
        one.abandon()
        pool.serve(one)
        if not one.failure:
            return
        if wait is None:
            pool.log(f"RequestId: {one.id} is dropped: it failed {len(waits) + 1} times")
            return
        pool.log(f"RequestId: {one.id} is tried again in {wait:g} s, as Lambda does with events that nobody waits for")
        time.sleep(wait)
        one = Invocation(one.event, one.arn, one.client_context, one.trace, one.about, one.id)
