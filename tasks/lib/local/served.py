"""One function served for long: its emulator, started anew when zip or settings change, or when it has ended.

in   a package; `package` may be set to a newer one
out  `invoke`: one event in, one answer out, from whichever emulator serves then
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import BuildError, InvokeError
from .emulator import Answer, Emulated, Log, RetiredError

if TYPE_CHECKING:
    from .function import Package


class Served:
    """One function, and the emulator that serves it now."""

    def __init__(self, package: Package, cache: Path, log: Log) -> None:
        self.package, self._cache = package, cache
        self._log: Log = lambda line: log(f"[{package.name}] {line}")
        self._guard = threading.Lock()
        self._running: Emulated | None = None
        self._state: tuple[Package, int, int, int] | None = None

    def refresh(self) -> None:
        """Start it, or start it anew when zip or settings are others; while there is no zip, the old one serves on."""
        with self._guard, suppress(FileNotFoundError):
            now = self.package.zip.stat()
            state = (self.package, now.st_ino, now.st_size, now.st_mtime_ns)
            alive = self.is_alive()
            if state == self._state and alive:
                return
            if self._state:
                self._log("it has changed: starting anew" if alive else "its emulator has ended: starting anew")
            self._state = state
            old = self._running
            if not alive:
                self._running = None
            try:
                self._running = Emulated(self.package, self._cache, self._log).__enter__()
            finally:
                if old and old is not self._running:
                    old.retire()

    def try_refresh(self) -> None:
        """Refresh it; what goes wrong is logged, and the next zip may be better."""
        try:
            self.refresh()
        except BuildError as error:
            self._log(str(error))

    def invoke(self, event: bytes, client_context: str | None = None) -> Answer:
        """One event in, one answer out."""
        while running := self._running:
            with suppress(RetiredError):
                return running.invoke(event, client_context)
        raise InvokeError(f"{self.package.zip} is not served.", "The log says why; doit builds it.")

    def is_alive(self) -> bool:
        """False when its emulator has ended by itself; one that could not be started is not tried again."""
        return not self._running or self._running.is_alive()

    def stop(self) -> None:
        """End the function."""
        with self._guard:
            if self._running:
                self._running.stop()
