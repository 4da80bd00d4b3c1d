"""Which engine is meant, whether it answers, and how soon that is known."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find as engines
from tasks.lib.engine.find import Engine
from tests.engine.engines import pretending
from tests.support import ROOT, lacking

pytestmark = pytest.mark.usefixtures("bare")
GOOD = b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nServer: Docker/20.10 (linux)\r\n\r\nOK"


def context(home: Path, name: str, host: str, **more: object) -> Path:
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / key / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host, **more}}}))
    return home / ".docker/contexts/tls" / key / "docker"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("/run/x.sock", "unix:///run/x.sock"),
        ("tcp://box:2375", "tcp://box:2375"),
        ("http://box:2375", "tcp://box:2375"),
        ("box:2375", "tcp://box:2375"),
        ("ssh://me@box", "ssh://me@box"),
    ],
)
def test_docker_host_names_the_engine(monkeypatch: pytest.MonkeyPatch, host: str, address: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert engines.candidates() == [Engine(address, "DOCKER_HOST")]


def test_docker_host_goes_before_a_context(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(bare, "far", "tcp://far:2375")
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    monkeypatch.setenv("DOCKER_HOST", "tcp://near:2375")
    assert [place.address for place in engines.candidates()] == ["tcp://near:2375"]


def test_the_current_context_is_followed(bare: Path) -> None:
    context(bare, "far", "ssh://me@far")
    (bare / ".docker/config.json").write_text('{"currentContext": "far"}')
    assert engines.candidates() == [Engine("ssh://me@far", "docker context far")]


def test_a_contexts_certificates_are_used(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(bare, "far", "tcp://far:2376", SkipTLSVerify=True).mkdir(parents=True)
    monkeypatch.setenv("DOCKER_CONTEXT", "far")
    (place,) = engines.candidates()
    assert place.certificates.endswith("/docker")
    assert not place.verify


def test_an_unknown_context_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(EngineError, match="'gone', which docker does not know"):
        engines.candidates()


def test_a_broken_configuration_of_docker_is_none(bare: Path) -> None:
    (bare / ".docker").mkdir()
    (bare / ".docker/config.json").write_text("{")
    engines.candidates()


@pytest.mark.parametrize("name", ["docker.sock", "podman/podman.sock"])
def test_rootless_sockets_are_found(bare: Path, name: str) -> None:
    path = bare / "run" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert f"unix://{path}" in [place.address for place in engines.candidates()]


def test_a_folder_that_is_closed_to_this_user_holds_no_engine(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("becoming another user needs root")
    closed = tmp_path / "closed"
    (closed / "podman").mkdir(parents=True)
    (closed / "podman/podman.sock").touch()
    closed.chmod(0o700)
    code = (
        "import os\nfrom tasks.lib.engine import find as engines\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(engines.candidates())"
    )
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(closed)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(closed) not in done.stdout


def test_podmans_own_variable_names_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTAINER_HOST", "unix:///run/p.sock")
    assert engines.candidates() == [Engine("unix:///run/p.sock", "CONTAINER_HOST")]


def test_what_answers_is_known_by_name_and_version() -> None:
    with pretending(lambda line: line.sendall(GOOD)) as place:
        assert engines.ping(place) == ("Docker/20.10", "1.41")


def test_podman_answers_too() -> None:
    said = (
        b"HTTP/1.1 200 OK\r\nServer: Libpod/4.3.1 (linux)\r\nApi-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n\r\nOK"
    )
    with pretending(lambda line: line.sendall(said)) as place:
        assert engines.ping(place).server == "Libpod/4.3.1"


def dripping(line: socket.socket) -> None:
    for byte in GOOD:
        time.sleep(0.1)
        line.sendall(bytes([byte]))


@pytest.mark.parametrize("answer", [lambda _: None, dripping], ids=["silent", "dripping"])
def test_a_hung_engine_is_given_up_in_time(answer: Callable[[socket.socket], None]) -> None:
    with pretending(answer) as place:
        start = time.monotonic()
        with pytest.raises(EngineError, match="does not answer") as caught:
            engines.ping(place, 0.5)
        assert time.monotonic() - start < 20
    assert "Restart" in caught.value.hint


def test_patience_is_a_matter_of_seconds() -> None:
    assert engines.PATIENCE_S <= 5


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 404 Not Found\r\nServer: nginx\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"", b"\0" * 100_000],
    ids=["web server", "ssh", "nothing", "zeros"],
)
def test_what_is_no_engine_is_told_apart(said: bytes) -> None:
    def answer(line: socket.socket) -> None:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)

    with pretending(answer) as place, pytest.raises(EngineError, match=r"is no container engine|cannot be reached"):
        engines.ping(place, 1)


def test_a_dead_socket_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    with pytest.raises(EngineError, match="No container engine listens"):
        engines.ping(Engine(f"unix://{tmp_path}/s", "test"))


def test_a_missing_socket_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such socket"):
        engines.ping(Engine(f"unix://{tmp_path}/s", "test"))


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:1", "tcp://no.such.host.invalid:1", "npipe:////./pipe/docker", "tcp://:x"]
)
def test_an_engine_elsewhere_that_cannot_be_reached_is_told(address: str) -> None:
    with pytest.raises(EngineError, match=r"No container engine listens|cannot be reached"):
        engines.ping(Engine(address, "test"), 3)


def test_a_socket_of_another_group_is_told(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        lacking("becoming another user needs root")
    code = (
        "import os, socket, sys, urllib.parse\n"
        "from tasks.lib.engine import find as engines\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: engines.ping(engines.Engine(sys.argv[1], 'test'))\n"
        "except engines.EngineError as error: print(error)"
    )
    with pretending(lambda line: line.sendall(GOOD)) as place:
        Path(str(place.socket)).chmod(0o660)
        Path(str(place.socket)).parent.chmod(0o755)
        done = subprocess.run(
            [sys.executable, "-c", code, place.address], cwd=ROOT, capture_output=True, text=True, check=True
        )
    assert "not open to this user" in done.stdout
    assert "usermod -aG docker" in done.stdout
