"""How far an upload is: a bar by bytes on a terminal, one line elsewhere.

in   a stream, usually stderr
out  `bar(stream)` → the function that uploads report to
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

WIDTH = 30
EVERY_S = 0.1


def bar(stream: TextIO, now: Callable[[], float] = time.monotonic) -> Callable[[int, int], None]:
    """Show bytes sent of bytes in all; a retry begins again."""
    terminal = stream.isatty()
    told = {"at": float("-inf"), "sent": -1}

    def progress(sent: int, total: int) -> None:
        again = sent == told["sent"]  # a body is asked once more for bytes after its last
        begins, done = told["sent"] < 0 or sent < told["sent"], sent >= total
        told["sent"] = sent
        if terminal and not again and (done or now() - told["at"] >= EVERY_S):
            told["at"] = now()
            filled = "#" * (WIDTH * sent // max(total, 1))
            stream.write(f"\r  [{filled:<{WIDTH}}] {_mb(sent)} of {_mb(total)} MB" + ("\n" if done else ""))
            stream.flush()
        elif not terminal and begins:
            stream.write(f"  uploads {_mb(total)} MB\n")

    return progress


def lines(sent: int, total: int) -> None:
    """Show nothing: several uploads at a time have no place for bars, and each step is said anyway."""


def _mb(size: int) -> str:
    return f"{size / 1_000_000:.1f}"
