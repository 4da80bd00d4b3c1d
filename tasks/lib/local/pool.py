"""The sandboxes of one function: as many as events come at once, up to a bound; idle ones stay warm.

in   a package (`package` may be set to a newer one; `refresh` looks whether its zip is another) and invocations
out  `invoke`: the invocation is on its way, in a thread of its own; it waits its turn where all sandboxes are at work

A new zip or new settings serve from the next event on; what the old ones have begun, they end.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

from ..base.errors import BuildError
from .folders import Folder, sweep
from .function import Package, command, lay_out
from .invocation import Failure, Invocation, Report
from .sandbox import Log, Sandbox

CONCURRENCY = 10  # sandboxes at once, where nobody says otherwise
REMEMBERED = 50  # invocations


@dataclass(eq=False)
class Version:
    """A package, unpacked, and its sandboxes; its folder goes with the last of them."""

    package: Package
    folder: Folder
    idle: list[Sandbox] = field(default_factory=list)
    busy: set[Sandbox] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many sandboxes there are."""
        return len(self.idle) + len(self.busy)


class Pool:
    """One function, served."""

    def __init__(self, package: Package, log: Log, concurrency: int = CONCURRENCY) -> None:
        self.package, self.concurrency = package, concurrency
        self.log: Log = lambda line: log(f"[{package.name}] {line}")
        self._changed = threading.Condition()
        self._refreshing = threading.Lock()
        self._version: Version | None = None
        self._old: list[Version] = []
        self._state: tuple[object, ...] | None = None
        self._stopped = False
        self.recent: deque[Invocation] = deque(maxlen=REMEMBERED)

    # ---- versions ----

    def refresh(self) -> None:
        """Serve the package as it is now, or the old one while there is no zip; InvokeError where it is no use."""
        with self._refreshing, suppress(FileNotFoundError):
            now = [path.stat() for path in (self.package.zip, *self.package.layers)]
            state = (self.package, *((one.st_ino, one.st_size, one.st_mtime_ns) for one in now))
            if state == self._state:
                return
            self._state = state
            new = _unpack(self.package)
            with self._changed:
                old, self._version = self._version, new
                if old:
                    self._old.append(old)
                stopped = self._stopped
            if old:
                self.log("it has changed: the next event meets the new one")
            self._sweep_old()
            if stopped:
                self.stop()

    def try_refresh(self) -> None:
        """Refresh it; what goes wrong is logged, and the next zip may be better."""
        try:
            self.refresh()
        except BuildError as error:
            self.log(str(error))

    def _sweep_old(self) -> None:
        """End what is idle in versions that were replaced, and the versions with nothing left."""
        with self._changed:
            ending = [(one, one.idle) for one in self._old]
            for one in self._old:
                one.idle = []
            over = [one for one in self._old if not one.busy]
            self._old = [one for one in self._old if one.busy]
        for _, idle in ending:
            for sandbox in idle:
                sandbox.stop()
        for one in over:
            one.folder.remove()

    # ---- events ----

    def invoke(self, invocation: Invocation) -> Invocation:
        """Set the event on its way."""
        self.recent.appendleft(invocation)
        threading.Thread(target=self._serve, args=(invocation,), daemon=True).start()
        return invocation

    def serve(self, invocation: Invocation) -> None:
        """Serve the event to its end; its REPORT is in the log then."""
        self.recent.appendleft(invocation)
        self._serve(invocation)

    def _serve(self, invocation: Invocation) -> None:
        try:
            while not self._serve_in(self._take(), invocation):
                pass
        except BuildError as error:
            self.log(str(error))
            invocation.finish(Failure.of("Runtime.Unavailable", str(error)), Report(0, 0, None))
        except BaseException:
            invocation.finish(Failure.of("Runtime.Unavailable", "the local Lambda itself failed"), Report(0, 0, None))
            raise
        if report := invocation.report:
            failed = f" {invocation.failure.kind}: {invocation.failure.message[:300]}" if invocation.failure else ""
            if failed:
                self.log(f"RequestId: {invocation.id}{failed}")
            self.log(report.line(invocation.id, self.package.memory_mb))

    def _serve_in(self, taken: tuple[Version, Sandbox], invocation: Invocation) -> bool:
        version, sandbox = taken
        try:
            return sandbox.serve(invocation)
        finally:
            with self._changed:
                version.busy.discard(sandbox)
                keep = sandbox.is_alive() and version is self._version and not self._stopped
                if keep:
                    version.idle.append(sandbox)
                self._changed.notify()
            if not keep:
                sandbox.stop()
            self._sweep_old()

    def _take(self) -> tuple[Version, Sandbox]:
        """An idle sandbox or a new one; waits while all are at work. InvokeError when the function cannot be served."""
        with self._changed:
            while True:
                if self._stopped or not (version := self._version):
                    raise BuildError(f"{self.package.zip} is not served.", "The log says why; doit builds it.")
                dead = [one for one in version.idle if not one.is_alive()]
                version.idle = [one for one in version.idle if one.is_alive()]
                for one in dead:
                    one.kill()
                if version.idle:
                    sandbox = version.idle.pop()
                    version.busy.add(sandbox)
                    return version, sandbox
                if version.size < self.concurrency:
                    break
                self._changed.wait()
            sandbox = Sandbox(version.package, version.folder.task, self.log)
            version.busy.add(sandbox)
        try:
            sandbox.start()
        except BaseException:
            with self._changed:
                version.busy.discard(sandbox)
                self._changed.notify()
            raise
        return version, sandbox

    def state(self) -> dict[str, int]:
        """How many sandboxes are idle and busy."""
        with self._changed:
            version = self._version
            return {"idle": len(version.idle), "busy": len(version.busy)} if version else {"idle": 0, "busy": 0}

    def stop(self) -> None:
        """End everything, events under way too, and remove the unpacked files."""
        with self._changed:
            self._stopped = True
            versions = [*self._old, *([self._version] if self._version else [])]
            sandboxes = [one for version in versions for one in (*version.idle, *version.busy)]
            self._changed.notify_all()
        ending = [threading.Thread(target=one.stop) for one in sandboxes]
        for thread in ending:
            thread.start()
        for thread in ending:
            thread.join()
        for version in versions:
            version.folder.remove()


def _unpack(package: Package) -> Version:
    sweep()
    folder = Folder(package.name)
    try:
        command(package, lay_out(package, folder.path))  # that it can be started is known before the first event
    except BaseException:
        folder.remove()
        raise
    return Version(package, folder)
