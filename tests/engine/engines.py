"""Container engines for tests: real ones on private sockets, ended with the tests; and what passes for one."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find as engines
from tasks.lib.engine.find import Engine
from tests.support import lacking, need

KEPT = Path("/var/tmp/haskell-on-lambda-tests")  # bases and images, which take minutes to make
SUITES = {"bookworm": "2.36", "bullseye": "2.31"}
LEAN = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")]


class Dockerd:
    """An engine of our own; it ends with this process, whatever ends that."""

    def __init__(self, data: Path) -> None:
        need("dockerd")
        if os.geteuid() != 0:
            lacking("an engine of our own needs root")
        self.data = data
        self.folder = Path(tempfile.mkdtemp(prefix="hol-", dir="/tmp"))  # short: sockets' paths have 108 bytes
        self.socket = self.folder / "docker.sock"
        self.engine = Engine(f"unix://{self.socket}", "test")
        self.start()

    def start(self) -> None:
        """Its containerd gives up after 15 s, which a busy machine may need more than once."""
        for _ in range(3):
            if self._starts():
                return
        said = (self.folder / "log").read_text()[-1500:]
        self.stop()
        lacking(f"dockerd does not run here: {said}")

    def _starts(self) -> bool:
        """Without a bridge, so that nothing of this machine's network is changed."""
        command = ["setpriv", "--pdeathsig", "TERM", "dockerd", "--host", f"unix://{self.socket}"]
        command += ["--data-root", str(self.data), "--exec-root", str(self.folder / "exec")]
        command += ["--pidfile", str(self.folder / "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        for _ in range(600):
            with suppress(EngineError):
                engines.ping(self.engine, 1)
                return True
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        self.die()
        return False

    def die(self) -> None:
        """As a crash of the machine does it: the engine and all that it started, at once."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(self.folder).encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.die()
        for mount in Path("/proc/mounts").read_text().splitlines()[::-1]:
            if mount.split()[1].startswith((str(self.folder), str(self.data))):
                subprocess.run(["umount", "-l", mount.split()[1]], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def docker(self, *words: str) -> str:
        return docker(self.engine, *words)


def docker(engine: Engine, *words: str) -> str:
    """What the docker command line says."""
    need("docker")
    done = subprocess.run(["docker", "-H", engine.address, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@contextmanager
def shared() -> Iterator[Engine]:
    """The engine that answers here, or else one of our own whose images outlast the tests."""
    with suppress(EngineError):
        yield engines.answering_engine()[0]
        return
    KEPT.mkdir(exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one engine at a time may use its data
        own = Dockerd(KEPT / "docker")
        try:
            yield own.engine
        finally:
            own.stop()


def base(engine: Engine, suite: str, package: str = "") -> str:
    """A Debian base in the engine, made by mmdebstrap, maybe with one package more; the name of its image."""
    tag = f"{suite}-{package}" if package else suite
    name = f"haskell-on-lambda-test-base:{tag}"
    if docker(engine, "image", "ls", "-q", name):
        return name
    archive = KEPT / f"{tag}.tar"
    if not archive.exists():
        need("mmdebstrap")
        KEPT.mkdir(exist_ok=True)
        part = archive.with_suffix(".part.tar")
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=apt",
            '--aptopt=Acquire::Languages "none"',
            *LEAN,
            *([f"--include={package}"] if package else []),
            suite,
            str(part),
        ]
        subprocess.run(command, check=True, capture_output=True)
        part.rename(archive)
    docker(engine, "import", str(archive), name)
    return name


class Between:
    """A socket before an engine's: counts connections, and can stop passing anything on."""

    def __init__(self, engine: Engine, wrap: Callable[[socket.socket], socket.socket] = lambda line: line) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hol-", dir="/tmp"))
        self.target, self.wrap = engine.socket, wrap
        self.connections = 0
        self.open = threading.Event()
        self.open.set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / "s"))
        self.listener.listen()
        self.address = f"unix://{self.folder / 's'}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self.listener.accept()
                self.connections += 1
                there = socket.socket(socket.AF_UNIX)
                there.connect(str(self.target))
                for one, other in ((line, there), (there, line)):
                    threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(1 << 16):
                self.open.wait()
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.listener.close()
        shutil.rmtree(self.folder)


@contextmanager
def pretending(answer: Callable[[socket.socket], object]) -> Iterator[Engine]:
    """A socket that takes connections, and answers each as it is told to."""
    with tempfile.TemporaryDirectory(prefix="hol-", dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()

        def serve() -> None:
            kept = []  # a connection that nobody holds is closed
            with suppress(OSError):
                while True:
                    line, _ = listener.accept()
                    kept.append(line)
                    answer(line)

        threading.Thread(target=serve, daemon=True).start()
        yield Engine(f"unix://{folder}/s", "test")
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
