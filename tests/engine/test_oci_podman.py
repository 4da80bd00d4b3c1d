"""podman as the engine of an image's deploy: pushed to a real registry, deployed by the digest that it has there."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.base.errors import EngineError
from tasks.lib.engine import find
from tasks.lib.engine.find import Engine
from tests.aws.strict import strict
from tests.aws.test_strict import environment
from tests.engine import registry
from tests.engine.engines import KEPT
from tests.engine.project_fixture import eventually
from tests.engine.test_oci import ECHO, HELLO, REPOSITORY
from tests.support import lacking, make_workshop, need


def answers(engine: Engine) -> bool:
    try:
        find.ping(engine, 1)
    except EngineError:
        return False
    return True


@pytest.fixture
def where(tmp_path: Path) -> Iterator[registry.Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with registry.running(folder) as found:
        yield found


@pytest.fixture
def podman(where: registry.Registry) -> Iterator[Engine]:
    need("podman")
    if os.geteuid() != 0:
        lacking("podman's service of our own needs root")
    with tempfile.TemporaryDirectory(prefix="hol-", dir="/tmp") as name:
        folder = Path(name)
        insecure = f'[[registry]]\nlocation = "{where.address}"\ninsecure = true\n'
        (folder / "registries.conf").write_text(insecure)
        (folder / "containers.conf").write_text('[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n')
        settings = {"CONTAINERS_REGISTRIES_CONF": "registries.conf", "CONTAINERS_CONF": "containers.conf"}
        own = {variable: str(folder / file) for variable, file in settings.items()}
        engine = Engine(f"unix://{folder}/s", "test")
        command = ["setpriv", "--pdeathsig", "TERM", "podman", "--root", str(KEPT / "podman")]
        command += ["--runroot", str(KEPT / "podman-run"), "system", "service", "--time", "0", engine.address]
        service = subprocess.Popen(command, env=os.environ | own, stderr=subprocess.DEVNULL)
        try:
            if not eventually(lambda: answers(engine)):
                lacking("podman's service does not answer")
            yield engine
        finally:
            service.terminate()
            service.wait()


def test_podman_pushes_what_the_registry_then_has(podman: Engine, where: registry.Registry, tmp_path: Path) -> None:
    shop = make_workshop(tmp_path / "project", hello=HELLO)
    shop.write("hello.c", ECHO.format(0))
    subprocess.run([need("gcc"), "-static", "-o", "hello", "hello.c"], cwd=shop.folder, check=True)
    with strict(registry=where.address, password=registry.PASSWORD) as there:
        own = environment(there) | {"DOCKER_HOST": podman.address}
        told = json.loads(shop.good("deploy", "--json", **own).out)["functions"]["hello"]
        assert where.has(REPOSITORY, told["code_sha256"])
        assert there.functions["hello"].latest["CodeSha256"] == told["code_sha256"]
        pushed = where.uploads
        again = json.loads(shop.good("deploy", "--json", **own).out)["functions"]["hello"]
        assert (again["action"], where.uploads) == ("unchanged", pushed)
