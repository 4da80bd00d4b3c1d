"""Lambda on this machine: a built zip runs under the real Runtime Interface Emulator.

in   a package (tasks/lib/local/function.py: the zip and the settings that a function meets)
out  `Emulated`: it, unpacked and served; its `invoke`: one event in, one answer out

Nothing outlives `stop`: neither the emulator, nor the function, nor what that has started, nor the unpacked files.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from ..base.errors import InvokeError
from ..platform.architecture import own_architecture
from ..platform.limits import EVENT_BYTES
from .deep import is_json, value_of
from .folders import Folder, sweep
from .function import Package, command, lay_out
from .invocation import out_of_memory
from .rie import emulator
from .start import Output, start, tell_of_no_room
from .watched import MemoryGuard

Log = Callable[[str], None]

INVOCATIONS = "/2015-03-31/functions/{name}/invocations"
START_S, STOP_S, SPARE_S, TRIES = 10, 3, 15, 3


@dataclass(frozen=True)
class Answer:
    """What the function gave back; `function_error` names the kind of its failure, None when it succeeded."""

    payload: bytes
    function_error: str | None


def checked_event(event: bytes) -> None:
    """InvokeError unless Lambda would take `event`: JSON, and not too large."""
    if len(event) > EVENT_BYTES:
        raise InvokeError(
            f"The event has {len(event):,} bytes; Lambda takes at most {EVENT_BYTES:,}.",
            "Send the place of large data, such as a key of S3, in place of the data.",
        )
    try:
        json.loads(event)
    except RecursionError as error:
        if not is_json(event.decode(errors="replace")):
            raise InvokeError("The event is not JSON.", "It is nested deeply: look at its brackets.") from error
    except ValueError as error:
        shown = event[:60].decode(errors="replace")
        raise InvokeError(
            f"The event is not JSON: {error}: {shown!r}.", """Quote it for the shell: '{"foo": "foo"}'."""
        ) from error


class Emulated:
    """A package, unpacked into a temporary folder and served by an emulator of its own; a context manager."""

    def __init__(self, package: Package, cache: Path, log: Log) -> None:
        self.package, self._cache, self._log = package, cache, log
        self._turn = threading.Lock()  # the emulator takes one event at a time
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: MemoryGuard | None = None
        self._folder: Folder | None = None
        self._logging = threading.Thread()
        self._port = 0

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Unpack the zip, start the emulator or raise InvokeError; the function starts with its first event."""
        sweep()
        tell_of_no_room([self.package], self._log)
        self._folder = Folder(self.package.name)
        root = lay_out(self.package, self._folder.path)
        command(self.package, root)  # that it can be started is known before the emulator is fetched
        program = emulator(self._cache, own_architecture(), self._log).absolute()
        for _ in range(TRIES):  # somebody else may take the ports before the emulator does
            self._port, api_port = free_ports()
            options = ["--log-level", "error"]
            options += ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
            options += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
            output = Output(subprocess.PIPE, subprocess.STDOUT)
            self._process = start(self.package, root, {}, output, [str(program), *options]).process
            self._logging = threading.Thread(target=self._carry_log, args=(self._process,), daemon=True)
            self._logging.start()
            if self._is_ready(self._process):
                self._memory = MemoryGuard(self._process.pid, self.package.memory_mb << 20)
                return
        raise InvokeError("The Lambda emulator does not start.", "Its log above may say why; then run it again.")

    def _carry_log(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            self._log(line.decode(errors="replace").rstrip("\n"))

    def _is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return True
            time.sleep(0.005)
        return False

    def invoke(self, event: bytes, client_context: str | None = None) -> Answer:
        """One event in, one answer out, or InvokeError; `client_context` is base64, as in X-Amz-Client-Context."""
        with self._turn:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=self.package.timeout_s + SPARE_S)
            try:
                headers = {"X-Amz-Client-Context": client_context} if client_context else {}
                connection.request("POST", INVOCATIONS.format(name="function"), event, headers)
                reply = connection.getresponse()
                return self._out_of_memory() or _answer(reply.status, reply.read())
            except (OSError, HTTPException) as error:
                raise InvokeError(
                    f"The Lambda emulator of {self.package.name} gave no answer: {error or type(error).__name__}.",
                    "Its log above may say why; then run it again.",
                ) from error
            finally:
                connection.close()

    def _out_of_memory(self) -> Answer | None:
        used = self._memory.used if self._memory else 0
        if not used or not self._memory:
            return None
        self._memory.used = 0
        return Answer(out_of_memory(used, self.package.memory_mb).payload, "Runtime.OutOfMemory")

    def stop(self) -> None:
        """End the emulator and the function with it, and remove the unpacked files, whole even when interrupted."""
        try:
            self._stop()
        except BaseException:
            self._stop()
            raise

    def _stop(self) -> None:
        process, folder = self._process, self._folder
        if self._memory:
            self._memory.end()
        if process:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        if folder:
            folder.remove()
        if process:
            process.wait()
            self._logging.join(1)  # its last words
        self._process = self._folder = None


def _answer(status: int, payload: bytes) -> Answer:
    """The emulator does not tell an error from an answer; only its shape does."""
    if payload.startswith(b"Task timed out after"):
        return Answer(payload, "LambdaRoot.Timedout")
    with suppress(ValueError):
        value = value_of(payload)
        if isinstance(value, dict) and {"errorType", "errorMessage"} <= value.keys():
            return Answer(payload, str(value["errorType"]))
    return Answer(payload, None if status == 200 else "Unhandled")  # noqa: PLR2004 - HTTP


def free_ports() -> tuple[int, int]:
    """Two loopback ports that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]
