"""What other people's packagers make, by themselves where a registry has them: judged, and started for real.

aws-lambda-cpp's packager comes with aws-lambda-ric, serverless-haskell's wrapper from its plugin; hal and
aws-lambda-haskell-runtime zip one program with zip; bref's layers bring interpreter and bootstrap below /opt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.lib.gate import judge
from tasks.lib.gate.lambda_root import Layers
from tasks.lib.package import unzip
from tasks.lib.platform import runtimes
from tasks.lib.platform.runtimes import Platform
from tests.gate.real_cases import SOURCE, installed_packers
from tests.gate.test_containers_for_real import unpacked
from tests.gate.test_hostile_zips import parts as parts  # noqa: PLC0414 - a fixture
from tests.gate.test_hostile_zips import started
from tests.gate.test_hostile_zips import where as where  # noqa: PLC0414 - a fixture
from tests.gate.test_older_root import node as node  # noqa: PLC0414 - a fixture
from tests.gate.test_zips_for_real import compile_for_old
from tests.libs.test_bundle import FOLDER
from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.support import lacking, need

pytestmark = pytest.mark.slow
LIBRARY_PATH = f"{FOLDER}:/var/task:/var/task/lib"
RIC, PLUGIN = "aws-lambda-ric@3.2.1", "serverless-haskell@0.9.1"
PACKERS = ("jszip@3.10.1", "adm-zip@0.5.16", "fflate@0.8.2")
NODE = """
const fs = require('node:fs');
const [packer, folder, target] = process.argv.slice(2);
const names = ['bootstrap', 'lib/libfoo.so.1'];
const read = (name) => fs.readFileSync(`${folder}/${name}`);
(async () => {
  if (packer.startsWith('jszip')) {
    const zip = new (require('jszip'))();
    const how = { unixPermissions: 0o755 };
    names.forEach((name) => zip.file(name, read(name), how));
    const platform = packer.endsWith('unix') ? 'UNIX' : 'DOS';
    fs.writeFileSync(target, await zip.generateAsync({ type: 'nodebuffer', platform }));
  } else if (packer === 'adm-zip') {
    const zip = new (require('adm-zip'))();
    names.forEach((name) => zip.addFile(name, read(name), '', 0o755));
    zip.writeZip(target);
  } else if (packer === 'adm-zip folder') {
    const zip = new (require('adm-zip'))();
    zip.addLocalFolder(folder);
    zip.writeZip(target);
  } else {
    const { zipSync } = require('fflate');
    const how = packer.endsWith('unix') ? { os: 3, attrs: 0o100755 << 16 } : {};
    fs.writeFileSync(target, zipSync(Object.fromEntries(names.map((name) => [name, [read(name), how]]))));
  }
})();
"""

NEEDING = "int foo(void);\nint main(void) { foo();"
SOCKET = """
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
    char event[9];
    while (read(0, event, 9) > 0) {}
    struct sockaddr_in to = {AF_INET, htons(atoi(getenv("SERVERLESS_HASKELL_COMMUNICATION_PORT")))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int to_node = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(to_node, (struct sockaddr *)&to, sizeof to)) return 1;
    return write(to_node, "[1]", 3) != 3;
}
"""
ASK = "require('/var/task/package.js').prog({}, {}).then(console.log, (e) => { console.error(e); process.exit(1); })"


def from_registry(package: str, folder: Path) -> Path:
    """npm pack; nothing of it is run by the installation."""
    done = subprocess.run(
        [need("npm"), "pack", "--silent", package], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lacking(f"npm has no {package} for us: {done.stderr[-200:]}")
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


@pytest.fixture(scope="module")
def packager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """aws-lambda-cpp's, unmodified."""
    folder = tmp_path_factory.mktemp("ric")
    with tarfile.open(next((from_registry(RIC, folder) / "deps").glob("aws-lambda-cpp-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("aws-lambda-cpp-*/packaging/packager"))


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of serverless-haskell, unmodified."""
    return from_registry(PLUGIN, tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def node_packers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm install jszip adm-zip fflate."""
    return installed_packers(tmp_path_factory.mktemp("packers"), NODE, PACKERS)


def held(
    package: Path, root: Path, where: Platform, folder: Path, *, handler: str = "", layer: Path | None = None
) -> tuple[str, bool, str]:
    """(verdict, whether it started there, what it said); the layer lies below /opt in both."""
    folder.mkdir()
    (folder / "layer").mkdir()
    archive = unzip.unpack(package, folder)
    layers = Layers(unzip.unpack(layer, folder / "layer").contents) if layer else Layers()
    found = judge.foreign(archive.contents, where, layers=layers, handler=handler)
    found = judge.with_findings(found, archive.notes, archive.problems, archive.unproved)
    opt = root / "opt"
    shutil.rmtree(opt, ignore_errors=True)
    opt.mkdir()
    if layer:
        subprocess.run([need("unzip"), "-q", "-o", layer, "-d", opt], check=True, umask=0o022)
    assert unpacked(package, root)
    return (found.verdict.value, *started(root, handler))


def agree(found: tuple[str, bool, str]) -> None:
    verdict, truth, said = found
    assert verdict == ("starts" if truth else "does not start"), said


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, parts: Path) -> Path:
    """Programs that need a newer glibc than the root has, and such that do not."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "Main.hs").write_text('main :: IO ()\nmain = putStrLn "ok"\n')
    subprocess.run([need("ghc"), "-v0", "-o", folder / "haskell", folder / "Main.hs"], check=True)
    newer = {
        "newer": SOURCE.format(more="#include <stdlib.h>", use="if (arc4random() == arc4random()) return 2;"),
        "libm": SOURCE.format(more="#include <math.h>", use="if (hypot(3, 4) != 5) return 2;"),
    }
    for name, text in newer.items():
        (folder / "a.c").write_text(text)
        subprocess.run([need("gcc"), "-fno-builtin", "-o", name, "a.c", "-lm"], cwd=folder, check=True)
    for name in ("prog", "needs", "static", "libfoo.so.1"):
        shutil.copy(parts / name, folder)
    compile_for_old(folder, "answers", SOCKET)
    (folder / "a.c").write_text(SOCKET.replace("int main(void) {", "int main(void) { arc4random();"))
    subprocess.run([need("gcc"), "-o", "answers newer", "a.c"], cwd=folder, check=True)
    compile_for_old(folder, "answers needing", SOCKET.replace("int main(void) {", NEEDING), "libfoo.so.1")
    return folder


@pytest.mark.parametrize(
    ("program", "libc"),
    [("newer", []), ("needs", []), ("haskell", []), ("libm", ["-d"]), ("needs", ["-d"]), ("haskell", ["-d"])],
)
def test_aws_lambda_cpp(  # noqa: PLR0917 - fixtures
    program: str, libc: list[str], packager: Path, root: Path, where: Platform, programs: Path, tmp_path: Path
) -> None:
    environment = os.environ | {"LD_LIBRARY_PATH": str(programs)}
    made = subprocess.run(
        ["bash", packager, *libc, programs / program],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    found = held(tmp_path / f"{program}.zip", root, where, tmp_path / "unpacked", handler="x.y")
    agree(found)
    assert found[1] is (not libc or program == "needs"), found


@pytest.mark.parametrize("packer", ["jszip unix", "jszip", "adm-zip", "adm-zip folder", "fflate unix", "fflate"])
def test_packers_of_node(  # noqa: PLR0917 - fixtures
    packer: str, node_packers: Path, root: Path, where: Platform, parts: Path, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    (content / "lib").mkdir(parents=True)
    shutil.copy(parts / "needs", content / "bootstrap")
    shutil.copy(parts / "libfoo.so.1", content / "lib")
    package = tmp_path / "a.zip"
    subprocess.run([need("node"), node_packers, packer, content, package], cwd=node_packers.parent, check=True)
    agree(held(package, root, where, tmp_path / "unpacked"))


SCRIPT = "#!/bin/sh\n\n${_HANDLER}\n"  # what the plugin of serverless-haskell puts beside the programs


@pytest.mark.parametrize("handler", ["./prog", "prog", "bin/prog", ""])
def test_a_bootstrap_that_starts_its_handler(
    handler: str, root: Path, where: Platform, parts: Path, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    (content / "bin").mkdir(parents=True)
    for place in ("prog", "bin/prog"):
        shutil.copy(parts / "prog", content / place)
    (content / "bootstrap").write_text(SCRIPT)
    (content / "bootstrap").chmod(0o755)
    subprocess.run([need("zip"), "-qr", tmp_path / "a.zip", "."], cwd=content, check=True)
    found = held(tmp_path / "a.zip", root, where, tmp_path / "unpacked", handler=handler)
    if found[0] != "not proved":
        agree(found)
    assert found[0] != "not proved" or not handler.endswith("/prog"), found


@pytest.mark.parametrize("program", ["prog", "needs", "static", "haskell"])
@pytest.mark.parametrize("way", [("-qj",), ("-qr", "-9"), ("-qry",)])
def test_one_program_as_the_bootstrap(  # noqa: PLR0917 - fixtures
    way: tuple[str, ...], program: str, root: Path, where: Platform, programs: Path, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.mkdir()
    shutil.copy(programs / program, content / "bootstrap")
    subprocess.run([need("zip"), *way, tmp_path / "a.zip", "bootstrap"], cwd=content, check=True)
    agree(held(tmp_path / "a.zip", root, where, tmp_path / "unpacked"))


LAYERED = {
    "once": "#!/bin/sh\nset -e\n/opt/bin/php /opt/bref/bootstrap.php 2>&1\n",
    "by exec": '#!/bin/sh\nexport PHP_INI_SCAN_DIR="/opt/etc:/var/task"\nexec /opt/bin/php /opt/bref/bootstrap.php\n',
    "in a loop": "#!/bin/sh\nwhile true\ndo\n    /opt/bin/php /opt/bref/bootstrap.php 2>&1\n    exit 0\ndone\n",
}


@pytest.mark.parametrize("library", ["in the layer", "in the zip", "nowhere"])
@pytest.mark.parametrize("script", LAYERED)
def test_a_runtime_in_a_layer(  # noqa: PLR0917 - fixtures
    script: str, library: str, root: Path, where: Platform, parts: Path, tmp_path: Path
) -> None:
    layer, task = tmp_path / "opt", tmp_path / "task"
    for folder in (layer / "bin", layer / "lib", task / "lib"):
        folder.mkdir(parents=True)
    shutil.copy(parts / "needs", layer / "bin/php")
    (layer / "bootstrap").write_text(LAYERED[script])
    (layer / "bootstrap").chmod(0o755)
    (task / "index.php").write_text("<?php\n")
    places = {"in the layer": layer, "in the zip": task}
    if library in places:
        shutil.copy(parts / "libfoo.so.1", places[library] / "lib")
    for folder, name in ((layer, "layer.zip"), (task, "task.zip")):
        subprocess.run([need("zip"), "-qr", tmp_path / name, "."], cwd=folder, check=True)
    found = held(tmp_path / "task.zip", root, where, tmp_path / "unpacked", layer=tmp_path / "layer.zip")
    if script == "in a loop":
        assert found[0] == "not proved"
    else:
        agree(found)


WRAPPED = {  # what lies beside the wrapper: the program, and where its library is
    "whole": ("answers", "", 0o755),
    "with a library": ("answers needing", ".", 0o755),
    "with a library in lib": ("answers needing", "lib", 0o755),
    "without its library": ("answers needing", "", 0o755),
    "newer": ("answers newer", "", 0o755),
    "without x": ("answers", "", 0o644),
}


@pytest.mark.parametrize("case", WRAPPED)
def test_the_wrapper_of_serverless_haskell(  # noqa: PLR0917 - fixtures
    case: str, plugin: Path, node: Path, root: Path, where: Platform, programs: Path, tmp_path: Path
) -> None:
    program, place, mode = WRAPPED[case]
    content = tmp_path / "content"
    (content / "lib").mkdir(parents=True)
    line = "exports['prog'] = wrapper({executable: 'prog', arguments: []});\n"
    (content / "package.js").write_text((plugin / "handler.template.js").read_text() + line)
    shutil.copy(programs / program, content / "prog")
    (content / "prog").chmod(mode)
    if place:
        shutil.copy(programs / "libfoo.so.1", content / place)
    subprocess.run([need("zip"), "-qr", tmp_path / "a.zip", "."], cwd=content, check=True)
    (tmp_path / "unpacked").mkdir()
    archive = unzip.unpack(tmp_path / "a.zip", tmp_path / "unpacked")
    on_node = replace(where, runtime=runtimes.platform("nodejs24.x", "x86_64").runtime)
    found = judge.foreign(archive.contents, on_node, handler="package.prog")
    assert unpacked(tmp_path / "a.zip", root)
    shutil.copy(node, root / "usr/bin/node")
    variables = ["PATH=/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task", f"LD_LIBRARY_PATH={LIBRARY_PATH}"]
    words = ["/usr/sbin/chroot", "--userspec=993:990", root, "/usr/bin/env", "-i", "-C", "/var/task", *variables]
    patience = 30 if found.starts else 3  # seconds: it waits for ever for a program that does not come
    try:
        command = [*map(str, words), "/usr/bin/node", "-e", ASK]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)
        said = done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        said = "it waits for a program that does not come"
    truth = said == "[ 1 ]\n"
    assert truth is (case in {"whole", "with a library", "with a library in lib"}), said
    assert found.verdict.value == ("starts" if truth else "not proved"), said  # JavaScript may, or may not, start it
