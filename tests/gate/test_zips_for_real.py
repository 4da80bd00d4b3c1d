"""Anybody's zips, started for real in an older root by a user who owns nothing there, and held against the verdict.

No false "starts" and no false "does not start"; "not proved" may be either, and is rare. Every combination of a way to
start, a program, a state of its library and a packer is a zip; a sample of them is tried here, and all of them by

    GATE_ZIPS=all .venv/bin/pytest tests/gate/test_zips_for_real.py
"""

from __future__ import annotations

import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.lib.base.frozen import values
from tasks.lib.elf import symbols as elf_symbols
from tasks.lib.gate import judge
from tasks.lib.gate.verdict import Outcome
from tasks.lib.package import unzip
from tasks.lib.platform.runtimes import Platform
from tests.gate.real_cases import (
    ALL,
    LOADER,
    NODE,
    NODE_PACKERS,
    OLD_START,
    PROGRAMS,
    SOURCE,
    STARTS,
    Case,
    cases,
    installed_packers,
)
from tests.libs.test_bundle import FOLDER, platform_of
from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.support import need

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gcc -o <program>, gcc -shared -Wl,-soname,libfoo.so.1, and one of another build, without foo."""
    folder = tmp_path_factory.mktemp("zips")
    (folder / "foo.c").write_text("int foo(void) { return 1; }")
    (folder / "other.c").write_text("int bar(void) { return 1; }")
    for name, source in (("libfoo.so.1", "foo.c"), ("other.so", "other.c")):
        line = ["gcc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libfoo.so.1", "-o", name, source]
        subprocess.run([need("gcc"), *line[1:]], cwd=folder, check=True)
    for name, (more, use, options) in PROGRAMS.items():
        compile_for_old(folder, name, SOURCE.format(more=more, use=use), *options)
    return folder


def compile_for_old(folder: Path, name: str, source: str, *options: str) -> Path:
    """gcc -nostartfiles -o name a.c options: it needs no newer glibc than its calls do; static ones start as usual."""
    old = not any(option.startswith("-static") for option in options)
    (folder / "a.c").write_text((OLD_START if old else "") + source)
    line = [need("gcc"), *(["-nostartfiles"] if old else []), "-o", name, "a.c", *options]
    subprocess.run(line, cwd=folder, check=True)
    return folder / name


def tree(case: Case, made: Path, folder: Path) -> None:
    """The zip's content on disk."""
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    text = STARTS[case.start]
    if text:
        (folder / "bootstrap").write_text(text, newline="")
        shutil.copy(made / case.program, folder / "bin/prog")
    else:
        shutil.copy(made / case.program, folder / "bootstrap")
    (folder / "bootstrap").chmod(0o755)
    library = made / "libfoo.so.1"
    place = folder / "lib/libfoo.so.1"
    if case.library == "chain":
        shutil.copy(library, folder / "lib/libfoo.so.1.2.3")
        (folder / "lib/libfoo.so.1.2").symlink_to("libfoo.so.1.2.3")
        place.symlink_to("libfoo.so.1.2")
    elif case.library == "elsewhere":
        (folder / "other").mkdir()
        shutil.copy(library, folder / "other/libfoo.so.1")
    elif case.library != "none":
        shutil.copy(made / "other.so" if case.library == "other build" else library, place)
        place.chmod(0o600 if case.library == "unreadable" else 0o644)
    if case.library == "with libc":
        for name in ("libc.so.6", LOADER):
            shutil.copy(Path(FOLDER, name).resolve(), folder / "lib" / name)
        (folder / "lib" / LOADER).chmod(0o755)
    if case.library == "closed folder":
        (folder / "lib").chmod(0o700)


@pytest.fixture(scope="module")
def node_packers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """npm install archiver yazl."""
    return installed_packers(tmp_path_factory.mktemp("packers"), NODE, NODE_PACKERS)


def zipped(case: Case, folder: Path, target: Path, node_packers: Path) -> Path:
    """By Info-ZIP, 7z or a packer of Node with links kept, or by Python, which names no folders here."""
    if case.packer in {"archiver", "yazl"}:
        words = [need("node"), *map(str, (node_packers, case.packer, folder, target))]
        subprocess.run(words, cwd=node_packers.parent, check=True)
        return target
    if case.packer == "7z":
        words = [need("7z"), "a", "-tzip", "-snl", "-bd", str(target), "."]
        subprocess.run(words, cwd=folder, check=True, capture_output=True)
        return target
    if case.packer == "zip":
        subprocess.run([need("zip"), "-q", "-y", "-r", target, "."], cwd=folder, check=True)
        return target
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            info.create_system, info.external_attr = 3, path.lstat().st_mode << 16
            if path.is_symlink():
                archive.writestr(info, str(path.readlink()))
            elif path.is_file():
                archive.writestr(info, path.read_bytes())
    return target


def laid_out(package: Path, root: Path) -> None:
    """As Lambda: links and modes, folders 0755 where the zip does not name them."""
    task = root / "var/task"
    shutil.rmtree(task, ignore_errors=True)
    task.mkdir(parents=True)
    with zipfile.ZipFile(package) as archive:
        infos = sorted(archive.infolist(), key=lambda info: info.is_dir())
        for info in infos:
            path, mode = task / info.filename, info.external_attr >> 16
            path.parent.mkdir(parents=True, exist_ok=True)
            if info.is_dir():
                path.mkdir(exist_ok=True)
                path.chmod(stat.S_IMODE(mode))
            elif stat.S_ISLNK(mode):
                path.symlink_to(archive.read(info).decode())
            else:
                path.write_bytes(archive.read(info))
                path.chmod(stat.S_IMODE(mode))


def started(root: Path) -> tuple[bool, str]:
    environment = {
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LD_LIBRARY_PATH": f"{FOLDER}:/var/task:/var/task/lib:/opt/lib",
    }
    inner = ["/usr/bin/env", "-i", "-C", "/var/task", *(f"{name}={value}" for name, value in environment.items())]
    words = ["/usr/sbin/chroot", "--userspec=993:990", str(root), *inner]
    command = [*words, "/var/task/bootstrap"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode == 0 and done.stdout == "ok\n", f"{done.returncode}: {done.stderr[-200:]}"


@pytest.mark.timeout(0 if ALL else 420)  # pyproject's, but for hours of work
def test_the_verdict_is_what_happens(root: Path, made: Path, node_packers: Path, tmp_path: Path) -> None:
    where = platform_of(root)
    where = Platform(**values(where) | {"symbols": dict(_symbols(root, where.libraries))})
    wrong, unproved, good = [], 0, 0  # all of them are some gigabytes: each is removed again
    for number, case in enumerate(cases()):
        folder = tmp_path / str(number)
        tree(case, made, folder)
        package = zipped(case, folder, tmp_path / f"{number}.zip", node_packers)
        place = tmp_path / f"{number}.unpacked"
        place.mkdir()
        archive = unzip.unpack(package, place)
        found = judge.foreign(archive.contents, where)
        laid_out(package, root)
        truth, said = started(root)
        if found.verdict is Outcome.UNPROVED:
            unproved += 1
        elif found.starts and "symbol lookup error" in said and any(note.kind == "symbol" for note in found.notes):
            pass  # it started, and called what it was noted to lack
        elif found.starts is not truth:
            wrong.append((case, found.verdict, [problem.message for problem in found.problems], said))
        good += truth
        shutil.rmtree(folder)
        shutil.rmtree(place)
        package.unlink()
    assert wrong == []
    assert unproved == 0, "all of these are within what is read"
    assert good > 10, "enough of them start"


def _symbols(root: Path, libraries: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    from tasks.lib.sysroot.root import Folder

    inside = Folder(root)
    for name in libraries:
        path = f"{FOLDER}/{name}"
        with inside.open(path) as file:
            yield name, frozenset(item.name for item in elf_symbols.symbols(file, path) if item.defined)
