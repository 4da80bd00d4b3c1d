"""An engine behind ssh, as a socket here: each connection becomes `ssh HOST docker system dial-stdio`.

in   ssh://[user@]host[:port][/path of its socket]
out  `relay_socket(address)` → the path of a socket that leads there, for as long as this process lives

docker's own command line does the same. ssh's settings, keys and agent are the person's; nothing is asked for.
"""

from __future__ import annotations

import atexit
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from ..base.errors import EngineError

_lock = threading.Lock()


def relay_socket(address: str) -> Path:
    """The socket that leads to the engine."""
    with _lock:  # or two threads would each begin one
        return _relay(address)


@cache
def _relay(address: str) -> Path:
    if not shutil.which("ssh"):
        raise EngineError(f"{address} needs ssh, which is not installed.", "apt-get install openssh-client")
    folder = Path(tempfile.mkdtemp(prefix="hol-"))  # only this user may enter
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(folder / "engine"))
    listener.listen()
    atexit.register(_end, address, folder)
    threading.Thread(target=_serve, args=(listener, command(address, folder), folder / "log"), daemon=True).start()
    return folder / "engine"


def command(address: str, folder: Path) -> list[str]:
    """The ssh command of one connection; all share one session, which ends with us, or a minute after a kill."""
    parts = urlsplit(address)
    where = ["-H", f"unix://{parts.path}"] if parts.path.strip("/") else []
    return [*_ssh(address, folder), "--", parts.hostname or "", "docker", *where, "system", "dial-stdio"]


def _ssh(address: str, folder: Path) -> list[str]:
    parts = urlsplit(address)
    port = ["-p", str(parts.port)] if parts.port else []
    user = ["-l", parts.username] if parts.username else []
    session = ["-o", "ControlMaster=auto", "-o", f"ControlPath={folder}/s", "-o", "ControlPersist=60"]
    return ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", *session, *port, *user]


def last_error(address: str) -> str:
    """What ssh had to say of a connection that failed."""
    log = relay_socket(address).with_name("log")
    return log.read_text(errors="replace").strip() if log.exists() else ""


def _serve(listener: socket.socket, ssh: list[str], log: Path) -> None:
    """Hand each connection to an ssh of its own, as both its input and its output."""
    while True:
        line, _ = listener.accept()
        with line, log.open("ab") as said:
            subprocess.Popen(
                ssh, stdin=line.fileno(), stdout=line.fileno(), stderr=said, start_new_session=True
            )  # ends with the line


def _end(address: str, folder: Path) -> None:
    """End the session that the connections shared."""
    stop = [*_ssh(address, folder), "-O", "exit", "--", urlsplit(address).hostname or ""]
    with suppress(OSError, subprocess.TimeoutExpired):  # without ssh by now, or without an answer: it ends by itself
        subprocess.run(stop, capture_output=True, check=False, timeout=5)
    shutil.rmtree(folder, ignore_errors=True)
