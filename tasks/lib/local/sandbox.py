"""One sandbox: the process of a function, its Runtime API, its limits; it serves one event at a time.

in   an unpacked package; `serve(invocation)`
out  the invocation, answered or failed, with its report; False where the process had gone before it took the event

As on Lambda the process starts with the first event, has 10 s to ask for it, and then `timeout_s` for each; what takes
too long, or holds more than `memory_mb`, is killed, and the next event starts anew.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ..platform.limits import INIT_S, LOG_TAIL_BYTES
from .function import Package
from .invocation import Failure, Invocation, Report, out_of_memory
from .runtime_api import RuntimeApi
from .start import Output, start
from .watched import LOOK_S, LogPipe, end_marked, memory_used, processes_below

Log = Callable[[str], None]

STOP_S = 0.6  # from SIGTERM to SIGKILL; Lambda gives 300 to 500 ms
MARK = "AWS_LAMBDA_LOG_STREAM_NAME"  # tells one sandbox from another, in the environment of all that runs in it

_STARTER = ThreadPoolExecutor(1)  # PR_SET_PDEATHSIG looks at the thread that forked: this one lives as long as we do


class Sandbox:
    """A process that serves events, one after the other."""

    def __init__(self, package: Package, root: Path, log: Log) -> None:
        self.package, self.root = package, root  # where it is laid out
        self.name = f"{time.strftime('%Y/%m/%d')}/[$LATEST]{secrets.token_hex(16)}"
        self.served = 0
        self.peak = 0  # bytes
        self.started_at = time.monotonic()
        self._api = RuntimeApi()
        self._log = LogPipe(log)
        self._process: subprocess.Popen[bytes] | None = None
        self._keepers = 0
        self._stopped = False

    def start(self) -> None:
        """Start the process; InvokeError when there is nothing that could be started."""
        self._api.start()
        self.started_at = time.monotonic()
        own = {"AWS_LAMBDA_RUNTIME_API": self._api.address, MARK: self.name, "_HANDLER": self.package.handler}
        output = Output(self._log.into, self._log.into)
        started = _STARTER.submit(start, self.package, self.root, own, output).result()
        self._process, self._keepers = started.process, started.keepers
        self._log.start()

    def is_alive(self) -> bool:
        """Whether the process runs still."""
        return not self._stopped and self._process is not None and self._process.poll() is None

    # ---- one event ----

    def serve(self, invocation: Invocation) -> bool:
        """Let the process answer; False when it had ended before it took the event, and another one may have it."""
        cold, init_ms = not self._api.ready, None
        if not cold:
            self._log.forget()  # a cold start belongs to its first event
        else:
            self._wait(lambda: self._api.ready or self._api.init_failure is not None, INIT_S)
            if self._api.ready:
                init_ms = (time.monotonic() - self.started_at) * 1000
        start = time.monotonic()
        timeout_s = self.package.timeout_s
        failure = self._init_failure() if cold else None
        if not failure:
            self._api.hand(invocation, round((time.time() + timeout_s) * 1000))
            self._wait(lambda: self._api.answered, timeout_s)
            failure = self._outcome(invocation)
            if not failure and not self._api.answered:
                return False
        self._api.withdraw()
        self.served += 1
        duration_ms = (time.monotonic() - start) * 1000
        self._look_at_memory()
        self._tell(invocation, failure, Report(duration_ms, self.peak, init_ms))
        return True

    def _tell(self, invocation: Invocation, failure: Failure | None, report: Report) -> None:
        words = f"START RequestId: {invocation.id} Version: $LATEST\n".encode() + self._log.tail()
        words = words if words.endswith(b"\n") else words + b"\n"
        why = f" {failure.message}\n" if failure and failure.kind == "Sandbox.Timedout" else ""
        line = report.line(invocation.id, self.package.memory_mb)
        log = words + f"{why}END RequestId: {invocation.id}\n{line}\n".encode()
        invocation.finish(
            failure, Report(report.duration_ms, report.memory_used, report.init_ms, log[-LOG_TAIL_BYTES:])
        )

    def _wait(self, done: Callable[[], bool], timeout_s: float) -> None:
        """Until `done`, the end of the process, too much memory or the end of the time."""
        until = time.monotonic() + timeout_s
        first = 0.002
        while (left := until - time.monotonic()) > 0:
            if self._api.wait(done, min(left, first)) or not self.is_alive() or self._look_at_memory():
                return
            first = LOOK_S

    def _look_at_memory(self) -> bool:
        """Whether it holds more than its function has."""
        if self.is_alive() and self._process:
            self.peak = max(self.peak, memory_used(self._process.pid, self._keepers))
        return self.peak > self.package.memory_mb << 20

    def _init_failure(self) -> Failure | None:
        if self._api.ready:
            return None
        if self._api.init_failure:
            self.stop()
            return self._api.init_failure
        if self.peak > self.package.memory_mb << 20:
            return self._out_of_memory("")
        return self._exit_failure("") if not self.is_alive() else None

    def _outcome(self, invocation: Invocation) -> Failure | None:
        """What became of the event; neither a failure nor `answered` when the process went without having taken it."""
        if self._api.answered:
            return self._api.failure
        about = f"RequestId: {invocation.id} Error: "
        if self.peak > self.package.memory_mb << 20:
            return self._out_of_memory(about)
        if not self.is_alive():
            taken_or_first = self._api.taken or not self.served
            return self._exit_failure(about) if taken_or_first else None
        self.kill()
        return Failure.of("Sandbox.Timedout", f"{about}Task timed out after {self.package.timeout_s:.2f} seconds")

    def _exit_failure(self, about: str) -> Failure:
        code = self._process.wait() if self._process else 0
        how = f"signal: {-code}" if code < 0 else f"exit status {code}"
        self.kill()
        return Failure.of("Runtime.ExitError", f"{about}Runtime exited with error: {how}")

    def _out_of_memory(self, about: str) -> Failure:
        self.kill()
        return out_of_memory(self.peak, self.package.memory_mb, about)

    # ---- its end ----

    def kill(self) -> None:
        """End it at once, with all that runs in it."""
        self._stopped = True
        process = self._process
        if process:
            for pid in list(processes_below(process.pid)):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, 9)
            process.wait()
        end_marked(MARK, self.name)
        self._api.close()
        if process:
            self._log.wait_ended(1)

    def stop(self) -> None:
        """End it as Lambda does, with SIGTERM first where an extension is registered; again does no harm."""
        self._stopped = True
        process = self._process
        if process and process.poll() is None and self._api.has_extension:
            with suppress(ProcessLookupError):
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        self.kill()
