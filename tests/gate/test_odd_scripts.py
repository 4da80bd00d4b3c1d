"""More odd bootstraps, by their scripts and interpreters, held against what happens in an older root.

As test_hostile_zips.py: no false "starts" and no false "does not start"; what is "not proved" is named here. A sample
in each run, all with GATE_ZIPS=all.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tasks.lib.platform.runtimes import Platform
from tests.gate.real_cases import ALL, LOADER
from tests.gate.test_hostile_zips import Shape, both, built, folder, held_against_reality, link, script, text, with_libc
from tests.gate.test_hostile_zips import parts as parts  # noqa: PLC0414 - the fixtures
from tests.gate.test_hostile_zips import where as where  # noqa: PLC0414
from tests.libs.test_bundle import root as root  # noqa: PLC0414

pytestmark = pytest.mark.slow
SCRIPTS = {
    "rel #! sh": "#!../../bin/sh\nexec ./bin/prog\n",
    "rel #! sh dot": "#! ./../../bin/sh -e\nexec ./bin/prog\n",
    "exit 3": "#!/bin/sh\nexit 3\n",
    "prog; exit 3": "#!/bin/sh\n./bin/prog\nexit 3\n",
    "prog; exit $?": "#!/bin/sh\n./bin/prog\nexit $?\n",
    "prog; exit": "#!/bin/sh\n./bin/prog\nexit\n",
    "prog; exit 0": "#!/bin/sh\n./bin/prog\nexit 0\n",
    "prog || exit 3": "#!/bin/sh\n./bin/prog || exit 3\n",
    "prog && exit 3": "#!/bin/sh\n./bin/prog && exit 3\n",
    "prog >/dev/null; no exec": "#!/bin/sh\n./bin/prog\necho done >/dev/null\n",
    "prog; gone": "#!/bin/sh\n./bin/prog\n./gone\n",
    "prog; return 3": "#!/bin/bash\n./bin/prog\nreturn 3\n",
    "exec sh -c exit": "#!/bin/sh\nexec sh -c './bin/prog; exit 3'\n",
    "trap": "#!/bin/sh\ntrap 'exit 3' EXIT\n./bin/prog\n",
    "trap exec": "#!/bin/sh\ntrap 'exec ./bin/prog' EXIT\n",
    "trap exec2": "#!/bin/sh\ntrap 'echo x' EXIT\nexec ./bin/prog\n",
    "trap term": "#!/bin/sh\ntrap 'exit 3' TERM\n./bin/prog\n",
    "cd x; prog": "#!/bin/sh\ncd /tmp\n/var/task/bin/prog\n",
    "two progs": "#!/bin/sh\n./bin/static > /dev/null\n./bin/prog\n",
    "-e prog exit 3": "#!/bin/sh -e\n./bin/prog\nexit 3\n",
    "kill self": "#!/bin/sh\n./bin/prog\nkill -9 $$\n",
    "exec -a env": "#!/bin/bash\nexec -a x env LD_LIBRARY_PATH=lib ./bin/needs\n",
    "exec -l": "#!/bin/bash\nexec -l ./bin/prog\n",
    "exec -ca": "#!/bin/bash\nexec -ca n ./bin/needs\n",
    "exec -- ": "#!/bin/bash\nexec -- ./bin/prog\n",
    "exec -x": "#!/bin/bash\nexec -x ./bin/prog\n",
    "sh exec -a": "#!/bin/sh\nexec -a x ./bin/prog\n",
    "env -i PATH": "#!/bin/sh\nexec env -i PATH=/var/task/bin prog\n",
    "env -i no PATH": "#!/bin/sh\nexec env -i prog\n",
    "env PATH= own": "#!/bin/sh\nexec env PATH=/var/task/bin prog\n",
    "env -iu": "#!/bin/sh\nexec env -iu X ./bin/needs\n",
    "env -vS": "#!/usr/bin/env -vS ./bin/prog\n",
    "env -S quoted": "#!/usr/bin/env -S sh -c 'exec ./bin/prog'\n",
    "env -S assign": "#!/usr/bin/env -S LD_LIBRARY_PATH=/nowhere sh -c './bin/needs'\n",
    "LDLP= exec": "#!/bin/sh\nLD_LIBRARY_PATH=/var/task/lib exec ./bin/needs\n",
    "LDLP= exec nowhere": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere exec ./bin/needs\n",
    "LDLP= call": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere ./bin/needs\n",
    "LDLP= then call": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere true\n./bin/needs\n",
    "LDLP special builtin": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere :\n./bin/needs\n",
    "LDLP special builtin export": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere export A=1\n./bin/needs\n",
    "bash special builtin": "#!/bin/bash\nLD_LIBRARY_PATH=/nowhere :\n./bin/needs\n",
    "LDLP exec redir": "#!/bin/sh\nLD_LIBRARY_PATH=/nowhere exec 2>&1\n./bin/needs\n",
    "heredoc to prog": "#!/bin/sh\nexec ./bin/prog <<E\nx\nE\n",
    "herestring": "#!/bin/bash\nexec ./bin/prog <<< x\n",
    "function keyword": "#!/bin/bash\nfunction f { exec ./bin/prog; }\nf\n",
    "function overrides": "#!/bin/sh\nexec() { :; }\nexec ./bin/prog\n",
    "alias": "#!/bin/bash\nshopt -s expand_aliases\nalias x='exec ./bin/prog'\nx\n",
    "unset then exec": "#!/bin/sh\nunset PATH\nexec ./bin/prog\n",
    "unset PATH sh": "#!/bin/sh\nunset PATH\nsh -c 'exec ./bin/prog'\n",
    "case handler": "#!/bin/sh\ncase $_HANDLER in a) exec ./bin/prog;; *) exec ./bin/static;; esac\n",
    "if x": "#!/bin/sh\nif [ -f bin/prog ]; then\n exec ./bin/prog\nfi\n",
    "trap '' EXIT": "#!/bin/sh\ntrap '' EXIT\n./bin/prog\n",
    "trap - EXIT": "#!/bin/sh\ntrap - EXIT\n./bin/prog\n",
    "trap 0": "#!/bin/sh\ntrap 'exit 4' 0\n./bin/prog\n",
    "trap DEBUG": "#!/bin/bash\ntrap 'exit 4' DEBUG\n./bin/prog\n",
    "trap ERR": "#!/bin/bash\ntrap 'exit 4' ERR\n./bin/prog\n",
    "trap INT": "#!/bin/bash\ntrap 'exit 4' INT TERM\n./bin/prog\n",
    "trap exec after": "#!/bin/bash\ntrap 'exit 4' EXIT\nexec ./bin/prog\n",
    "subst in arg": '#!/bin/sh\nexec ./bin/prog "$(date)" `uname`\n',
    "arith": "#!/bin/sh\nexec ./bin/prog $((1+1))\n",
    "arith err": "#!/bin/sh\nexec ./bin/prog $((1+))\n",
    "bad subst": "#!/bin/sh\nexec ./bin/prog ${}\n",
    "bad subst 2": "#!/bin/sh\nexec ./bin/prog ${A!}\n",
    "req var": "#!/bin/sh\nexec ./bin/prog ${NEVER:?not set}\n",
    "req var set": "#!/bin/sh\nexec ./bin/prog ${LAMBDA_TASK_ROOT:?not set}\n",
    "req var empty": "#!/bin/sh\nA=\nexec ./bin/prog ${A:?not set}\n",
    "unterminated quote": "#!/bin/sh\nexec ./bin/prog 'x\n",
    "unterminated later": "#!/bin/sh\nexec ./bin/prog\necho 'x\n",
    "paren later": "#!/bin/sh\nexec ./bin/prog\n)\n",
    "bad line first bash": "#!/bin/bash\n)\nexec ./bin/prog\n",
    "semicolon semicolon": "#!/bin/sh\nexec ./bin/prog ;;\n",
    "pipe exec": "#!/bin/sh\nexec ./bin/prog | cat\n",
    "not": "#!/bin/sh\n! ./bin/gone\nexec ./bin/prog\n",
    "redirect in of dir": "#!/bin/sh\nexec ./bin/prog < /var/task\n",
    "redirect gone folder": "#!/bin/sh\nexec ./bin/prog > /tmp/a/b/c\n",
    "redirect tmp": "#!/bin/sh\nexec ./bin/prog 2> /tmp/err\n",
    "close stdout": "#!/bin/sh\nexec ./bin/prog >&-\n",
    "redirect fd 9": "#!/bin/sh\nexec ./bin/prog >&9\n",
    "set -- -f": '#!/bin/sh\nset -f\nset -- ./bin/prog\nexec "$1"\n',
    "set -x": "#!/bin/sh\nset -x\nexec ./bin/prog\n",
    "set -v": "#!/bin/sh -v\nexec ./bin/prog\n",
    "set -Eeuo pipefail": "#!/bin/bash\nset -Eeuo pipefail\nexec ./bin/prog\n",
    "set -o posix": "#!/bin/bash\nset -o posix\nexec ./bin/prog\n",
    "set -o bogus": "#!/bin/bash\nset -o bogus\nexec ./bin/prog\n",
    "set -Z": "#!/bin/sh\nset -Z\nexec ./bin/prog\n",
    "set -e false &&": "#!/bin/sh\nset -e\nfalse && true\nexec ./bin/prog\n",
    "set -r": "#!/bin/bash\nset -r\nexec ./bin/prog\n",
    "bash -r": "#!/bin/bash -r\nexec ./bin/prog\n",
    "bash -p": "#!/bin/bash -p\nexec ./bin/prog\n",
    "bash --posix": "#!/bin/bash --posix\nexec ./bin/prog\n",
    "bash --bogus": "#!/bin/bash --bogus\nexec ./bin/prog\n",
    "bash --version": "#!/bin/bash --version\nexec ./bin/prog\n",
    "bash --help": "#!/bin/bash --help\nexec ./bin/prog\n",
    "bash --rcfile": "#!/bin/bash --norc\nexec ./bin/prog\n",
    "bash -O": "#!/bin/bash -O\nexec ./bin/prog\n",
    "bash -D": "#!/bin/bash -D\nexec ./bin/prog\n",
    "sh -i": "#!/bin/sh -i\nexec ./bin/prog\n",
    "bash -l": "#!/bin/bash -l\nexec ./bin/prog\n",
    "sh -": "#!/bin/sh -\nexec ./bin/prog\n",
    "sh --": "#!/bin/sh --\nexec ./bin/prog\n",
    "sh +e": "#!/bin/sh +e\nexec ./bin/prog\n",
    "cd root": "#!/bin/sh\nset -e\ncd /\nexec /var/task/bin/prog\n",
    "cd tmp": "#!/bin/sh\nset -e\ncd /tmp\nexec /var/task/bin/prog\n",
    "cd usr share": "#!/bin/sh\nset -e\ncd /usr/share\nexec /var/task/bin/prog\n",
    "cd var": "#!/bin/sh\nset -e\ncd /var\nexec ./task/bin/prog\n",
    "cd ..": "#!/bin/sh\nset -e\ncd ..\nexec ./task/bin/prog\n",
    "cd HOME": '#!/bin/sh\nset -e\ncd "$HOME"\nexec /var/task/bin/prog\n',
    "cd file": "#!/bin/sh\ncd bin/prog || exec ./bin/prog\n",
    "cd -P": "#!/bin/sh\ncd -P bin\nexec ./prog\n",
    "cd -e": "#!/bin/sh\ncd -e bin\nexec ./prog\n",
    "cd two": "#!/bin/sh\ncd bin lib\nexec ./prog\n",
    "CDPATH2": "#!/bin/sh\nCDPATH=/var/task/lib:/var/task\ncd bin >/dev/null\nexec ./prog\n",
    "hash": "#!/bin/sh\nhash -r\nexec ./bin/prog\n",
    "command -v": '#!/bin/sh\nP=$(command -v ./bin/prog)\nexec "$P"\n',
    "exec command": "#!/bin/sh\nexec command ./bin/prog\n",
    "command -p": "#!/bin/sh\ncommand -p ./bin/prog\n",
    "sleep first": "#!/bin/sh\nsleep 0\nexec ./bin/prog\n",
    "sleep bad": "#!/bin/sh\nset -e\nsleep x\nexec ./bin/prog\n",
    "timeout 0": "#!/bin/sh\nexec timeout 0 ./bin/prog\n",
    "timeout --foreground": "#!/bin/sh\nexec timeout --foreground 5 ./bin/prog\n",
    "timeout -k": "#!/bin/sh\nexec timeout -k 1 5 ./bin/prog\n",
    "timeout --signal=": "#!/bin/sh\nexec timeout --signal=INT 5 ./bin/prog\n",
    "nohup": "#!/bin/sh\nexec nohup ./bin/prog\n",
    "setsid": "#!/bin/sh\nexec setsid ./bin/prog\n",
    "setsid -w": "#!/bin/sh\nexec setsid -w ./bin/prog\n",
    "setsid -f": "#!/bin/sh\nexec setsid -f ./bin/prog\n",
    "nice bad": "#!/bin/sh\nexec nice -n x ./bin/prog\n",
    "nice -5": "#!/bin/sh\nexec nice -5 ./bin/prog\n",
    "nice --adj": "#!/bin/sh\nexec nice --adjustment=5 ./bin/prog\n",
    "nice -n -5": "#!/bin/sh\nexec nice -n -5 ./bin/prog\n",
    "test-operator": '#!/bin/sh\ntest -n "$_HANDLER"\nexec ./bin/prog\n',
    "wait": "#!/bin/sh\nwait\nexec ./bin/prog\n",
    "umask": "#!/bin/sh\numask 777\nexec ./bin/prog\n",
    "ulimit -n 0": "#!/bin/sh\nulimit -n 3\nexec ./bin/needs\n",
    "ulimit -c": "#!/bin/sh\nulimit -c 0\nexec ./bin/needs\n",
    "ulimit plain": "#!/bin/sh\nulimit 0\nexec ./bin/needs\n",
    "LD_WARN": "#!/bin/sh\nexport LD_WARN=1\nexec ./bin/needs\n",
    "GLIBC_TUNABLES": "#!/bin/sh\nexport GLIBC_TUNABLES=glibc.malloc.check=3\nexec ./bin/needs\n",
    "LD_LIBRARY_PATH append": "#!/bin/sh\nexport LD_LIBRARY_PATH=$LD_LIBRARY_PATH:/var/task/lib\nexec ./bin/needs\n",
    "ENV": "#!/bin/sh\nexport ENV=/var/task/settings.sh\nexec ./bin/needs\n",
    "nul byte": "#!/bin/sh\nexec ./bin/prog\n\0\0\0",
    "selfextract": "#!/bin/sh\nexec ./bin/prog\nPK\x03\x04 some (binary) 'stuff\n",
    "exit then binary": "#!/bin/sh\n./bin/prog\nexit $?\nPK\x03\x04 some (binary) 'stuff\n",
    "tabs": "#!/bin/sh\n\texec\t./bin/prog\t\n",
    "formfeed": "#!/bin/sh\n\x0cexec ./bin/prog\n",
    "vertical tab": "#!/bin/sh\nexec\x0b./bin/prog\n",
    "nbsp": "#!/bin/sh\nexec\u00a0./bin/prog\n",
    "crlf mid": "#!/bin/sh\nA=1\r\nexec ./bin/prog\n",
    "comment no newline": "#!/bin/sh\nexec ./bin/prog # x",
    "backslash eof": "#!/bin/sh\nexec ./bin/prog \\",
    "assign eof": "#!/bin/sh\nP=./bin/prog $P\n",
    "assign use same line": "#!/bin/sh\nP=./bin/static\nP=./bin/prog exec $P\n",
    "indirect": "#!/bin/bash\nA=B\nB=./bin/prog\nexec ${!A}\n",
    "length": "#!/bin/bash\nA=B\nexec ./bin/prog ${#A}\n",
    "printf -v": "#!/bin/bash\nprintf -v P ./bin/%s prog\nexec $P\n",
    "read": "#!/bin/bash\nread P < settings.sh\nexec ./bin/prog\n",
    "let": "#!/bin/bash\nlet A=1\nexec ./bin/prog\n",
    "export fn": "#!/bin/bash\nexport -f nothing\nexec ./bin/prog\n",
    "export -p": "#!/bin/bash\nexport -p > /dev/null\nexec ./bin/prog\n",
    "declare -r": "#!/bin/bash\ndeclare -r P=./bin/prog\nP=x\nexec $P\n",
    "readonly PATH assign": "#!/bin/bash\nreadonly A=1\nA=2 ./bin/prog\n",
    "declare -i": "#!/bin/bash\ndeclare -i N=1\nexec ./bin/prog\n",
    "declare -l": "#!/bin/bash\ndeclare -l P=./BIN/PROG\nexec $P\n",
    "declare -n": "#!/bin/bash\ndeclare -n P=Q\nQ=./bin/prog\nexec $P\n",
    "local": "#!/bin/bash\nlocal A=1\nexec ./bin/prog\n",
    "bad assign": "#!/bin/bash\n1A=2\nexec ./bin/prog\n",
    "export bad name -e": "#!/bin/bash\nset -e\nexport 1A=2\nexec ./bin/prog\n",
    "UID assign": "#!/bin/bash\nUID=1\nexec ./bin/prog\n",
    "EUID assign -e": "#!/bin/bash\nset -e\nEUID=1\nexec ./bin/prog\n",
    "HOME": "#!/bin/sh\nexec $HOME/bin/prog\n",
    "HOME -u": "#!/bin/sh\nset -u\nexport X=$HOME\nexec ./bin/prog\n",
    "PWD": "#!/bin/sh\nexec $PWD/bin/prog\n",
    "OLDPWD": "#!/bin/sh\ncd bin\ncd $OLDPWD\nexec ./bin/prog\n",
    "dollar 1": "#!/bin/sh\nexec ./bin/prog$1\n",
    "dollar #": "#!/bin/sh\nexec ./bin/prog$#\n",
    "dollar ?": "#!/bin/sh\ntrue\nexec ./bin/prog $?\n",
    "RANDOM": "#!/bin/bash\nexec ./bin/prog$RANDOM\n",
    "SHLVL": "#!/bin/bash\nexec ./bin/prog $SHLVL\n",
}  # fmt: skip


def copied(name: str, target: str) -> Shape:
    def put(parts: Path, task: Path) -> None:
        shutil.copy(parts / name, task / target)

    return put


def moved_to(target: str) -> Shape:
    """What was made as the bootstrap lies elsewhere."""
    return lambda _, task: (task / "bootstrap").rename(task / target)


SHAPES: dict[str, Shape] = {
    **{name: script(content) for name, content in SCRIPTS.items()},
    "rel interp to runtime": built(f"-Wl,--dynamic-linker=../../lib64/{LOADER}", needs=False),
    "rel interp to runtime needs": built(f"-Wl,--dynamic-linker=../../lib64/{LOADER}"),
    "rel interp after cd": both(
        built(f"-Wl,--dynamic-linker=../../lib64/{LOADER}"),
        moved_to("bin/rel"),
        script("#!/bin/sh\ncd bin\nexec ./rel\n"),
    ),
    "rel interp after cd 2": both(
        built(f"-Wl,--dynamic-linker=../../../lib64/{LOADER}"),
        moved_to("bin/rel"),
        script("#!/bin/sh\ncd bin\nexec ./rel\n"),
    ),
    "rel interp dot": built(f"-Wl,--dynamic-linker=./../.././lib64/{LOADER}", needs=False),
    "interp double slash": built(f"-Wl,--dynamic-linker=//lib64//{LOADER}", needs=False),
    "interp by link in package": both(built("-Wl,--dynamic-linker=/var/task/ld.so"), link("ld.so", f"/lib64/{LOADER}")),
    "rel interp by link in package": both(built("-Wl,--dynamic-linker=ld.so"), link("ld.so", f"/lib64/{LOADER}")),
    "rel #! own": both(script("#!bin/static\n")),
    "rel #! own needs": both(script("#!bin/needs\n")),
    "rel #! bare name": both(script("#!prog\n"), copied("prog", "prog")),
    "rel #! bare sh": both(script("#!sh\nexec ./bin/prog\n")),
    "rel #! link": both(script("#!mysh\nexec ./bin/prog\n"), link("mysh", "/bin/sh")),
    "rel #! loader": script(f"#!../../lib64/{LOADER} /var/task/bin/prog\n"),
    "rel #! own loader": both(script(f"#!lib/{LOADER} bin/prog\n"), with_libc),
    "rel #! after cd": both(
        script("#!/bin/sh\ncd bin\nexec ./in\n"), text("bin/in", "#!../../../bin/sh\nexec ./prog\n")
    ),
    "rel #! after cd wrong": both(
        script("#!/bin/sh\ncd bin\nexec ./in\n"), text("bin/in", "#!../../bin/sh\nexec ./prog\n")
    ),
    "BASH_ENV": both(
        script("#!/bin/sh\nexport BASH_ENV=/var/task/e.sh\nexec bash -c ./bin/needs\n"), text("e.sh", "exit 3\n")
    ),
    "utf8 name": both(script("#!/bin/sh\nexec ./bin/prög\n"), copied("prog", "bin/prög")),
    "0 dirname symlink": both(
        script("#!/bin/sh\nexec ./bin/s\n"),
        text("real/s", "#!/bin/sh\nexec $(dirname $(readlink -f $0))/prog\n"),
        link("bin/s", "../real/s"),
    ),
    "0 dirname symlink ok": both(
        script("#!/bin/sh\nexec ./x\n"),
        text("bin/s", "#!/bin/sh\nexec $(dirname $(readlink -f $0))/prog\n"),
        link("x", "bin/s"),
    ),
    "0 dirname symlink noreadlink": both(
        script("#!/bin/sh\nexec ./x\n"), text("bin/s", "#!/bin/sh\nexec $(dirname $0)/prog\n"), link("x", "bin/s")
    ),
    "realpath cd -P": both(
        script("#!/bin/sh\nexec ./x/s\n"),
        text("bin/s", '#!/bin/sh\ncd -P "$(dirname "$0")/.."\nexec ./bin/prog\n'),
        link("x", "bin"),
    ),
    "cd .. via link": both(
        script("#!/bin/sh\nexec ./d/x/s\n"),
        folder("d"),
        text("bin/s", '#!/bin/sh\ncd "$(dirname "$0")/.."\nexec ./bin/prog\n'),
        link("d/x", "../bin"),
    ),
    "path .. via link": both(script("#!/bin/sh\nexec ./d/x/../bin/prog\n"), folder("d"), link("d/x", "../bin")),
    "path .. via link bad": both(
        script("#!/bin/sh\nexec ./d/x/../prog\n"), folder("d"), copied("prog", "d/prog"), link("d/x", "../bin")
    ),
    "loader inhibit": script(f"#!/bin/sh\nexec /lib64/{LOADER} --inhibit-cache ./bin/prog\n"),
    "loader = style": script(f"#!/bin/sh\nexec /lib64/{LOADER} --library-path=lib ./bin/needs\n"),
    "loader rel path": script(f"#!/bin/sh\nexec /lib64/{LOADER} --library-path lib ./bin/needs\n"),
    "own loader runtime libc": both(script(f"#!/bin/sh\nexec lib/{LOADER} ./bin/prog\n"), with_libc),
    "own loader libs elsewhere": both(
        script(f"#!/bin/sh\nexec lib/{LOADER} --library-path /var/task/lib ./bin/needs\n"), with_libc
    ),
    "loader on script": script(f"#!/bin/sh\nexec /lib64/{LOADER} ./inner.sh\n"),
    "loader on lib": script(f"#!/bin/sh\nexec /lib64/{LOADER} ./lib/libfoo.so.1\n"),
}
NOT_PROVED = frozenset({
    "-e prog exit 3", "BASH_ENV", "CDPATH2", "EUID assign -e", "HOME", "HOME -u", "LDLP exec redir",
    "LDLP special builtin", "LDLP special builtin export", "OLDPWD", "RANDOM", "UID assign", "alias", "arith err",
    "assign eof", "bad assign", "bad line first bash", "bad subst", "bad subst 2", "bash --bogus", "bash --help",
    "bash --version", "bash -D", "bash -O", "bash -r", "bash special builtin", "case handler", "cd HOME", "cd two",
    "cd usr share", "close stdout", "command -p", "command -v", "declare -l", "declare -n", "declare -r",
    "dollar #", "env -i no PATH", "env -iu", "env -vS", "exec -x", "exec command", "exec sh -c exit",
    "export bad name -e", "formfeed", "function keyword", "function overrides", "heredoc to prog", "herestring",
    "if x", "indirect", "kill self", "let", "loader = style", "local", "nbsp", "nice bad", "not", "nul byte",
    "pipe exec", "printf -v", "prog && exit 3", "prog; exit 3", "prog; gone", "prog; return 3", "read",
    "redirect fd 9", "redirect gone folder", "rel #! bare name", "rel #! own", "rel #! own needs", "req var",
    "req var empty", "semicolon semicolon", "set -Z", "set -e false &&", "set -o bogus", "set -r", "setsid",
    "setsid -f", "setsid -w", "sleep bad", "test-operator", "trap", "trap 0", "trap DEBUG", "trap ERR", "trap exec",
    "ulimit -n 0", "unset PATH sh", "unterminated quote", "vertical tab",
})  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES if ALL else random.Random(16).sample(sorted(SHAPES), 60))
def test_the_verdict_is_what_happens(shape: str, root: Path, parts: Path, where: Platform, tmp_path: Path) -> None:
    held_against_reality(SHAPES[shape], root, parts, where, tmp_path, may_be_unproved=shape in NOT_PROVED)
