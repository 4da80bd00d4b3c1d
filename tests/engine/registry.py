"""A registry on loopback, Debian's own, unpacked and never installed: an installed one would listen for everybody."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.engine.engines import KEPT
from tests.support import lacking

PASSWORD = "CANARY-password"
HASH = "$2b$04$c1.OQNO3sbIuhyY4ioaNJeDuGWZpWWFYpPVOW3nOTDcEPyXmUwlkm"  # bcrypt of it
SETTINGS = """
version: 0.1
storage: {{ filesystem: {{ rootdirectory: {data} }} }}
http: {{ addr: "127.0.0.1:{port}" }}
auth: {{ htpasswd: {{ realm: here, path: {users} }} }}
"""


@dataclass
class Registry:
    """Where it listens; the password to it is PASSWORD, of the user AWS."""

    address: str
    log: Path

    def has(self, repository: str, digest: str) -> bool:
        """True if it holds this manifest."""
        url = f"http://{self.address}/v2/{repository}/manifests/sha256:{digest}"
        types = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
        answer = requests.get(url, auth=("AWS", PASSWORD), headers={"Accept": types}, timeout=20)
        return answer.status_code == requests.codes.ok

    @property
    def uploads(self) -> int:
        """How many manifests were put there."""
        return sum("PUT" in line and "/manifests/" in line for line in self.log.read_text().splitlines())


def program() -> str:
    """docker-registry, fetched from Debian's mirror once."""
    if found := shutil.which("docker-registry"):
        return found
    unpacked = KEPT / "docker-registry"
    made = unpacked / "usr/bin/docker-registry"
    if not made.exists():
        KEPT.mkdir(exist_ok=True)
        command = "apt-get download docker-registry && dpkg-deb -x docker-registry_*.deb . && rm docker-registry_*.deb"
        part = KEPT / f"docker-registry.{os.getpid()}"
        part.mkdir()
        done = subprocess.run(["sh", "-c", command], cwd=part, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(part)
            lacking(f"docker-registry cannot be fetched: {done.stderr[-300:]}")
        shutil.rmtree(unpacked, ignore_errors=True)
        part.rename(unpacked)
    return str(made)


@contextmanager
def running(folder: Path) -> Iterator[Registry]:
    """A registry whose data lie in `folder`."""
    command = program()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users, log, settings = folder / "users", folder / "log", folder / "config.yml"
    users.write_text(f"AWS:{HASH}\n")
    settings.write_text(SETTINGS.format(data=folder / "data", port=port, users=users))
    with log.open("wb") as out:
        process = subprocess.Popen([command, "serve", str(settings)], stdout=out, stderr=out)
    try:
        for _ in range(300):
            try:
                requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield Registry(f"127.0.0.1:{port}", log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
