"""The verdict against reality: programs of this machine started in a root with an older glibc (Debian 11, 2.31).

The root is made by mmdebstrap once a session; what is started in it are programs that this file compiles.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.lib.base.errors import ElfError
from tasks.lib.base.frozen import values
from tasks.lib.gate import judge
from tasks.lib.libs import needed
from tasks.lib.libs import packed as packed_files
from tasks.lib.loader.root import elf_at
from tasks.lib.platform import runtimes
from tasks.lib.sysroot import root as sysroot
from tasks.lib.sysroot.member import Member
from tests.store import made_once
from tests.support import lacking, need

pytestmark = pytest.mark.slow
LOADER = "ld-linux-x86-64.so.2"
FOLDER = "/lib/x86_64-linux-gnu"

SOURCE = r"""
#include <iconv.h>
#include <math.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

static void *work(void *unused) { pthread_exit(0); }  // opens libgcc_s.so.1

int main(int c, char **v) {
    struct addrinfo *found;
    pthread_t thread;
    pthread_create(&thread, 0, work, 0);
    pthread_join(thread, 0);
    int utf16 = iconv_open("UTF-16", "UTF-8") != (iconv_t)-1;
    int latin = iconv_open("ISO-8859-15", "UTF-8") != (iconv_t)-1;
    int local = getaddrinfo("localhost", "80", 0, &found) == 0;
    fflush(stdout);
    int child = system("/bin/ls / > /dev/null");
    printf("%d %s %d %d %d %d %d\n", hypot(c + 2, 4) == 5, getpwuid(0)->pw_name, local, utf16, latin, child,
           arc4random() == 0 && arc4random() == 0);
    return 0;
}
"""
ANSWER = "1 root 1 1 1 0 0\n"


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mmdebstrap --variant=extract --include=… bullseye: unpacked packages are enough to start programs in."""
    folder = tmp_path_factory.mktemp("bullseye")
    if os.geteuid() != 0:
        lacking("only root may start programs in another root")
    archive = made_once(
        "bullseye", _unpacked_packages
    )  # every module that imports this fixture makes a root of its own
    made = folder / "root"
    made.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", made, "--exclude=./dev/*"], check=True)
    (made / "dev" / "null").touch()
    (made / "bin/sh").unlink()
    (made / "bin/sh").symlink_to("bash")  # as in Amazon Linux
    (made / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (made / "etc" / "hosts").write_text("127.0.0.1 localhost\n")
    return made


def _unpacked_packages(archive: Path) -> None:
    """The root as a tar, made once for all workers."""
    mmdebstrap = need("mmdebstrap")
    wanted = "bash,libtinfo6,libc6,libc-bin,libgcc-s1,libstdc++6,base-passwd,dash,coreutils,libselinux1,libpcre2-8-0"
    done = subprocess.run(
        [mmdebstrap, "--variant=extract", "--format=tar", f"--include={wanted}", "bullseye", archive],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lacking(f"no Debian 11 root can be made here: {done.stderr[-200:]}")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gcc -fno-builtin -o main a.c -lm: needs GLIBC_2.36 (arc4random), GLIBC_2.35 (hypot), NSS, gconv, libgcc_s."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "a.c").write_text(SOURCE)
    subprocess.run([need("gcc"), "-fno-builtin", "-o", folder / "main", folder / "a.c", "-lm"], check=True)
    return folder / "main"


def started(root: Path, members: Mapping[str, Path], **environment: str) -> subprocess.CompletedProcess[str]:
    """Unpack into /var/task of the root and start there, as the shim would."""
    task = root / "var" / "task"
    shutil.rmtree(task, ignore_errors=True)
    for name, path in members.items():
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, task / name)
    bundled = f"lib/{LOADER}" in members
    loader = [f"/var/task/lib/{LOADER}", "--library-path", "/var/task/lib"] if bundled else []
    first = "" if bundled else "/var/task/lib:"
    variables = {"LD_LIBRARY_PATH": f"{first}{FOLDER}:/var/task:/var/task/lib", "PATH": "/usr/bin:/bin"} | environment
    words = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items()), *loader, "/var/task/main"]
    return subprocess.run(["/usr/sbin/chroot", root, *words], capture_output=True, text=True, check=False)


def packed(program: Path, target: Path, libc: str) -> dict[str, Path]:
    """The program and what `needed` would pack with it."""
    host = sysroot.Host()
    found = needed.needed(program, sysroot=host, runtime="provided.al2023", architecture="x86_64", libc=libc)
    packed_files.pack(found, host, target)
    libraries = {f"lib/{path.relative_to(target).as_posix()}": path for path in target.rglob("*") if path.is_file()}
    return {"main": program} | libraries


def platform_of(root: Path) -> runtimes.Platform:
    """The root as if it were a runtime: its libraries, and the versions that they define."""
    inside = sysroot.Folder(root)
    versions = {}
    libraries = set()
    for name in inside.names(FOLDER):
        try:
            elf = elf_at(inside, f"{FOLDER}/{name}")
        except (ElfError, OSError):
            continue
        libraries.add(name)
        versions[name] = elf.defines or frozenset()
    lambda_s = runtimes.platform("provided.al2023", "x86_64")
    older = {"glibc": "2.31", "libraries": frozenset(libraries), "versions": versions}
    return runtimes.Platform(**values(lambda_s) | older)


def verdict(root: Path, members: Mapping[str, Path]) -> bool:
    host = sysroot.Host()
    files = {name: Member(host, str(path), path.stat().st_mode & 0o777) for name, path in members.items()}
    return judge.verdict(files, platform_of(root), "main", shim=False).starts


def test_a_bundle_starts_where_the_plain_program_cannot(root: Path, program: Path, tmp_path: Path) -> None:
    plain = started(root, {"main": program})
    assert plain.returncode != 0
    assert "GLIBC_2.3" in plain.stderr
    found = started(root, packed(program, tmp_path / "lib", "auto"), GCONV_PATH="/var/task/lib/gconv")
    assert (found.stdout, found.stderr, found.returncode) == (ANSWER, "", 0)


def test_a_bundle_without_gconv_path_has_the_built_in_encodings_only(root: Path, program: Path, tmp_path: Path) -> None:
    found = started(root, packed(program, tmp_path / "lib", "bundled"))
    assert found.stdout.split()[:3] == ["1", "root", "1"]


def test_a_haskell_program_starts_from_a_bundle(root: Path, tmp_path: Path) -> None:
    (tmp_path / "Main.hs").write_text('main :: IO ()\nmain = interact (\\event -> "λ " ++ event)\n')
    subprocess.run([need("ghc"), "-v0", "-o", tmp_path / "main", tmp_path / "Main.hs"], check=True)
    members = packed(tmp_path / "main", tmp_path / "lib", "bundled")
    assert verdict(root, members)
    assert started(root, members, LC_ALL="C.UTF-8").stdout == "λ "
    assert not verdict(root, {"main": tmp_path / "main"})


CASES = {
    "plain": (),
    "a bundle": ("ALL",),
    "libm alone": ("libm.so.6",),
    "libc alone": ("libc.so.6",),
    "libc and libm, no loader": ("libc.so.6", "libm.so.6"),
    "loader alone": (LOADER,),
    "loader and libc, no libm": (LOADER, "libc.so.6"),
    "loader, libc and libm": (LOADER, "libc.so.6", "libm.so.6"),
}


@pytest.mark.parametrize("case", CASES)
def test_verdict_is_what_happens(root: Path, program: Path, tmp_path: Path, case: str) -> None:
    everything = packed(program, tmp_path / "lib", "bundled")
    names = CASES[case]
    chosen = {name: path for name, path in everything.items() if name == "main" or "ALL" in names}
    chosen |= {f"lib/{name}": everything[f"lib/{name}"] for name in names if name != "ALL"}
    # pthread_exit wants libgcc_s.so.1, which no DT_NEEDED tells: it is the root's own where it does not travel
    happened = started(root, chosen)
    assert verdict(root, chosen) is (happened.returncode == 0), happened.stderr


def test_old_symbols_start_on_an_older_glibc(root: Path, tmp_path: Path) -> None:
    """gcc -nostartfiles with _start of its own: nothing of glibc 2.34 is asked for."""
    source = '#include <stdio.h>\n#include <unistd.h>\nvoid _start(void) { puts("x"); fflush(0); _exit(0); }'
    (tmp_path / "a.c").write_text(source)
    subprocess.run(["gcc", "-nostartfiles", "-o", tmp_path / "main", tmp_path / "a.c", "-mstackrealign"], check=True)
    members = {"main": tmp_path / "main"}
    assert (verdict(root, members), started(root, members).stdout) == (True, "x\n")
