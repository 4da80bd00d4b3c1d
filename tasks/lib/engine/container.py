"""One warm container: started once a run, commands by exec, files in and out as tar streams.

in   a client, an image's id, limits and network of [build], named volumes
out  `Container`: `run` (lines), `output` (bytes), `put`, `get`, `close`

Its only process of its own reads standard input, which this process holds open: when we end, by whatever signal, the
engine closes it, the container ends, and all that runs in it with it. It is removed by the engine then. Its root is
read-only: what is read from it is the image's, and no build can change the compiler of the next.
"""

from __future__ import annotations

import io
import os
import socket
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..base import processes
from ..base.errors import EngineError
from ..base.files import PROGRAM_MODE, replacement, spool
from ..build.fixed import PLACE
from .frames import Output, frames
from .image import NAME, PROJECT

if TYPE_CHECKING:
    from ..base.processes import Log
    from ..settings.load import Build
    from .client import Client

OWNER = f"{NAME}.owner"  # label: the process that started a container
WORKSPACE = str(PLACE / ".work")  # as on a host, so that a Paths_ module holds the same folder
STORES = {"STACK_ROOT": "/store/stack", "CABAL_DIR": str(PLACE / ".cache/cabal")}
ENVIRONMENT = {"LC_ALL": "C.UTF-8", "HOME": "/tmp", **STORES}  # noqa: S108 - the container's own /tmp
LONGEST = 1 << 16  # bytes of a line; a longer one is cut into several
IN_MEMORY = 8 << 20  # of a tar, before it goes to disk
KILLED = 137  # 128 + SIGKILL
PATIENCE = 10  # seconds for the engine to remove what it removes already


class Container:
    """A container that lives as long as this object, and not longer than this process."""

    def __init__(self, client: Client, image: str, build: Build, project: str, volumes: dict[str, str]) -> None:
        self.client, self.build = client, build
        api = client.api
        memory = f"{build.memory_mb}m" if build.memory_mb else None
        host = api.create_host_config(
            auto_remove=True,
            read_only=True,
            tmpfs={"/tmp": "exec,mode=1777"},  # noqa: S108
            network_mode=build.network,
            cap_drop=["ALL"],
            cap_add=["CHOWN", "DAC_OVERRIDE", "FOWNER"],  # what tar, cp and find take for granted of root
            security_opt=["no-new-privileges"],
            log_config={"Type": "none"},
            binds=[f"{name}:{place}" for name, place in volumes.items()],
            mem_limit=memory,
            memswap_limit=memory,
            nano_cpus=build.cpus * 10**9 if build.cpus else None,
        )
        made = client.call(
            "creating a container",
            api.create_container,
            image,
            ["cat"],
            entrypoint="",
            stdin_open=True,
            environment=ENVIRONMENT,
            user="0:0",  # of the container, where nothing of the host is mounted
            working_dir="/",
            host_config=host,
            labels={PROJECT: project, OWNER: str(os.getpid())},
            platform=build.platform,
        )
        self.id = str(made["Id"])
        try:
            self._guard = client.call(
                "attaching to a container", api.attach_socket, self.id, params={"stdin": 1, "stream": 1}
            )
            client.call("starting a container", api.start, self.id)
        except BaseException:
            self._remove()
            raise
        self._closing = threading.Lock()
        processes.at_end.add(self.let_go)

    def run(self, command: Sequence[str], folder: str, log: Log) -> int:
        """Run a command, hand each line it prints to `log`; its exit code."""
        rest = b""
        stream, code = self._exec(command, folder)
        for out, err in stream:
            piece = out or err or b""
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                log(line.decode(errors="replace"))
            while len(rest) >= LONGEST:
                log(rest[:LONGEST].decode(errors="replace"))
                rest = rest[LONGEST:]
        if rest:
            log(rest.decode(errors="replace"))
        ended: int = code()
        if ended == KILLED:
            limit = f"memory_mb = {self.build.memory_mb}" if self.build.memory_mb else "no memory_mb is set"
            log(f"{command[0]} was killed, most likely for want of memory ({limit} in [build])")
        return ended

    def output(self, command: Sequence[str]) -> bytes:
        """What a command prints on standard output; EngineError when it fails."""
        stream, code = self._exec(command, "/")
        parts = [*stream]
        said, wrong = b"".join(out or b"" for out, _ in parts), b"".join(err or b"" for _, err in parts)
        if code():
            reason = wrong.decode(errors="replace").strip()[-500:]
            raise self.client.error(f"running `{' '.join(command)[:60]}` in the container", reason)
        return said

    def _exec(self, command: Sequence[str], folder: str) -> tuple[Iterator[Output], Callable[[], int]]:
        client, doing = self.client, f"running {command[0]}"
        made = client.call(doing, client.api.exec_create, self.id, list(command), workdir=folder)["Id"]
        started = client.call(doing, client.api.exec_start, made, stream=True)

        def pieces() -> Iterator[Output]:
            with client.errors_while(doing):
                yield from client.watched_items(frames(started))

        def code() -> int:
            ended = client.call(doing, client.api.exec_inspect, made)
            if ended["ExitCode"] is None or ended.get("Running"):
                raise EngineError(f"The container ended while {doing}.", "Run the same command again.")
            return int(ended["ExitCode"])

        return pieces(), code

    def put(self, members: Iterable[tuple[str, bytes | Path, int]], folder: str) -> None:
        """Write files below a folder that is there: (relative path, content or file to copy, mode)."""
        with spool(IN_MEMORY) as packed:
            with tarfile.open(fileobj=packed, mode="w|") as archive:
                for name, content, mode in members:
                    _add(archive, name, content, mode)
            packed.seek(0)
            self.client.call("copying sources in", self.client.api.put_archive, self.id, folder, packed)

    def get(self, path: str, target: IO[bytes]) -> int:
        """Copy a regular file out; its mode. MissingError for none, EngineError for another kind or half of it."""
        api = self.client.api
        with self.client.errors_while(f"copying {path} out"):
            stream, _ = self.client.call(f"copying {path} out", api.get_archive, self.id, path)
            with tarfile.open(
                fileobj=io.BufferedReader(_Pieces(self.client.watched_items(stream))), mode="r|"
            ) as archive:
                info = archive.next()
                file = archive.extractfile(info) if info and info.isreg() else None
                if info is None or file is None:
                    raise EngineError(f"{path} in the container is no regular file.", "Run the same command again.")
                try:
                    while piece := file.read(1 << 20):
                        target.write(piece)
                except tarfile.TarError as error:
                    raise EngineError(f"The copy of {path} was cut short.", "Run the same command again.") from error
                return int(info.mode)

    def copy_out(self, path: str, target: Path) -> None:
        """Copy a program out: whole or not at all."""
        with replacement(target, PROGRAM_MODE) as temporary, temporary.open("wb") as file:
            self.get(path, file)

    def let_go(self) -> None:
        """Close the standard input that keeps it alive; safe in a signal handler."""
        with suppress(OSError):
            _raw(self._guard).shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it, and wait until it is gone."""
        with self._closing:
            if self.let_go in processes.at_end:
                processes.at_end.discard(self.let_go)
                self.let_go()
                self._remove()
                self._guard.close()

    def _remove(self) -> None:
        remove(self.client, self.id)


def remove(client: Client, container: str) -> None:
    """Kill and remove a container, and wait until it is gone; one that goes by itself meanwhile is fine."""
    with suppress(EngineError):
        if not client.gone:
            client.call("removing a container", client.api.remove_container, container, force=True, v=True)
            return
    with suppress(EngineError):
        if not client.gone:  # the engine refuses when it removes it already, and is not done
            client.call("removing a container", client.api.wait, container, timeout=PATIENCE, condition="removed")


def _add(archive: tarfile.TarFile, name: str, content: bytes | Path, mode: int) -> None:
    info = tarfile.TarInfo(name)
    info.mode = mode
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        info.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        archive.addfile(info, file)


def _raw(guard: Any) -> socket.socket:
    """The socket below what the SDK gives for an attachment: which wrapper that is depends on the transport."""
    found: socket.socket = getattr(guard, "_sock", guard)
    return found


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file that can be read once, front to back."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """True: that is what it is for."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill at most the buffer; 0 at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
