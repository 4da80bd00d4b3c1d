"""The room: what a program finds in it, what is recorded, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tasks.lib.platform.runtimes import platform
from tasks.lib.room import fittings
from tasks.lib.room.asked import short_list
from tasks.lib.room.room import Seen, Visit, _spec, room_problem, visit
from tests.support import ROOT, lacking, need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="runs this machine's programs as x86_64")
PLATFORM = "provided.al2023"
PROGRAM = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int c, char **v) {
    char *what = v[1];
    if (!strcmp(what, "environment")) { extern char **environ; for (char **e = environ; *e; e++) puts(*e); }
    if (!strcmp(what, "who")) printf("%d %d %d\n", getuid(), getpid(), access("/home/sbx_user1051", F_OK));
    if (!strcmp(what, "write")) {
        int task = open("x", O_CREAT | O_WRONLY, 0600), etc = open("/etc/x", O_CREAT | O_WRONLY, 0600);
        int tmp = open("/tmp/x", O_CREAT | O_WRONLY, 0600);
        printf("%d %d %d\n", task, etc, tmp > 0);
    }
    if (!strcmp(what, "child")) { if (!fork()) return open("/child/asks", O_RDONLY) < 0 ? 0 : 1; wait(0); }
    if (!strcmp(what, "memory")) { size_t n = 400 << 20; char *p = malloc(n); puts(p ? "given" : "refused"); }
    if (!strcmp(what, "private")) puts(fopen("private", "r") ? "read" : "refused");
    if (!strcmp(what, "sleep")) sleep(60);
    fflush(stdout);
    return 0;
}
"""


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """gcc -static -o program a.c, beside a file that only its owner may read."""
    folder = tmp_path_factory.mktemp("room")
    (folder / "a.c").write_text(PROGRAM)
    subprocess.run([need("gcc"), "-static", "-o", folder / "program", folder / "a.c"], check=True)
    (folder / "private").write_text("x")
    (folder / "private").chmod(0o600)
    folder.chmod(0o755)
    return folder


def seen(task: Path, what: str, **more: object) -> Seen:
    if room_problem():
        lacking(room_problem())
    return visit(Visit(task, ("/var/task/program", what), platform(PLATFORM, "x86_64"), **more))  # type: ignore[arg-type]


def test_the_environment_is_lambda_s_and_nothing_of_ours(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    names = {line.partition(b"=")[0] for line in seen(task, "environment").stdout.splitlines()}
    assert names.isdisjoint({b"HOME", b"AWS_PROFILE", b"USER", b"PYTHONPATH"})
    assert names >= {b"LAMBDA_TASK_ROOT", b"LD_LIBRARY_PATH", b"_HANDLER", b"AWS_LAMBDA_FUNCTION_MEMORY_SIZE"}


def test_it_is_the_functions_user_below_an_init(task: Path) -> None:
    assert seen(task, "who").stdout == b"993 2 -1\n"


def test_only_tmp_can_be_written(task: Path) -> None:
    found = seen(task, "write")
    assert found.stdout == b"-1 -1 1\n"
    assert {(item.path, item.error) for item in short_list(found.record)} == {
        ("/var/task/x", "EROFS"),
        ("/etc/x", "EROFS"),
    }
    assert not (task / "x").exists()


def test_what_a_child_asks_for_is_recorded(task: Path) -> None:
    assert [item.path for item in short_list(seen(task, "child").record)] == ["/child/asks"]


def test_memory_is_the_functions(task: Path) -> None:
    assert seen(task, "memory", memory_mb=128).stdout == b"refused\n"
    assert seen(task, "memory", memory_mb=1024).stdout == b"given\n"


def test_a_file_of_another_user_cannot_be_read(task: Path) -> None:
    found = seen(task, "private")
    assert found.stdout == b"refused\n"
    assert [item.error for item in short_list(found.record)] == ["EACCES"]


def test_time_is_bounded(task: Path) -> None:
    assert seen(task, "sleep", timeout_s=1).timed_out


def test_two_visits_are_alike(task: Path) -> None:
    first, second = seen(task, "child"), seen(task, "child")
    assert first.record == second.record


def test_kill_leaves_nothing(task: Path, tmp_path: Path) -> None:
    """kill -9 of the helper: no process of the room is left, and no mount."""
    if room_problem():
        lacking(room_problem())
    mark = f"mark-{os.getpid()}"
    wanted = Visit(task, ("/var/task/program", "sleep", mark), platform(PLATFORM, "x86_64"), timeout_s=60)
    (tmp_path / "spec.json").write_text(json.dumps(_spec(tmp_path, wanted, room=True)))
    words = [sys.executable, "-m", "tasks.lib.room.helper", str(tmp_path / "spec.json")]
    helper = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        assert until(lambda: living(mark))
    finally:
        helper.send_signal(signal.SIGKILL)
        helper.wait()
    assert until(lambda: not living(mark))
    assert "room /mnt" not in Path("/proc/mounts").read_text()


def until(holds: object) -> bool:
    """Wait for something that a process does; a minute is for a machine that is busy."""
    for _ in range(600):
        if holds():  # type: ignore[operator]
            return True
        time.sleep(0.1)
    return False


def living(mark: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes() and b"program" in path.read_bytes():
                return True
        except OSError:
            continue
    return False


FORBID = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from tasks.lib.room import kernel

code = [
    kernel._Instruction(kernel.LOAD, 0, 0, 0),
    kernel._Instruction(kernel.EQUAL, 1, 0, 272),  # unshare
    kernel._Instruction(kernel.EQUAL, 0, 1, 165),  # mount
    kernel._Instruction(kernel.RETURN, 0, 0, 0x50000 | 1),  # EPERM, as Docker's default says
    kernel._Instruction(kernel.RETURN, 0, 0, kernel.RET_ALLOW),
]
program = kernel._Program(len(code), (kernel._Instruction * len(code))(*code))
kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
kernel.prctl(kernel.PR_SET_SECCOMP, 2, ctypes.byref(program))
os.execv(sys.executable, [sys.executable, "-m", "tasks.lib.check", *sys.argv[2:]])
"""


def test_where_namespaces_are_forbidden_it_says_so_and_records_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include <stdio.h>\nint main(void) { return fopen("/usr/share/gone/x", "r") != 0; }')
    subprocess.run([need("gcc"), "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    words = [sys.executable, "-c", FORBID, str(ROOT), "--json", "--run", "{}", str(tmp_path / "a")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["files"][0]["run"]
    assert told["room"].startswith("room: none here (namespaces are forbidden: unshare: Operation not permitted)")
    assert [item["path"] for item in told["asked"]] == ["/usr/share/gone/x"]


def test_without_a_room_writes_beside_tmp_are_told_and_a_layers_folder_is_opt(tmp_path: Path) -> None:
    source = """#include <stdio.h>
    int main(void) {
        fopen("here.txt", "w"); fopen("/var/task/there.txt", "w"); fopen("/tmp/free-of-lambda-room", "w");
        remove("/tmp/free-of-lambda-room");
        return 1;
    }"""
    (tmp_path / "a.c").write_text(source)
    subprocess.run([need("gcc"), "-o", tmp_path / "bootstrap", tmp_path / "a.c"], check=True)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "bootstrap", "bootstrap")
    words = [sys.executable, "-c", FORBID, str(ROOT), "--json", "--run", "{}", str(tmp_path / "a.zip")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)["files"][0]["run"]["asked"]
    assert [(item["path"], item["error"]) for item in told] == [
        ("/var/task/here.txt", "EROFS"),
        ("/var/task/there.txt", "EROFS"),
    ]


PIVOT_ROOT = FORBID.replace("272", "155").replace("165", "155")
OF_DOCKER = "--bounding-set=-all,+chown,+dac_override,+fowner,+kill,+setgid,+setuid,+setpcap,+sys_chroot,+setfcap"


@pytest.mark.parametrize("way", ["without pivot_root", "root without its capabilities"])
def test_a_container_that_leaves_a_way_has_a_room(tmp_path: Path, way: str) -> None:
    """Docker with CAP_SYS_ADMIN forbids pivot_root alone; root of a container lacks what a room takes."""
    if room_problem() or os.geteuid() != 0:
        lacking(room_problem() or "only root can give capabilities away")
    source = '#include <stdio.h>\nint main(void) { fopen("out.txt", "w"); return fopen("private", "r") != 0; }'
    (tmp_path / "a.c").write_text(source)
    subprocess.run([need("gcc"), "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    given = ["--json", "--run", "{}", str(tmp_path / "a")]
    words = [sys.executable, "-c", PIVOT_ROOT, str(ROOT), *given]
    if way != "without pivot_root":
        words = [need("setpriv"), OF_DOCKER, sys.executable, "-m", "tasks.lib.check", *given]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["files"][0]["run"]
    assert told["room"].startswith("room: as on Lambda")
    assert told["recorded"]
    assert [item["path"] for item in told["asked"]] == ["/var/task/out.txt", "/var/task/private"]


def row(path: str, error: str = "ENOENT") -> dict[str, object]:
    return {"call": "openat", "path": path, "error": error, "writes": False, "exe": "/var/task/a"}


def test_the_loaders_own_search_is_not_told() -> None:
    levels = [row(f"/var/lang/lib/glibc-hwcaps/x86-64-v3/{name}") for name in ("libc.so.6", "libm.so.6")]
    package = "/p/share/x86_64-linux-ghc-9.0.2/my-x-1.0/t.json"
    rows = [*levels, row("/var/lang/lib/libz.so.1"), row("/lib64/libz.so.1", ""), row("/var/task/lib/libx.so")]
    rows += [row("/usr/share/zoneinfo/Europe/Berlin"), row(package)]
    found = short_list(rows)
    assert [item.path for item in found] == [
        "libx.so",
        "/usr/share/zoneinfo/Europe/Berlin",
        package,
    ]
    assert "a time zone" in found[1].message
    assert "my_x_datadir" in found[2].hint


def test_what_a_user_might_have_at_home_is_not_told() -> None:
    assert short_list([row("/home/sbx_user1051/.pandoc")]) == []
    assert len(short_list([row("/home/me/.cabal/share/x")])) == 1  # somebody built it there


def test_a_search_that_the_end_of_the_run_cut_off_is_not_told() -> None:
    found = row("/usr/lib64/libx.so.1", "")
    assert short_list([row("/var/task/libx.so.1"), found, row("/var/task/libx.so.1")]) == []


@pytest.mark.parametrize("top", ["", "/var/task"])
@pytest.mark.parametrize("name", ["t.json", "a/b/t.json"])
def test_the_data_variable_is_the_packages_folder_however_deep_the_file_lies(top: str, name: str) -> None:
    folder = "/p/share/x86_64-linux-ghc-9.0.2/my-x-1.0"
    (found,) = short_list([row(f"{top}{folder}/{name}")])
    assert found.message == f"a asks for {top}{folder}/{name}, which is not there."
    given = f"{folder}/{name}".removeprefix("/" if top else "")
    assert found.hint == (
        "Build it with `source`: its data files travel then. For one that is built already: "
        f'include = ["{given}"], environment = {{ my_x_datadir = "/var/task{folder}" }}'
    )


@pytest.mark.skipif(not Path(fittings.LOCALE, "LC_CTYPE").exists(), reason="this host has no C.utf8")
def test_a_room_has_the_one_locale_of_amazon_linux(task: Path) -> None:
    """Without it a Haskell program reads ASCII alone."""
    assert (fittings.LOCALE, fittings.LOCALE) in fittings.binds(platform(PLATFORM, "x86_64"), task)


def test_what_the_package_has_is_not_asked_for_again() -> None:
    zone, cert = "/usr/share/zoneinfo/Europe/Berlin", "/etc/ssl/certs/ca-certificates.crt"
    (asked,) = short_list([row(zone)])
    assert asked.hint == f'include = ["{zone}"], and environment = {{ TZDIR = "/var/task/usr/share/zoneinfo" }}.'
    found = short_list([row(zone), row(cert), row("/usr/share/x/y")], is_packed=lambda _: True)
    assert not any("include" in item.hint for item in found)
    assert found[0].hint == f'It lies at /var/task{zone}: environment = {{ TZDIR = "/var/task/usr/share/zoneinfo" }}.'
    assert f'SSL_CERT_FILE = "/var/task{cert}"' in found[1].hint


def test_encodings_are_told_once_and_not_where_they_travel() -> None:
    rows = [row(f"/usr/lib/x86_64-linux-gnu/gconv/{name}") for name in ("gconv-modules", "gconv-modules.d")]
    (asked,) = short_list(rows)
    assert asked.hint == 'libc = "bundled" brings them.'
    assert short_list([*rows, row("/var/task/lib/gconv/gconv-modules", "")]) == []


def test_a_locale_is_told_once_and_c_never() -> None:
    names = ("de_DE.UTF-8/LC_CTYPE", "de_DE.utf8/LC_CTYPE", "de/LC_CTYPE", "C.utf8/LC_CTYPE", "locale-archive")
    (asked,) = short_list([row(f"/usr/lib/locale/{name}") for name in names])
    assert "the locale de_DE.UTF-8;" in asked.message


@pytest.mark.skipif(not Path("/lib/terminfo/d/dumb").exists(), reason="this host has its terminals elsewhere")
def test_a_room_has_the_terminals_of_amazon_linux(task: Path) -> None:
    """Without one haskeline ends the program, whoever its stdin is."""
    assert "/usr/share/terminfo" in {there for _, there in fittings.binds(platform(PLATFORM, "x86_64"), task)}
