"""One byte changed in headers and tables of programs and a library, each started for real and held against the verdict.

Whether another address within the code, or another value of a relocation, still ends well is beyond any reading of the
tables: a false "starts" of that kind is counted, and must stay a small share. Some are tried here; more of them by

    GATE_MUTATIONS=3600 GATE_SEED=77 .venv/bin/pytest -s tests/gate/test_mutations.py
"""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.lib.gate import judge
from tasks.lib.gate.lambda_root import Contents
from tasks.lib.gate.verdict import Outcome, Verdict
from tasks.lib.platform.runtimes import Platform
from tasks.lib.sysroot.member import Member
from tests.gate.mutations import CHANGED, LIBRARY, USER, Mutation, content, mutations, pair
from tests.gate.test_zips_for_real import _symbols, compile_for_old
from tests.libs.test_bundle import FOLDER, platform_of
from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture

pytestmark = pytest.mark.slow
COUNT = int(os.environ.get("GATE_MUTATIONS", "80"))
SEED = int(os.environ.get("GATE_SEED", "19"))
STACK = struct.pack("<I", 0x6474E551)  # PT_GNU_STACK
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LD_LIBRARY_PATH": f"{FOLDER}:/var/task:/var/task/lib:/opt/lib",
}


def put(root: Path, bootstrap: bytes, library: bytes | None) -> None:
    """Into /var/task, by rename: a file that still runs cannot be written to."""
    shutil.rmtree(root / "var/task/lib", ignore_errors=True)
    for name, file in (("bootstrap", bootstrap), (f"lib/{LIBRARY}", library)):
        if file is not None:
            place = root / "var/task" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            new = place.with_suffix(".new")
            new.write_bytes(file)
            new.chmod(0o755)
            new.replace(place)


def started(root: Path) -> tuple[bool, str]:
    """Whether it prints what it should, and what was said; as Lambda's user, with five seconds of processor."""

    def enter() -> None:
        os.chroot(root)
        os.chdir("/var/task")
        os.setgroups([])
        os.setgid(990)
        os.setuid(993)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (5, 5))

    try:
        done = subprocess.run(
            ["/var/task/bootstrap"],
            env=ENVIRONMENT,
            preexec_fn=enter,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, str(error)
    return done.returncode == 0 and done.stdout == b"ok\n", f"{done.returncode} {done.stderr[-150:]!r}"


def judged(bootstrap: bytes, library: bytes | None, where: Platform) -> Verdict:
    members = {"bootstrap": Member.of(bootstrap, 0o755)}
    if library is not None:
        members[f"lib/{LIBRARY}"] = Member.of(library, 0o755)
    return judge.foreign(Contents(members), where)


def outcome(found: Verdict, *, truth: bool, said: str) -> str:
    """How the verdict stands to what happened."""
    if found.verdict is Outcome.UNPROVED:
        return f"not proved, {'starts' if truth else 'fails'}"
    if found.starts and "symbol lookup error" in said and any(note.kind == "symbol" for note in found.notes):
        return "agrees"  # it started, and called what it was noted to lack
    if found.starts is truth:
        return "agrees"
    return "false start" if found.starts else "false refusal"


def told(change: Mutation, found: Verdict, said: str) -> str:
    """A line for whoever looks into it."""
    problems = [problem.message for problem in found.problems]
    return f"{change.file}, {change.region}+{change.at}: {change.old} is {change.new}; {said}; {problems}"


@pytest.mark.timeout(0 if COUNT > 200 else 420)  # pyproject's, but for minutes of work
def test_a_changed_byte_is_rarely_judged_falsely(root: Path, tmp_path: Path) -> None:
    where = platform_of(root)
    where = replace(where, symbols=dict(_symbols(root, where.libraries)))
    files = content(tmp_path)
    shutil.rmtree(root / "var/task", ignore_errors=True)
    for name, user in CHANGED:
        whole = pair(files, name, user, files[name])
        put(root, *whole)
        assert (judged(*whole, where).starts, started(root)[0]) == (True, True), name
    tally, wrong = Counter[str](), []
    for change in mutations(files, COUNT, SEED):
        put(root, change.bootstrap, change.library)
        truth, said = started(root)
        found = judged(change.bootstrap, change.library, where)
        kind = outcome(found, truth=truth, said=said)
        tally[kind] += 1
        if kind.startswith("false"):
            wrong.append(f"{kind}: {told(change, found, said)}")
    print(*wrong, f"{tally.total()} started: {dict(tally)}", sep="\n")
    assert tally["false start"] <= 4 + tally.total() * 2 // 100, wrong
    assert tally["false refusal"] <= 1 + tally.total() // 200, wrong
    assert tally["agrees"] >= tally.total() // 5, "most of what is left is not proved, but not all"


@pytest.mark.parametrize("now", ["lazy", "now"])
def test_a_variable_that_the_library_no_longer_has(root: Path, tmp_path: Path, now: str) -> None:
    """gcc -no-pie copies it at the start, whatever else is bound later; the program's room for it defines nothing."""
    files = content(tmp_path)
    source = USER.replace("foo(1) != 2 || ", "")
    user = compile_for_old(tmp_path, "copies", source, LIBRARY, "-no-pie", f"-Wl,-z,{now}").read_bytes()
    subprocess.run(["gcc", "-shared", "-nostdlib", f"-Wl,-soname,{LIBRARY}", "-o", "other", "-xc", "-"],
                   input=b"int foo(int a) { return a; }", cwd=tmp_path, check=True)  # fmt: skip
    where = platform_of(root)
    where = replace(where, symbols=dict(_symbols(root, where.libraries)))
    for library, starts in ((files[LIBRARY], True), ((tmp_path / "other").read_bytes(), False)):
        put(root, user, library)
        found = judged(user, library, where)
        assert (found.starts, started(root)[0]) == (starts, starts)
        assert [problem.symbol for problem in found.problems] == ([] if starts else ["bar"])


def test_what_only_other_readers_look_at_refuses_nothing(root: Path, tmp_path: Path) -> None:
    """The kernel reads no byte order, the loader no interpreter of a library, and p_align as a mask."""
    files = content(tmp_path)
    headers = struct.unpack_from("<Q", files[LIBRARY], 32)[0]
    number = struct.unpack_from("<H", files[LIBRARY], 56)[0]
    stack = next(at for at in range(headers, headers + 56 * number, 56) if files[LIBRARY][at : at + 4] == STACK)
    load = max(at for at in range(headers, headers + 56 * number, 56) if files[LIBRARY][at : at + 4] == b"\1\0\0\0")
    where = platform_of(root)
    where = replace(where, symbols=dict(_symbols(root, where.libraries)))
    for name, at, byte in (("static", 5, 2), (LIBRARY, stack, 3), (LIBRARY, load + 51, 32)):
        changed = bytearray(files[name])
        changed[at : at + 4] = bytes([byte, 0, 0, 0]) if at == stack else bytes([byte]) + files[name][at + 1 : at + 4]
        whole = pair(files, name, "user" if name == LIBRARY else "", bytes(changed))
        put(root, *whole)
        assert started(root)[0], (name, at)
        assert judged(*whole, where).verdict is Outcome.UNPROVED, (name, at)
