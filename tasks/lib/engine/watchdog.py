"""Waiting for an engine without waiting for ever.

in   an iterator whose items come when the engine sends them, and a question that fails once it no longer answers
out  `watched_items(items, ask)` → the same items

Each item may take as long as a compiler does: only an engine that gives no sign of life is given up, within seconds.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")
SILENCE_S = 2.0  # before the engine is asked for a sign of life
WAITING = 1000  # items that may wait to be taken: what bounds memory when output comes fast


class Message(NamedTuple):
    """What the thread that takes the items hands over."""

    item: Any = None
    error: BaseException | None = None
    last: bool = False


class ReaderThread:
    """Takes items in a thread of its own; once it is shut, the thread ends with the item at hand."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.waiting: queue.Queue[Message] = queue.Queue(WAITING)
        self.shut = threading.Event()
        threading.Thread(target=self._take, args=(items,), daemon=True).start()

    def _take(self, items: Iterable[Any]) -> None:
        try:
            for item in items:
                self._offer(Message(item))
                if self.shut.is_set():
                    return
            self._offer(Message(last=True))
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._offer(Message(error=error))

    def _offer(self, message: Message) -> None:
        while not self.shut.is_set():
            try:
                self.waiting.put(message, timeout=1)
            except queue.Full:
                continue
            return


def watched_items(items: Iterable[T], ask: Callable[[], object]) -> Iterator[T]:
    """The items as they come; after a silence `ask` is called, and what it raises ends the wait."""
    reader = ReaderThread(items)
    try:
        while True:
            try:
                message = reader.waiting.get(timeout=SILENCE_S)
            except queue.Empty:
                ask()
                continue
            if message.error is not None:
                raise message.error
            if message.last:
                return
            yield message.item
    finally:
        reader.shut.set()
