"""A local Lambda is no kinder than Lambda: what a function finds in its room, served by either way and either shim."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.local import credentials
from tasks.lib.local.emulator import Emulated
from tasks.lib.room.room import room_problem
from tests.local.locally import PER_EVENT, locally, make_zip, names
from tests.local.test_emulator import CACHE, package, silent
from tests.room.test_room import FORBID
from tests.shim.shims import Way
from tests.support import ROOT, compiled, lacking

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="runs this machine's programs as x86_64")
LOOKS = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int written(const char *path) { return open(path, O_CREAT | O_WRONLY | O_APPEND, 0600) >= 0; }
static int there(const char *path) { return access(path, F_OK) == 0; }
static int on_path(const char *name) {
    char found[4096], *path = strdup(getenv("PATH"));
    for (char *folder = strtok(path, ":"); folder; folder = strtok(0, ":")) {
        snprintf(found, sizeof found, "%s/%s", folder, name);
        if (access(found, X_OK) == 0) return 1;
    }
    return 0;
}
int main(int c, char **v) {
    char event[65536];
    event[fread(event, 1, sizeof event - 1, stdin)] = 0;
    if (strstr(event, "fill")) { size_t n = 300 << 20; char *p = malloc(n); memset(p, 1, n); sleep(5); }
    if (strstr(event, "sleep")) sleep(30);
    char *mine = getenv("MINE");
    printf("{\"task\": %d, \"root\": %d, \"tmp\": %d, \"home\": %d, \"profile\": %d, \"user\": %d, \"etc\": %d, "
           "\"fonts\": %d, \"zones\": %d, \"bundle\": %d, \"gcc\": %d, \"sh\": %d, \"mine\": %d, \"warm\": %d, "
           "\"layer\": %d, \"argv0\": \"%s\"}",
           written("x"), written("/x"), written("/tmp/x"), getenv("HOME") != 0, getenv("AWS_PROFILE") != 0,
           getuid(), there("/etc/fstab") || there("/etc/debian_version"), there("/usr/share/fonts"),
           there("/usr/share/zoneinfo"), there("/etc/ssl/certs/ca-certificates.crt"), on_path("gcc"), on_path("sh"),
           mine && there(mine), there("/tmp/warm"), there("/opt/data/x"), getenv("LAMBDA_TASK_ROOT"));
    written("/tmp/warm");
    return 0;
}
"""
LAMBDA = {
    "task": 0, "root": 0, "tmp": 1, "home": 0, "profile": 0, "user": 993, "etc": 0, "fonts": 0, "zones": 0,
    "bundle": 0, "gcc": 0, "sh": 1, "mine": 0, "layer": 0, "argv0": "/var/task",
}  # fmt: skip


@pytest.fixture(scope="session")
def looks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tells what it finds."""
    return compiled(LOOKS, tmp_path_factory.mktemp("looks") / "looks")


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> None:
    if room_problem():
        lacking(room_problem())
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")


def answer(way: Way, folder: Path, program: Path, event: str = "{}", **more: Any) -> dict[str, Any]:
    one = package(way, folder, program, timeout_s=5, **more)
    with Emulated(one, CACHE, silent) as running:
        found: dict[str, Any] = json.loads(running.invoke(event.encode()).payload)
    return found


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("way", PER_EVENT, ids=str)
def test_one_event_meets_what_lambda_has(way: Way, looks: Path, tmp_path: Path) -> None:
    found = answer(way, tmp_path, looks, environment={"MINE": str(tmp_path)})
    assert found.pop("warm") == 0
    assert found == LAMBDA


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("way", PER_EVENT, ids=str)
def test_events_that_are_served_meet_what_lambda_has(way: Way, looks: Path, tmp_path: Path) -> None:
    archive = make_zip(way, tmp_path, looks)
    one = {"name": "fn", "zip": str(archive), "environment": {"MINE": str(tmp_path)}, "timeout_s": 5, **names(way)}
    with locally(tmp_path, [one], concurrency=1) as local:
        first, second = local.invoke("fn").json(), local.invoke("fn").json()
        assert (first.pop("warm"), second.pop("warm")) == (0, 1), "/tmp lives as long as its sandbox"
        assert (first, second) == (LAMBDA, LAMBDA)
        if way.shim != "node":
            assert local.invoke("fn", b'"fill"').json()["errorType"] == "Runtime.OutOfMemory"
            assert local.invoke("fn").json()["warm"] == 0, "a new sandbox has a /tmp of its own"
        assert local.invoke("fn", b'"sleep"').json()["errorType"] == "Function.Timeout"
        assert "room:" not in local.log


@pytest.mark.usefixtures("room")
def test_memory_is_bounded_under_the_emulator(looks: Path, tmp_path: Path) -> None:
    assert answer(PER_EVENT[0], tmp_path, looks, '"fill"')["errorType"] == "Runtime.OutOfMemory"


@pytest.mark.usefixtures("room")
def test_without_a_room_it_is_as_kind_as_this_machine(looks: Path, tmp_path: Path) -> None:
    found = answer(PER_EVENT[0], tmp_path, looks, environment={"MINE": str(tmp_path)}, room=False)
    assert (found["task"], found["home"], found["gcc"], found["mine"]) == (1, 1, 1, 1)


def test_where_namespaces_are_forbidden_it_says_so_once_and_goes_on(looks: Path, tmp_path: Path) -> None:
    one = package(PER_EVENT[0], tmp_path, looks)
    code = f"""
import sys
from pathlib import Path
from tasks.lib.local.emulator import Emulated
from tasks.lib.local.function import Package
package = Package("fn", Path({str(one.zip)!r}), "provided.al2023", "bootstrap", timeout_s=5)
for _ in range(2):
    with Emulated(package, Path("build/.cache"), lambda line: print(line, file=sys.stderr)) as running:
        print(running.invoke(b"1").payload.decode())
"""
    script = FORBID.replace('"-m", "tasks.lib.check", *sys.argv[2:]', '"-c", sys.argv[2]')
    words = [sys.executable, "-c", script, str(ROOT), code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert [json.loads(line)["task"] for line in done.stdout.splitlines()] == [1, 1], done.stderr
    assert done.stderr.count("room: none here (namespaces are forbidden: unshare: Operation not permitted)") == 1
    assert "plain folders" in done.stderr


def test_a_function_in_a_room_gets_keys_and_no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text("[mine]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = s\n")
    (tmp_path / "config").write_text("[profile mine]\nregion = eu-north-1\n")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    credentials._session.cache_clear()
    try:
        found = credentials.variables_to_keep()
    finally:
        credentials._session.cache_clear()
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s"}
    assert found == keys | {"AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-north-1"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    assert credentials.variables_to_keep() == {"AWS_ACCESS_KEY_ID": "other"}, "variables come before files"
