"""A local Lambda in a process of its own, over zips that hold the shims' test program or a shell script."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.shim.shims import Way, subject, ways
from tests.support import ROOT

PER_EVENT = ways(process="per-event")
SERVE = """
import json, sys
from pathlib import Path
root, packages, options = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
sys.path.insert(0, root)
from tasks.lib.local.function import Package
from tasks.lib.local.server import serve
packages = [Package(one.pop("name"), Path(one.pop("zip")), **one) for one in packages]
def log(line):
    print(line, file=sys.stderr, flush=True)
serve(packages, port=0, http_port=0, watch=lambda: packages, log=log, **options)
"""


def names(way: Way) -> dict[str, str]:
    if way.shim == "node":
        return {"runtime": "nodejs24.x", "handler": "run.handle"}
    return {"runtime": "provided.al2023", "handler": "main"}


def make_zip(way: Way, folder: Path, program: Path | None = None) -> Path:
    way.pack(folder / "task", program or subject())
    with zipfile.ZipFile(folder / "lambda.zip", "w") as archive:
        for path in sorted((folder / "task").iterdir()):
            archive.write(path, path.name)
    return folder / "lambda.zip"


def script(folder: Path, text: str) -> Path:
    """A bootstrap of one's own: a zip with a shell or Python script in its place."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "new.zip", "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, text)
    return (folder / "new.zip").replace(folder / "lambda.zip")


@dataclass
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Local:
    """The running server."""

    process: subprocess.Popen[bytes]
    logged: Path
    port: int = 0
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def log(self) -> str:
        return self.logged.read_text(errors="replace")

    def wait_log(self, words: str, timeout: float = 20) -> None:
        until = time.monotonic() + timeout
        while words not in self.log:
            assert self.process.poll() is None, self.log
            assert time.monotonic() < until, f"{words!r} is not in: {self.log}"
            time.sleep(0.02)

    def request(
        self, port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.getheaders(), reply.read())
        finally:
            connection.close()

    def invoke(self, name: str, body: bytes = b"{}", **headers: str) -> Reply:
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.request(self.port, "POST", f"/2015-03-31/functions/{name}/invocations", body, given)

    def browse(
        self, name: str, path: str = "/", method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Reply:
        given = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.request(self.ports[name], method, path, body, given)

    def raw(self, port: int, request: bytes) -> bytes:
        """What comes back for these bytes, to the end of the connection."""
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def children(self) -> list[int]:
        found: list[int] = []
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            found += map(int, task.read_text().split())
        return found


@contextmanager
def locally(folder: Path, packages: list[dict[str, Any]], **options: Any) -> Iterator[Local]:
    """Serve `packages` (the fields of Package); at the end nothing of them runs any more."""
    words = [sys.executable, "-c", SERVE, str(ROOT), json.dumps(packages), json.dumps(options)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, stderr=log, env=kept)
    one = Local(process, folder / "log")
    try:
        one.wait_log("is the Lambda API")
        for line in one.log.splitlines():
            address, _, name = line.partition("http://127.0.0.1:")[::-1]
            if "Lambda API" in line:
                one.port = int(address.partition("/")[0])
            elif " → " in name:
                one.ports[name.partition(" ")[0]] = int(address.partition("/")[0])
        yield one
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
    until = time.monotonic() + 20  # the last of them may just be ending
    while left := [line for package in packages for line in processes_in(f"haskell-on-lambda-{package['name']}-")]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def processes_in(folder: str) -> list[str]:
    found = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if folder in line]
