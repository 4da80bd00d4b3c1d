"""Which container engine, and does it answer? Found out without the Docker SDK, whose import alone costs 0.2 s.

in   DOCKER_HOST, DOCKER_CONTEXT, docker's own config.json, CONTAINER_HOST, and the sockets that engines listen on
out  `candidates()` → where an engine would be, best first, without asking any;
     `answering_engine()` → the first that answers;
     `ping(engine)` → what answers there, EngineError within seconds when nothing does
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..base.errors import EngineError

if TYPE_CHECKING:
    from socket import socket

PATIENCE_S = 5.0  # for an answer to a ping; engines take milliseconds
MOST_BYTES = 1 << 16  # of an answer to a ping
TLS_PORT, PLAIN_PORT = 2376, 2375


class Engine(NamedTuple):
    """Where an engine listens: unix://, tcp:// or ssh://; who says so; its certificates, for tcp with TLS."""

    address: str
    origin: str
    certificates: str = ""  # folder with ca.pem, cert.pem and key.pem, "" for a plain connection
    verify: bool = True

    @property
    def socket(self) -> Path | None:
        """The socket's path, None for an engine elsewhere."""
        return Path(self.address.removeprefix("unix://")) if self.address.startswith("unix://") else None


class Answer(NamedTuple):
    """What an engine says of itself: `Docker/20.10.24`, and the version of its API."""

    server: str
    api: str


def candidates() -> list[Engine]:
    """Where an engine is said to be, or else every socket that is there; nobody is asked."""
    if named := _configured_engine():
        return [named]
    return [Engine(f"unix://{path}", "the usual place") for path in _usual_sockets() if _is_there(path)]


def _is_there(path: Path) -> bool:
    """Whether there is such a file, as far as this user may know: podman's own folder is closed to most."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises where it may not look


def _configured_engine() -> Engine | None:
    """The engine that the environment or docker's own configuration names."""
    home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    if host := os.environ.get("DOCKER_HOST"):
        certificates, verify = os.environ.get("DOCKER_CERT_PATH"), bool(os.environ.get("DOCKER_TLS_VERIFY"))
        if certificates or verify:
            return Engine(_whole(host), "DOCKER_HOST", certificates or str(home), verify)
        return Engine(_whole(host), "DOCKER_HOST")
    context, origin = os.environ.get("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
    if not context:
        with suppress(OSError, ValueError, AttributeError):
            context, origin = json.loads((home / "config.json").read_bytes()).get("currentContext"), "docker context"
    if context and context != "default":
        return _context(home, context, origin)
    if (host := os.environ.get("CONTAINER_HOST")) and not host.startswith("ssh://"):  # podman's own ssh differs
        return Engine(_whole(host), "CONTAINER_HOST")
    return None


def _context(home: Path, name: str, origin: str) -> Engine:
    """A context as `docker context` keeps it."""
    key = hashlib.sha256(name.encode()).hexdigest()
    try:
        endpoint = json.loads((home / "contexts/meta" / key / "meta.json").read_bytes())["Endpoints"]["docker"]
        certificates = home / "contexts/tls" / key / "docker"
        secured = str(certificates) if certificates.is_dir() else ""
        return Engine(_whole(endpoint["Host"]), f"{origin} {name}", secured, not endpoint.get("SkipTLSVerify"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(
            f"{origin} names the context {name!r}, which docker does not know.",
            "docker context ls shows those it does.",
        ) from error


def _whole(host: str) -> str:
    """An address with its scheme; docker takes a bare host for tcp, a bare path for a socket."""
    host = re.sub(r"^https?://", "tcp://", host)
    if "://" in host:
        return host
    return f"unix://{host}" if host.startswith("/") else f"tcp://{host}"


def _usual_sockets() -> Iterator[Path]:
    """Docker's socket, then those of rootless docker, Docker Desktop and podman."""
    home, runtime = Path.home(), Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    yield Path("/var/run/docker.sock")
    yield runtime / "docker.sock"
    yield home / ".docker/run/docker.sock"
    yield home / ".docker/desktop/docker.sock"
    yield runtime / "podman/podman.sock"
    yield Path("/run/podman/podman.sock")


def answering_engine() -> tuple[Engine, Answer]:
    """The first engine that answers; EngineError says what was tried."""
    tried: list[EngineError] = []
    for engine in candidates():
        try:
            return engine, ping(engine)
        except EngineError as error:
            tried.append(error)
    if not tried:
        raise EngineError("There is no container engine: no socket of docker or podman is here.", START)
    raise EngineError(" ".join(error.message for error in tried), tried[0].hint)


START = 'Start docker or podman, set DOCKER_HOST, or build with this host\'s GHC (builder = "host").'


def ping(engine: Engine, patience_s: float = PATIENCE_S) -> Answer:
    """Ask the engine for a sign of life; EngineError when it gives none in time."""
    where = f"{engine.address} ({engine.origin})"
    try:
        said = _ping_reply(engine, patience_s)
    except FileNotFoundError as error:
        raise EngineError(f"There is no container engine at {where}: no such socket.", START) from error
    except ConnectionError as error:  # refused, or reset while it dies
        raise EngineError(f"No container engine listens at {where}.", START) from error
    except PermissionError as error:
        raise EngineError(
            f"The container engine at {where} is not open to this user.",
            "Join its group (sudo usermod -aG docker $USER, then log in again), or run docker or podman rootless.",
        ) from error
    except TimeoutError as error:
        raise EngineError(
            f"The container engine at {where} does not answer: nothing came in {patience_s:.0f} s.",
            "Restart it (sudo systemctl restart docker), and run the same command again.",
        ) from error
    except (OSError, ValueError) as error:
        raise EngineError(f"The container engine at {where} cannot be reached: {error}.", START) from error
    version = re.search(rb"^Api-Version: *(\S+)", said, re.MULTILINE | re.IGNORECASE)
    server = re.search(rb"^Server: *(\S+)", said, re.MULTILINE | re.IGNORECASE)
    if not version or not re.match(rb"HTTP/1\.\d 200 ", said):
        raise EngineError(f"What answers at {where} is no container engine: {_first_line(said)}.", START)
    return Answer(server[1].decode(errors="replace") if server else "engine", version[1].decode(errors="replace"))


def endpoint(engine: Engine) -> Engine:
    """The engine as it is reached from here: one behind ssh, through a socket of ours."""
    if not engine.address.startswith("ssh://"):
        return engine
    from . import ssh

    return Engine(f"unix://{ssh.relay_socket(engine.address)}", f"{engine.origin}, {engine.address}")


def _ping_reply(engine: Engine, patience_s: float) -> bytes:
    """The answer to a ping, by whatever way leads to the engine."""
    if not engine.address.startswith("ssh://"):
        return _reply_head(engine, patience_s)
    from . import ssh

    try:
        said = _reply_head(endpoint(engine), patience_s)
    except ConnectionError:
        said = b""
    if not said:
        raise OSError(ssh.last_error(engine.address) or "ssh ended without a word")
    return said


def _reply_head(engine: Engine, patience_s: float) -> bytes:
    """The head of the answer to a ping; it has to be whole after `patience_s`, however slowly it drips."""
    until = time.monotonic() + patience_s
    with _connection(engine, patience_s) as line:
        line.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
        said = b""
        while b"\r\n\r\n" not in said and len(said) < MOST_BYTES:
            line.settimeout(max(until - time.monotonic(), 0.001))
            part = line.recv(4096)
            if not part:
                break
            said += part
    return said


def _connection(engine: Engine, patience_s: float) -> socket:
    import socket
    from urllib.parse import urlsplit

    if path := engine.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(patience_s)
        try:
            line.connect(str(path))
        except BaseException:
            line.close()
            raise
        return line
    parts = urlsplit(engine.address)
    if parts.scheme != "tcp" or not parts.hostname:
        raise ValueError(f"{engine.address!r} is no address of an engine (unix://, tcp:// or ssh://)")
    port = parts.port or (TLS_PORT if engine.certificates else PLAIN_PORT)
    line = socket.create_connection((parts.hostname, port), timeout=patience_s)
    return _over_tls(engine, line, parts.hostname) if engine.certificates else line


def _over_tls(engine: Engine, line: socket, name: str) -> socket:
    import ssl

    folder = Path(engine.certificates)
    context = ssl.create_default_context(cafile=str(folder / "ca.pem") if engine.verify else None)
    if not engine.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if (folder / "cert.pem").exists():
        context.load_cert_chain(str(folder / "cert.pem"), str(folder / "key.pem"))
    return context.wrap_socket(line, server_hostname=name)


def _first_line(said: bytes) -> str:
    return said.split(b"\r\n", 1)[0][:80].decode(errors="replace") or "it said nothing"
