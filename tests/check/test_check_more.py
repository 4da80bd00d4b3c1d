"""`check`: the third verdict, a bare program's two, layers, --pack-to and --run."""

from __future__ import annotations

import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tasks.lib.room.room import room_problem
from tests.check.checking import document, ran, zipped
from tests.elf_fixtures import Yard
from tests.support import compiled, need

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="judges this machine's programs as x86_64")

SERVES = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
static int talk(const char *request, char *answer, int size) {
    char host[64]; int port, n, used = 0;
    sscanf(getenv("AWS_LAMBDA_RUNTIME_API"), "%63[^:]:%d", host, &port);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &to.sin_addr);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (void *)&to, sizeof to)) return -1;
    write(s, request, strlen(request));
    while (used < size - 1 && (n = read(s, answer + used, size - 1 - used)) > 0) {
        used += n; answer[used] = 0;
        char *end = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length:");
        if (end && length && used >= end + 4 - answer + atoi(length + 15)) break;
    }
    close(s);
    return used;
}
int main(void) {
    char answer[4096] = "", request[4096];
    fopen("/usr/share/gone/table.json", "r");
    fopen("out.txt", "w");
    talk("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof answer);
    char *event = strstr(answer, "\r\n\r\n") + 4, body[2048];
    snprintf(body, sizeof body, "{\"got\":%s,\"home\":%d}", event, getenv("HOME") != 0);
    snprintf(request, sizeof request,
             "POST /2018-06-01/runtime/invocation/00000000-0000-4000-8000-000000000001/response HTTP/1.1\r\n"
             "Host: x\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
    talk(request, answer, sizeof answer);
    talk("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n", answer, sizeof answer);
    return 0;
}
"""


@pytest.fixture(scope="session")
def serves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Speaks the Runtime API, opens a file that is not there, writes into its folder."""
    return compiled(SERVES, tmp_path_factory.mktemp("serves") / "serves")


def test_what_is_not_proved_has_an_exit_code_of_its_own(made: dict[str, Path], tmp_path: Path) -> None:
    script = b"#!/bin/sh\nif true; then exec ./main; fi\n"
    path = zipped(tmp_path / "a.zip", {"bootstrap": script, "main": made["good"]})
    found = document(path)
    assert (found["code"], found["starts"], found["verdict"]) == (3, False, "not proved")
    lack = found["files"][0]["unproved"][0]
    assert lack["file"] == "bootstrap"
    assert "line 2: a condition" in lack["message"]
    code, out, _ = ran(path)
    assert code == 3
    assert out.rstrip().endswith("a.zip IS NOT PROVED to start on provided.al2023 (x86_64)")


def test_the_worst_of_several_files_decides(made: dict[str, Path], tmp_path: Path) -> None:
    unread = zipped(tmp_path / "a.zip", {"bootstrap": b"#!/bin/sh\nexec some-unknown\n"})
    assert ran(made["good"], unread)[0] == 3
    assert ran(made["good"], unread, made["newer"], "--libc=runtime")[0] == 1
    assert ran(unread, tmp_path / "gone")[0] == 2


def test_a_program_is_judged_alone_and_as_packed(made: dict[str, Path]) -> None:
    found = document(made["newer"])
    one = found["files"][0]
    assert (one["verdict"], one["alone"]["verdict"], found["code"]) == ("starts", "does not start", 0)
    last = ran(made["newer"])[1].splitlines()[-1]
    assert f"when packed with its C library and other libraries ({len(one['pack'])} files in lib/)" in last
    assert last.endswith("alone, it DOES NOT START")
    assert ran(made["newer"], "--alone")[0] == 1
    assert ran(made["good"])[1].splitlines()[-1] == "good starts on provided.al2023 (x86_64)"


@pytest.mark.parametrize("kind", ["good", "newer", "static"])
def test_what_is_packed_for_others_is_judged_to_start(made: dict[str, Path], tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "out"
    code, _, err = ran(made[kind], "--pack-to", folder)
    assert code == 0
    assert "bootstrap" in err
    assert (folder / "bootstrap").read_text().count("\n") == 2
    members = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name, path in members.items():
            archive.write(path, name)
    assert ran(tmp_path / "a.zip")[0] == 0
    assert ran(made[kind], "--pack-to", folder)[0] == 0, "again, over its own"
    (folder / "mine").touch()
    assert ran(made[kind], "--pack-to", folder)[0] == 2


def test_what_lies_beside_a_program_travels_where_it_is_looked_for(tmp_path: Path) -> None:
    """gcc main.c libfoo.so -Wl,-rpath,…: by $ORIGIN it keeps its place; by a path of this machine it goes to lib/."""
    foo = compiled("int foo(void) { return 0; }", tmp_path / "libfoo.so", "-shared", "-fPIC", "-Wl,-soname,libfoo.so")
    for path, place in (("$ORIGIN", "libfoo.so"), (str(tmp_path), "lib/libfoo.so")):
        source = "int foo(void);\nint main(void) { return foo(); }"
        main = compiled(source, tmp_path / "main", "-Wl,--no-as-needed", str(foo), f"-Wl,-rpath,{path}")
        folder = tmp_path / f"out-{len(path)}"
        assert ran(main, "--libc", "bundled", "--pack-to", folder)[0] == 0
        assert (folder / place).is_file()
        assert not (folder / ("lib/libfoo.so" if place == "libfoo.so" else "libfoo.so")).exists()


def test_a_layer_brings_what_the_zip_lacks(tmp_path: Path) -> None:
    yard = Yard(tmp_path / "yard")
    yard.program("/main", ["liba.so.1"])
    package = zipped(tmp_path / "a.zip", {"bootstrap": yard.at("/main")})
    layer = zipped(tmp_path / "l.zip", {"lib/liba.so.1": yard.lib("/liba.so.1")})
    assert ran(package)[0] == 1
    found = document(package, "--layer", layer)
    assert found["code"] == 0
    assert "/opt/lib/liba.so.1" in {item["name"] for item in found["files"][0]["objects"]}


def test_many_members_cost_no_more_than_their_number(made: dict[str, Path], tmp_path: Path) -> None:
    """66,000 took 42 s when each name was looked for in all of them; the bound is two orders of magnitude above."""
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o100755 << 16
        archive.writestr(info, made["good"].read_bytes())
        for number in range(20_000):
            archive.writestr(f"data/{number % 100}/{number}", b"")
    assert ran(path)[0] == 0


def test_an_event_goes_through_a_zip_in_the_room(serves: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"bootstrap": serves})
    event = tmp_path / "event.json"
    event.write_text('{"a": 1}')
    found = document(path, "--run", f"@{event}")["files"][0]
    told = found["run"]
    assert json.loads(told["answer"]) == {"got": {"a": 1}, "home": 0}
    assert told["answered"]
    assert told["recorded"], told["room"]
    asked = {item["path"]: item for item in told["asked"]}
    assert asked["/usr/share/gone/table.json"]["hint"] == 'include = ["/usr/share/gone/table.json"]'
    assert asked["/usr/share/gone/table.json"]["by"] == "bootstrap"
    if not room_problem():
        assert "read-only on Lambda" in asked["/var/task/out.txt"]["message"]
        assert set(asked) == {"/usr/share/gone/table.json", "/var/task/out.txt"}


def test_a_quiet_program_asks_for_nothing(made: dict[str, Path]) -> None:
    for kind in ("good", "static"):
        told = document(made[kind], "--run", "{}")["files"][0]["run"]
        assert (told["asked"], told["status"]) == ([], 0), told


def test_a_run_that_fails_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text('#include <stdio.h>\nint main(void) { fputs("why", stderr); return 7; }')
    subprocess.run([need("gcc"), "-o", tmp_path / "a", tmp_path / "a.c"], check=True)
    code, out, _ = ran(tmp_path / "a", "--run", "{}")
    assert code == 1
    assert "run      ended with exit code 7" in out
    assert "stderr   why" in out
    assert out.splitlines()[-1].endswith("; the run FAILED")
    assert ran(tmp_path / "a", "--run", "no JSON")[0] == 2
