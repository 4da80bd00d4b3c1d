"""What a bootstrap starts in the end: scripts, interpreters, loaders, layers. Each verdict as Lambda would have it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.lib.base.files import as_json
from tasks.lib.gate import judge
from tasks.lib.gate.expansion import UNKNOWN, Variables
from tasks.lib.gate.lambda_root import NO_LAYERS, Contents, Layers
from tasks.lib.gate.shell import UnreadError, commands
from tasks.lib.gate.verdict import Outcome, Verdict
from tasks.lib.platform.runtimes import platform
from tasks.lib.sysroot.member import Member
from tests.support import need

STARTS, FAILS, UNPROVED = Outcome.STARTS, Outcome.FAILS, Outcome.UNPROVED


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """gcc -static -o a a.c."""
    folder = tmp_path_factory.mktemp("launch")
    (folder / "a.c").write_text("int main(void) { return 0; }")
    subprocess.run([need("gcc"), "-static", "-o", folder / "a", folder / "a.c"], check=True)
    return (folder / "a").read_bytes()


def judged(text: str | bytes, layers: Layers = NO_LAYERS, handler: str = "", **members: bytes) -> Verdict:
    content = text.encode() if isinstance(text, str) else text
    files = {"bootstrap": Member.of(content, 0o755)}
    files |= {name.replace("__", "/").replace("_so", ".so"): Member.of(data, 0o755) for name, data in members.items()}
    return judge.foreign(Contents(files), platform("provided.al2023", "x86_64"), layers=layers, handler=handler)


SCRIPTS = {
    "exec ./main": STARTS,
    'set -euo pipefail\nexec $LAMBDA_TASK_ROOT/main "$@"': STARTS,
    'cd "$LAMBDA_TASK_ROOT"\n./main "$_HANDLER"': STARTS,
    'cd "$(dirname "$0")" && exec ./main': STARTS,
    'D=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)\nexec "$D/main"': STARTS,
    'exec "${0%/*}/main"': STARTS,
    "export A=1 LANG=C.UTF-8 # why\nunset B\numask 022\nexec ./main >/dev/null 2>&1": STARTS,
    'P=main; exec "./${P}"': STARTS,
    'exec "${LAMBDA_TASK_ROOT:-/var/task}"/main': STARTS,
    "exec -a name ./main": STARTS,
    "exec env -u A B=1 ./main": STARTS,
    "exec nice -n 5 ./main": STARTS,
    "PATH=$PATH:$LAMBDA_TASK_ROOT\nexport PATH\nexec main": STARTS,
    "cd /nowhere || exit 1\nexec /var/task/main": FAILS,  # it exits
    "exit 3": FAILS,
    "umask 022; export A=1\nexit 3": FAILS,
    "./main\nexit 3": UNPROVED,
    "./main || exit 3": STARTS,
    "./main\nexit $?": STARTS,
    "set -u\n./main\nexit $?": STARTS,
    "trap 'exit 3' EXIT\n./main": UNPROVED,
    "trap 'exit 3' EXIT\nexec ./main": STARTS,
    "trap 'exit 3' TERM INT\n./main": STARTS,
    "trap 'exit 3' DEBUG\nexec ./main": UNPROVED,
    "set -e\ncd /usr/share\nexec /var/task/main": UNPROVED,
    "cd /usr/share\nexec /var/task/main": STARTS,
    "exec ./main\nan 'unfinished line": STARTS,
    "exec -- ./main": STARTS,
    "exec -x ./main": UNPROVED,
    "exec ./main ${NAME:?is not set}": UNPROVED,
    "exec ./main $((2 + 3))": STARTS,
    "exec ./main >&9": UNPROVED,
    "exec ./main 2>&1": STARTS,
    "set -r\nexec ./main": UNPROVED,
    "set -Eeuo pipefail\nexec ./main": STARTS,
    "cd /nowhere || exec /var/task/main": STARTS,
    "set -e\n./gone || true\nexec /var/task/main": STARTS,
    "A=/var/task/\nA+=main\nexec $A": STARTS,
    "exec sh -c 'exec ./main'": STARTS,
    "exec \\\n  ./main \\\n  --option": STARTS,
    "exec ./gone": FAILS,
    "exec /usr/local/bin/main": FAILS,
    "set -e\ncd sub/folder\nexec ./main": FAILS,
    "exec python3 main.py": FAILS,
    "exec ./$WHATEVER": UNPROVED,
    "exec ./$_HANDLER": UNPROVED,
    "if true; then exec ./main; fi": UNPROVED,
    "while true; do ./main; done": UNPROVED,
    ". ./settings\nexec ./main": UNPROVED,
    "./main | tee /tmp/log": UNPROVED,
    "exec some-unknown-program": UNPROVED,
    "exec /opt/bin/main": UNPROVED,
    "echo hello": UNPROVED,
    "exit": UNPROVED,
    "exec sleep 1": UNPROVED,
    'echo "no end': UNPROVED,
    "f() { ./main; }\nf": UNPROVED,
    "LD_LIBRARY_PATH=$ELSEWHERE exec ./main": UNPROVED,
}  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_read_down_to_its_program(program: bytes, script: str) -> None:
    found = judged(f"#!/bin/sh\n{script}\n", main=program)
    assert found.verdict is SCRIPTS[script], (found.problems, found.unproved)
    if found.starts:
        assert [item.name for item in found.objects if item.role == "program"] == ["main"]
    if found.verdict is UNPROVED:
        assert all(lack.message and lack.hint for lack in found.unproved)


INTERPRETERS = {
    b"#!/bin/sh\nexec ./main\n": STARTS,
    b"#! /bin/bash -e\nexec ./main\n": STARTS,
    b"#!/usr/bin/env bash\nexec ./main\n": STARTS,
    b"#!/usr/bin/env -S bash -e\nexec ./main\n": STARTS,
    b"#!/var/task/main\nanything\n": UNPROVED,  # the program starts; what it reads is its own
    b"#!main\nanything\n": UNPROVED,
    b"#!/bin/sh\r\nexec ./main\r\n": FAILS,
    b"#!/usr/bin/env ruby\n": FAILS,
    b"#!/usr/bin/python3\n": FAILS,
    b"#!/nowhere/sh\nexec ./main\n": FAILS,
    b"#!\nexec ./main\n": FAILS,
    b"exec ./main\n": FAILS,
    b"": FAILS,
    b"#!/usr/bin/some-unknown\n": UNPROVED,
    b"#!/opt/bin/php\n": UNPROVED,
}


@pytest.mark.parametrize("content", INTERPRETERS)
def test_the_first_line_is_read_as_the_kernel_reads_it(program: bytes, content: bytes) -> None:
    found = judged(content, main=program)
    assert found.verdict is INTERPRETERS[content], (found.problems, found.unproved)


def test_a_script_behind_a_script(program: bytes) -> None:
    inner = b"#!/bin/bash\nexec ./main\n"
    assert judged("#!/bin/sh\nexec ./inner\n", inner=inner, main=program).starts
    assert judged("#!/bin/sh\nexec bash inner\n", inner=inner, main=program).starts
    assert judged("#!/bin/sh\nexec ./inner\n", inner=b"#!/bin/sh\nexec ./inner\n").verdict is not STARTS


def test_the_handler_can_be_named(program: bytes) -> None:
    assert judged("#!/bin/sh\nexec ./$_HANDLER\n", handler="main", main=program).starts
    assert judged("#!/bin/sh\nexec ./$_HANDLER\n", handler="other", main=program).verdict is FAILS


def test_a_layer_is_merged_below_opt(program: bytes) -> None:
    layer = Layers(Contents({"bin/main": Member.of(program, 0o755)}))
    assert judged("#!/bin/sh\nexec /opt/bin/main\n", layer).starts
    assert judged("#!/bin/sh\nexec main\n", layer).starts, "PATH has /opt/bin"
    assert judged("#!/bin/sh\nexec /opt/bin/other\n", layer).verdict is FAILS
    provides = Contents({"bootstrap": Member.of(program, 0o755)})
    where = platform("provided.al2023", "x86_64")
    assert judge.foreign(Contents({}), where, layers=Layers(provides)).starts


def test_a_folder_that_cannot_be_entered_hides_what_is_in_it(program: bytes) -> None:
    files = {"bootstrap": Member.of(b"#!/bin/sh\nexec bin/main\n", 0o755), "bin/main": Member.of(program, 0o755)}
    where = platform("provided.al2023", "x86_64")
    assert judge.foreign(Contents(files), where).starts
    assert judge.foreign(Contents(files, {"bin": 0o700}), where).verdict is FAILS
    assert judge.foreign(Contents(files, {"bin": 0o711}), where).starts


def test_links_lead_anywhere_in_the_root(program: bytes) -> None:
    where = platform("provided.al2023", "x86_64")
    files = {"real": Member.of(program, 0o755)}
    for links, verdict in (
        ({"bootstrap": "real"}, STARTS),
        ({"bootstrap": "a", "a": "/var/task/b", "b": "./c/../real", "c": "/tmp"}, FAILS),
        ({"bootstrap": "a", "a": "/var/task/b", "b": "real"}, STARTS),
        ({"bootstrap": "bootstrap"}, FAILS),
        ({"bootstrap": "../../etc/gone"}, FAILS),
    ):
        assert judge.foreign(Contents(files, {}, links), where).verdict is verdict, links


def test_zip_the_content_not_the_folder(program: bytes) -> None:
    where = platform("provided.al2023", "x86_64")
    found = judge.foreign(Contents({"build/bootstrap": Member.of(program, 0o755)}), where)
    assert "Zip the content of build/, not the folder" in found.problems[0].hint


def test_what_lies_beside_is_noted(program: bytes) -> None:
    foreign = bytearray(program)
    foreign[18:20] = (183).to_bytes(2, "little")  # EM_AARCH64
    found = judged(program, tools__other=bytes(foreign))
    assert found.starts
    assert "tools/other" in {note.file for note in found.notes}


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("$A", ["x", "y"]), ('"$A"', ["x y"]), ("'$A'", ["$A"]), ("a$A", ["ax", "y"]), ("$NONE", [UNKNOWN]),
        ("${A:-z}", ["x", "y"]), ("${E:-z}", ["z"]), ("${E-z}", []), ("${A:+z}", ["z"]), ("${P%/*}", ["/a/b"]),
        ("${P##*/}", ["c.tar.gz"]), ("${P%.*}", ["/a/b/c.tar"]), ("${P%%.*}", ["/a/b/c"]),
        ("${P#*/}", ["a/b/c.tar.gz"]),
        ('"$@"', ["one", "two three"]), ("$1", ["one"]), ("$(pwd)", ["/var/task"]), ("`pwd`", ["/var/task"]),
        ("$(date)", [UNKNOWN]), ("$((1+1))", [UNKNOWN]), ("a\\ b", ["a b"]), ("$", ["$"]), ('""', [""]),
    ],
)  # fmt: skip
def test_words_expand_as_in_a_shell(word: str, fields: list[str]) -> None:
    values = {"A": "x y", "E": "", "P": "/a/b/c.tar.gz"}
    shell = Variables.of(values, "/var/task", ("/var/task/bootstrap", "one", "two three"))
    assert shell.expand(word) == fields


@pytest.mark.parametrize(
    "text",
    ["$(", "${", "'", '"', "`", "a <<E\nE\n", "(a)", "a &", "[[ a ]]", "a &&", "|| a", "; a", "a >", "a >; b", "a >&-"],
)
def test_what_is_beyond_the_reader_is_said_with_its_line(text: str) -> None:
    with pytest.raises(UnreadError, match="line 2"):
        list(commands(f"true\n{text}"))


def test_of_a_broken_line_nothing_is_done() -> None:
    for text, expected in (
        ("a\nb; exec c &&\n", [("a",)]),
        ("a; b | c\n", [("a",)]),
        ("a &&\n\nb; > f; c >> g 2>&1\n", [("a",), ("b",), ("c",)]),
    ):
        read = iter(commands(text))
        assert [next(read).words for _ in expected] == expected


PIECES = st.sampled_from([
    "exec ", "cd ", "set -e", "export A=", "unset ", "$", "${", "}", "$(", ")", "`", '"', "'", "\\", "\n", ";",
    "&&", "||", "|", "&", ">", "<", "2>&1", "#", "~", "*", "main", "./main", "/opt/x", "sh -c ", "env -S ", "env ",
    "-u", "--", "A", "$A", "${A:-", "${A%", "$0", '"$@"', "lib/ld-linux-x86-64.so.2 --library-path ", "\x00", "\xff",
    " ", "bootstrap", "sh ", "nice ", "\ue000", "=", "[", "if", "shift", "command ", "exit", "declare -x ", "${#A}",
    "$((1))", "ö",
])  # fmt: skip
FIRST = st.sampled_from(["#!/bin/sh\n", "#!/usr/bin/env ", "#!", "#!/var/task/main "])


@given(st.lists(PIECES, max_size=12).map("".join), FIRST)
@settings(max_examples=300)
def test_any_script_has_a_verdict(text: str, first: str) -> None:
    content = (first + text).encode("utf-8", "surrogateescape")
    found = judged(content, main=b"#!/bin/sh\nexec ./bootstrap\n")
    assert found.verdict is not STARTS, "there is no program in it"
    assert as_json(found)


def test_our_own_zip_tells_its_program(tmp_path: Path) -> None:
    from tasks.lib import shim
    from tests.support import ROOT

    target = tmp_path / "bootstrap"
    shim.bootstrap(ROOT / "shim", shim.ShimSettings("my prog"), target, shim.compilers("x86_64"))
    where = platform("provided.al2023", "x86_64")
    files = {"bootstrap": Member.of(target.read_bytes(), 0o755)}
    found = judge.foreign(Contents(files), where)
    assert found.problems[0].message == "There is no my prog in the package."
    found = judge.foreign(Contents(files | {"my prog": Member.of(target.read_bytes(), 0o755)}), where)
    assert {item.name: str(item.role) for item in found.objects} == {"bootstrap": "bootstrap", "my prog": "program"}
