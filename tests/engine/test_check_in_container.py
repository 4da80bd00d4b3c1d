"""`check --run` inside a container of Docker as it comes: no room there, a true word about it, and the same list."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import elftools
import pytest

from tasks.lib.engine.find import Engine
from tests.engine import engines
from tests.support import ROOT, need

SOURCE = """#include <stdio.h>
int main(void) {
    fopen("/usr/share/gone/x", "r"); fopen("out.txt", "w"); fopen("/var/task/there.txt", "w");
    return 1;
}"""
UNCONFINED = ("--security-opt", "seccomp=unconfined")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip whose bootstrap asks and ends; static, as the container's C library is not this machine's."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "a.c").write_text(SOURCE)
    subprocess.run([need("gcc"), "-static", "-o", "bootstrap", "a.c"], cwd=folder, check=True)
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(folder / "bootstrap", "bootstrap")
    (folder / "a.zip").chmod(0o644)
    return folder / "a.zip"


@pytest.mark.parametrize("user", ["1001:1001", "0:0"])
@pytest.mark.parametrize("options", [(), UNCONFINED], ids=["as it comes", "with the cure of the sentence"])
def test_what_a_run_says_in_a_container(engine: Engine, package: Path, user: str, options: tuple[str, ...]) -> None:
    image = engines.base(engine, "bookworm", "python3")
    places = {ROOT / "tasks": "/p/tasks", Path(elftools.__file__).parent: "/p/elftools", package: "/a.zip"}
    mounts = [word for here, there in places.items() for word in ("-v", f"{here}:{there}:ro")]
    inside = ["python3", "-B", "-m", "tasks.lib.check", "--json", "--run", "{}", "/a.zip"]
    words = ["run", "--rm", "--network", "none", "-u", user, "-w", "/p", *options, *mounts, image, *inside]
    command = [need("docker"), "-H", engine.address, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    told = json.loads(done.stdout)["files"][0]["run"]
    if not options:
        assert told["room"].startswith("room: none here (namespaces are forbidden: unshare: Operation not permitted).")
        assert " ".join(UNCONFINED) in told["room"]
    elif user != "0:0":  # root lacks CAP_SYS_ADMIN still, and makes a namespace of its own where it may
        assert told["room"].startswith("room: as on Lambda")
    assert told["recorded"]
    assert [(item["path"], item["error"]) for item in told["asked"]] == [
        ("/usr/share/gone/x", "ENOENT"),
        ("/var/task/out.txt", "EROFS"),
        ("/var/task/there.txt", "EROFS"),
    ]
