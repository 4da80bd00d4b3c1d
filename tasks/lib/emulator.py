"""Lambda on this machine: a built zip runs under the real Runtime Interface Emulator.

in   a package (`Package`: the zip and the settings that a function meets)
out  `Emulated`: it, unpacked and served; `invoke`: one event in, one answer out

A bootstrap is started by the emulator as on Lambda. A Node handler runs in AWS's own client (npm aws-lambda-ric, from
node_modules of the folder doit runs in) where that is installed, else in shim/runtime.js. Nothing outlives `stop`.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from tasks.lib.errors import InvokeError, ToolError
from tasks.lib.rie import emulator

Log = Callable[[str], None]

RUNTIME_JS = Path(__file__).parents[2] / "shim/runtime.js"
CLIENT = Path("node_modules/aws-lambda-ric")  # AWS's own
INVOCATIONS = "/2015-03-31/functions/{name}/invocations"
LIBRARY_PATH = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:{root}:{root}/lib:/opt/lib"
MACHINES = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
ELF_MACHINES = {62: "x86_64", 183: "arm64"}
EVENT_LIMIT = 6_291_456  # bytes; Lambda's limit for a synchronous event
START_S, STOP_S, SPARE_S, TRIES = 10, 3, 15, 3


@dataclass(frozen=True)
class Package:
    """A built zip, and what a function meets beside it."""

    name: str
    zip: Path
    runtime: str
    handler: str
    timeout_s: int = 3
    memory_mb: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def on_node(self) -> bool:
        """Whether it is a handler for Node rather than a bootstrap."""
        return self.runtime.startswith("nodejs")


@dataclass(frozen=True)
class Answer:
    """What the function gave back; `function_error` names the kind of its failure, None when it succeeded."""

    payload: bytes
    function_error: str | None


def invoke(  # noqa: PLR0913 - a function has these settings
    zip_path: Path,
    runtime: str,
    handler: str,
    event: bytes,
    *,
    timeout_s: int,
    environment: Mapping[str, str],
    memory_mb: int,
    cache: Path,
    log: Log,
) -> Answer:
    """One event through a zip; InvokeError when it cannot be run. A failure of the function itself is an Answer."""
    package = Package(zip_path.parent.name, zip_path, runtime, handler, timeout_s, memory_mb, environment)
    checked_event(event)
    with Emulated(package, cache, log) as running:
        return running.invoke(event)


def checked_event(event: bytes) -> None:
    """InvokeError unless Lambda would take `event`: JSON, and not too large."""
    if len(event) > EVENT_LIMIT:
        raise InvokeError(f"The event has {len(event):,} bytes; Lambda takes at most {EVENT_LIMIT:,}.")
    try:
        json.loads(event)
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
        self._folder: tempfile.TemporaryDirectory[str] | None = None
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
        """Unpack the zip and start the emulator; the function itself starts with its first event, as on Lambda."""
        self._folder = tempfile.TemporaryDirectory(prefix=f"{self.package.name}-")
        root = Path(self._folder.name).resolve()
        unpack(self.package.zip, root)
        command = _served(self.package, root)
        program = emulator(self._cache, _architecture(), self._log).absolute()
        for _ in range(TRIES):  # somebody else may take the ports before the emulator does
            self._port, api_port = free_ports()
            options = ["--log-level", "error"]
            options += ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
            options += ["--runtime-api-address", f"127.0.0.1:{api_port}"]
            self._process = subprocess.Popen(
                [program, *options, *command],
                cwd=root,
                env=_environment(self.package, root),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop it in order
            )
            threading.Thread(target=self._carry_log, args=(self._process,), daemon=True).start()
            if self._is_ready(self._process):
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

    def invoke(self, event: bytes) -> Answer:
        """One event in, one answer out."""
        with self._turn:
            connection = HTTPConnection("127.0.0.1", self._port, timeout=self.package.timeout_s + SPARE_S)
            try:
                connection.request("POST", INVOCATIONS.format(name="function"), event)
                reply = connection.getresponse()
                return _answer(reply.status, reply.read())
            except (OSError, HTTPException) as error:
                raise InvokeError(
                    f"The Lambda emulator of {self.package.name} gave no answer: {error or type(error).__name__}.",
                    "Its log above may say why; then run it again.",
                ) from error
            finally:
                connection.close()

    def retire(self) -> None:
        """Stop after the event that is under way."""
        with self._turn:
            self.stop()

    def stop(self) -> None:
        """End the emulator and the function with it, and remove the unpacked files."""
        process, self._process = self._process, None
        if process:
            children = _below(process.pid)
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
            for pid in [*children, *([] if process.poll() is not None else [process.pid])]:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()
        folder, self._folder = self._folder, None
        if folder:
            for pid in _inside(Path(folder.name).resolve()):  # daemons: they are nobody's children any more
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            folder.cleanup()


def unpack(package: Path, folder: Path) -> None:
    """The zip's members with the modes they have in it, as Lambda lays them out."""
    try:
        with zipfile.ZipFile(package) as archive:
            for member in archive.infolist():
                path, mode = Path(archive.extract(member, folder)), member.external_attr >> 16
                if stat.S_ISLNK(mode):
                    target = path.read_text()
                    path.unlink()
                    path.symlink_to(target)
                elif mode and not member.is_dir():
                    path.chmod(stat.S_IMODE(mode))
    except FileNotFoundError as error:
        raise InvokeError(f"{package} does not exist.", "Run doit, which builds it.") from error
    except zipfile.BadZipFile as error:
        raise InvokeError(
            f"{package} is no zip: {error}.", f"Remove it and run doit, which builds it: {package}"
        ) from error


def _served(package: Package, root: Path) -> list[str]:
    """The command that serves the unpacked package."""
    if package.on_node:
        _check_architecture(root, [path for path in root.iterdir() if path.is_file()])
        client = CLIENT.absolute() / "bin/index.mjs"
        usable = (client.parents[1] / "dist/rapid-client.node").exists()
        return [_node(), str(client if usable else RUNTIME_JS), package.handler]
    bootstrap = root / "bootstrap"
    if not bootstrap.exists():
        raise InvokeError(
            f"{package.zip} has no bootstrap, which {package.runtime} starts.", "Run doit, which packs one."
        )
    _check_architecture(root, [bootstrap])
    return [str(bootstrap), package.handler]


def _node() -> str:
    found = shutil.which("node")
    if not found:
        raise ToolError(
            "Node.js is not installed; a function on a Node runtime needs it here.", "apt-get install nodejs"
        )
    return found


def _check_architecture(root: Path, programs: list[Path]) -> None:
    """A program for another processor would fail with a riddle; one that qemu is registered for is welcome."""
    for path in programs:
        head = path.read_bytes()[:20] if path.stat().st_mode & 0o111 else b""
        made_for = ELF_MACHINES.get(int.from_bytes(head[18:20], "little")) if head[:4] == b"\x7fELF" else None
        registered = Path("/proc/sys/fs/binfmt_misc") / {"arm64": "qemu-aarch64"}.get(made_for or "", "qemu-x86_64")
        if made_for and made_for != _architecture() and not registered.exists():
            raise InvokeError(
                f"{path.relative_to(root)} is made for {made_for}, and this machine is {_architecture()}.",
                "Install qemu-user-static, or invoke it on AWS.",
            )


def _architecture() -> str:
    return MACHINES.get(platform.machine(), platform.machine())


def _environment(package: Package, root: Path) -> dict[str, str]:
    """What a function finds on Lambda; the person's own credentials, so that the function may use AWS."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME"} or (name.startswith("AWS_") and not name.startswith("AWS_LAMBDA_"))
    }
    return {
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        **kept,
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LD_LIBRARY_PATH": LIBRARY_PATH.format(root=root),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{package.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": package.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(package.timeout_s),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(package.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{package.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        **package.environment,
    }


def _answer(status: int, payload: bytes) -> Answer:
    """The emulator does not tell an error from an answer; only its shape does."""
    if payload.startswith(b"Task timed out after"):
        return Answer(payload, "Sandbox.Timedout")
    with suppress(ValueError):
        value = json.loads(payload)
        if isinstance(value, dict) and {"errorType", "errorMessage"} <= value.keys():
            return Answer(payload, str(value["errorType"]))
    return Answer(payload, None if status == 200 else "Unhandled")  # noqa: PLR2004 - HTTP


def free_ports() -> tuple[int, int]:
    """Two loopback ports that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def _below(pid: int) -> list[int]:
    """Every process below `pid`, where /proc tells."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *_below(child)]
    return found


def _inside(folder: Path) -> list[int]:
    """Every process that runs a program of `folder`, or works in it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any((entry / link).readlink().is_relative_to(folder) for link in ("exe", "cwd")):
                found.append(int(entry.name))
    return found
