"""Engines on other machines: behind ssh, and behind TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find as engines
from tasks.lib.engine import ssh as relay
from tasks.lib.engine.find import Engine
from tests.engine.project_fixture import ENDLESS, ONE, Room, eventually, until_it_says
from tests.support import need

# ssh as far as we use it: options, --, host, command; the other machine is this one
SSH = """#!/bin/sh
echo "$@" >> "$0.log"
while [ "$1" != -- ]; do [ "$1" = -O ] && exit; shift; done
shift 2
exec "$@"
"""


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    need("docker")
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text(SSH)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return program


def test_an_engine_behind_ssh_builds_as_one_here(room: Callable[..., Room], ssh: Path) -> None:
    made = room(one=ONE)
    assert made.engine.socket
    address = f"ssh://me@elsewhere:2222{made.engine.socket}"
    run = made.good("binary", DOCKER_HOST=address)
    assert f"answers at {address}" in run.err
    assert made.containers() == []
    asked = ssh.with_name("ssh.log").read_text()
    assert "-p 2222 -l me -- elsewhere docker -H unix://" in asked
    assert "BatchMode=yes" in asked


def test_a_kill_leaves_no_container_behind_ssh(room: Callable[..., Room], ssh: Path) -> None:
    assert ssh.exists()
    made = room(one=ONE)
    address = f"ssh://elsewhere{made.engine.socket}"
    made.good("image", DOCKER_HOST=address)
    made.write("hs/one/Main.hs", ENDLESS)
    process = made.start("binary", DOCKER_HOST=address)
    until_it_says(process, "Compiling")
    assert len(made.containers()) == 1
    process.kill()
    assert eventually(lambda: not made.containers(), 5)


def test_ssh_that_is_refused_is_told_in_its_own_words(ssh: Path) -> None:
    ssh.write_text("#!/bin/sh\necho 'me@nowhere: Permission denied (publickey).' >&2\nexit 255\n")
    with pytest.raises(EngineError, match=r"Permission denied \(publickey\)"):
        engines.ping(Engine("ssh://me@nowhere", "test"))


def test_the_command_is_dockers_own(tmp_path: Path) -> None:
    assert relay.command("ssh://box", tmp_path)[-5:] == ["--", "box", "docker", "system", "dial-stdio"]


def test_the_end_needs_no_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be gone by then; the folder goes all the same."""
    folder = tmp_path / "relay"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    relay._end("ssh://box", folder)
    assert not folder.exists()


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """An authority, and one certificate that serves both ends."""
    need("openssl")
    folder = tmp_path / "certificates"
    folder.mkdir()

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl(*new, "-subj", "/CN=authority", "-keyout", "ca-key.pem", "-out", "ca.pem")
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-CA", "ca.pem", "-CAkey", "ca-key.pem"]
    openssl(*new, "-subj", "/CN=end", *names, "-keyout", "key.pem", "-out", "cert.pem")
    return folder


@pytest.fixture
def behind_tls(engine: Engine, certificates: Path) -> Iterator[str]:
    """The engine's socket on loopback, for those with a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificates / "ca.pem"))
    context.load_cert_chain(str(certificates / "cert.pem"), str(certificates / "key.pem"))
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def carry(plain: socket.socket) -> None:
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as line:
                there = socket.socket(socket.AF_UNIX)
                there.connect(str(engine.socket))
                threading.Thread(target=back, args=(there, line), daemon=True).start()
                while piece := line.recv(1 << 16):
                    there.sendall(piece)
                there.shutdown(socket.SHUT_WR)
                threading.Event().wait(1)

        def back(there: socket.socket, line: socket.socket) -> None:
            with suppress(OSError):
                while piece := there.recv(1 << 16):
                    line.sendall(piece)
                line.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"


def test_an_engine_behind_tls_builds_as_one_here(
    room: Callable[..., Room], behind_tls: str, certificates: Path
) -> None:
    made = room(one=ONE)
    far = {"DOCKER_HOST": behind_tls, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
    run = made.good("binary", **far)
    assert f"answers at {behind_tls}" in run.err
    assert made.containers() == []


def test_an_engine_that_wants_a_certificate_is_told_apart(behind_tls: str) -> None:
    with pytest.raises(EngineError, match=r"is no container engine|cannot be reached|No container engine listens"):
        engines.ping(Engine(behind_tls, "test"))
