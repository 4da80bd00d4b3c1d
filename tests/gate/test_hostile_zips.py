"""Odd and hostile packages, each started for real in an older root and held against the verdict.

No false "starts" and no false "does not start". What is "not proved" is named here, so that it stays rare.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks.lib.gate import judge
from tasks.lib.gate.verdict import Outcome
from tasks.lib.package import unzip
from tasks.lib.platform.runtimes import Platform
from tasks.lib.room import kernel
from tests.gate.real_cases import LOADER, SOURCE
from tests.gate.test_zips_for_real import _symbols, compile_for_old, laid_out
from tests.libs.test_bundle import FOLDER, platform_of
from tests.libs.test_bundle import root as root  # noqa: PLC0414 - the fixture
from tests.support import need

pytestmark = pytest.mark.slow
SCRIPTS = {  # beside them: bin/prog, bin/static, bin/needs (libfoo.so.1), bin/origin ($ORIGIN/../lib), lib/libfoo.so.1
    "option in #!": "#!/bin/sh -e\nexec ./bin/prog\n",
    "two options in #!": "#!/bin/sh -e -u\nexec ./bin/prog\n",
    "a tab in #!": "#!\t/bin/sh\t-e\nexec ./bin/prog\n",
    "a failing line under -e": "#!/bin/sh -e\nfalse\nexec ./bin/prog\n",
    "a failing line without -e": "#!/bin/sh\nfalse\nexec ./bin/prog\n",
    "set -e and a folder that is not there": "#!/bin/sh\nset -e\ncd gone\nexec ./bin/prog\n",
    "env -S": "#!/usr/bin/env -S sh -e\nexec ./bin/prog\n",
    "env with an option and no -S": "#!/usr/bin/env sh -e\nexec ./bin/prog\n",
    "exec -a": "#!/bin/bash\nexec -a name ./bin/prog\n",
    "exec -c": "#!/bin/bash\nexec -c ./bin/needs\n",
    "subshell": "#!/bin/sh\n(cd bin && exec ./prog)\n",
    "source": "#!/bin/sh\n. ./settings.sh\nexec ./bin/prog\n",
    "source of nothing": "#!/bin/sh\n. ./gone.sh\nexec ./bin/prog\n",
    "carriage return in #!": "#!/bin/sh -e\r\nexec ./bin/prog\r\n",
    "carriage return below": "#!/bin/sh\nexec ./bin/prog\r\n",
    "byte order mark": "\ufeff#!/bin/sh\nexec ./bin/prog\n",
    "no #!": "exec ./bin/prog\n",
    "nothing": "",
    "a blank line first": "\n#!/bin/sh\nexec ./bin/prog\n",
    "a long #!": "#!/bin/sh" + " " * 300 + "\nexec ./bin/prog\n",
    "no end of #!": "#!/bin/sh",
    "glob": "#!/bin/sh\nexec ./bin/pr*\n",
    "glob that fits nothing": "#!/bin/sh\nexec ./bin/xx*\n",
    "question mark": "#!/bin/sh\nexec ./bin/pro?\n",
    "quoted glob": "#!/bin/sh\nexec './bin/pr*'\n",
    "braces": "#!/bin/bash\nexec ./bin/{prog,x}\n",
    "a name with a blank": '#!/bin/sh\nexec "./bin/my prog"\n',
    "a name with a blank, unquoted": "#!/bin/sh\nexec ./bin/my prog\n",
    "empty element of the path": "#!/bin/sh\ncd lib\nexport LD_LIBRARY_PATH=/nowhere:\nexec ../bin/needs\n",
    "empty path": "#!/bin/sh\nexport LD_LIBRARY_PATH=\nexec ./bin/needs\n",
    "empty path in its folder": "#!/bin/sh\ncd lib\nexport LD_LIBRARY_PATH=\nexec ../bin/needs\n",
    "unset path": "#!/bin/sh\nunset LD_LIBRARY_PATH\nexec ./bin/needs\n",
    "unset path, and origin": "#!/bin/sh\nunset LD_LIBRARY_PATH\nexec ./bin/origin\n",
    "a relative path and another folder": "#!/bin/sh\nexport LD_LIBRARY_PATH=lib\ncd bin\nexec ./needs\n",
    "semicolons in the path": "#!/bin/sh\nexport LD_LIBRARY_PATH='/nowhere;lib'\nexec ./bin/needs\n",
    "origin in the path": "#!/bin/sh\nexport LD_LIBRARY_PATH='$ORIGIN/../lib'\nexec ./bin/needs\n",
    "not exported": "#!/bin/sh\nunset LD_LIBRARY_PATH\nLD_LIBRARY_PATH=lib\nexec ./bin/needs\n",
    "set for one command": "#!/bin/sh\nunset LD_LIBRARY_PATH\nLD_LIBRARY_PATH=lib exec ./bin/needs\n",
    "env -i": "#!/bin/sh\nexec env -i ./bin/needs\n",
    "env - with a path": "#!/bin/sh\nexec env - LD_LIBRARY_PATH=lib ./bin/needs\n",
    "env -u": "#!/bin/sh\nexec env -u LD_LIBRARY_PATH ./bin/needs\n",
    "env --unset=": "#!/bin/sh\nexec env --unset=LD_LIBRARY_PATH ./bin/needs\n",
    "env -C": "#!/bin/sh\nexec env -C bin ./prog\n",
    "timeout": "#!/bin/sh\nexec timeout 5 ./bin/prog\n",
    "timeout with a signal": "#!/bin/sh\nexec timeout -s TERM 5s ./bin/prog\n",
    "nice": "#!/bin/sh\nexec nice -n 5 ./bin/prog\n",
    "stdbuf": "#!/bin/sh\nexec stdbuf -o0 ./bin/prog\n",
    "preload of nothing": "#!/bin/sh\nexport LD_PRELOAD=gone.so\nexec ./bin/prog\n",
    "bind now": "#!/bin/sh\nexport LD_BIND_NOW=1\nexec ./bin/needs\n",
    "PATH with a dot": "#!/bin/sh\ncd bin\nPATH=.:$PATH\nexec prog\n",
    "PATH with our folder": "#!/bin/sh\nexport PATH=$PWD/bin:$PATH\nexec prog\n",
    "PATH without": "#!/bin/sh\nexec prog\n",
    "no PATH at all": "#!/bin/sh\nPATH=\ncd bin\nexec prog\n",
    "a condition": "#!/bin/sh\n[ -x ./bin/prog ] && exec ./bin/prog\n",
    "an alternative": "#!/bin/sh\ntest -f gone || exec ./bin/prog\n",
    "a second chance": "#!/bin/sh\n./bin/gone || exec ./bin/prog\n",
    "exec of redirections": "#!/bin/sh\nexec 2>/dev/null\nexec ./bin/prog\n",
    "output to nowhere": "#!/bin/sh\nexec ./bin/prog > /var/task/log\n",
    "set --": '#!/bin/sh\nset -- ./bin/prog\nexec "$@"\n',
    "shift": '#!/bin/sh\nset -- x ./bin/prog\nshift\nexec "$1"\n',
    "eval": "#!/bin/sh\neval 'exec ./bin/prog'\n",
    "a function": "#!/bin/sh\nmain() { exec ./bin/prog; }\nmain\n",
    "here document": "#!/bin/sh\ncat > /dev/null <<E\nx\nE\nexec ./bin/prog\n",
    "sh -c": "#!/bin/sh\nexec sh -c 'exec ./bin/\"$0\"' prog\n",
    "sh of a script without x": "#!/bin/sh\nexec sh inner.sh\n",
    "a script without x": "#!/bin/sh\nexec ./inner.sh\n",
    "in the background": "#!/bin/sh\n./bin/prog &\nwait\n",
    "exit before": "#!/bin/sh\nexit 0\nexec ./bin/prog\n",
    "true && exec": "#!/bin/sh\ntrue && exec ./bin/prog\n",
    "false && exec": "#!/bin/sh\nfalse && exec ./bin/prog\n",
    "readlink": '#!/bin/sh\nexec "$(readlink -f bin/link)"\n',
    "unset variable under -u": "#!/bin/sh\nset -u\nexec ./bin/prog $NEVER_SET\n",
    "a folder as program": "#!/bin/sh\nexec ./bin\n",
    "the loader by name": f"#!/bin/sh\nexec /lib64/{LOADER} bin/prog\n",
    "the loader without a program": f"#!/bin/sh\nexec /lib64/{LOADER}\n",
    "the loader's own path": f"#!/bin/sh\nexec /lib64/{LOADER} --library-path lib bin/needs\n",
    "a loader in a loader": f"#!/bin/sh\nexec /lib64/{LOADER} /lib64/{LOADER} bin/prog\n",
    "pushd": "#!/bin/bash\npushd bin >/dev/null\nexec ./prog\n",
    "cd && exec": "#!/bin/sh\ncd bin && exec ./prog\n",
    "cd fails && exec": "#!/bin/sh\ncd nope && exec ./bin/prog\n",
    "cd fails ; exec": "#!/bin/sh\ncd nope\nexec ./bin/prog\n",
    "default value": "#!/bin/sh\nexec ./bin/${PROGRAM:-prog}\n",
    "alt value": "#!/bin/sh\nA=1\nexec ./bin/${A:+prog}\n",
    "suffix cut": "#!/bin/sh\nN=prog.exe\nexec ./bin/${N%.exe}\n",
    "substring": "#!/bin/bash\nN=xprog\nexec ./bin/${N:1}\n",
    "replace": "#!/bin/bash\nN=qrog\nexec ./bin/${N/q/p}\n",
    "upper": "#!/bin/bash\nN=PROG\nexec ./bin/${N,,}\n",
    "array": '#!/bin/bash\nA=(./bin/prog x)\nexec "${A[@]}"\n',
    "dollar quote": "#!/bin/bash\nexec $'./bin/prog'\n",
    "backslash newline": "#!/bin/sh\nexec \\\n  ./bin/prog\n",
    "hash in word": "#!/bin/sh\nexec ./bin/prog#\n",
    "tilde": "#!/bin/sh\nexec ~/bin/prog\n",
    "backticks": "#!/bin/sh\nexec `echo ./bin/prog`\n",
    "nested dirname": '#!/bin/sh\nHERE="$(cd "$(dirname "$0")" && pwd)"\nexec "$HERE/bin/prog"\n',
    "bash source": '#!/bin/bash\nD=$(dirname "${BASH_SOURCE[0]}")\nexec $D/bin/prog\n',
    "cd -": "#!/bin/bash\ncd bin\ncd - >/dev/null\nexec ./bin/prog\n",
    "cd no arg": "#!/bin/sh\ncd\nexec ./bin/prog\n",
    "ulimit too small": "#!/bin/sh\nulimit -v 100\nexec ./bin/prog\n",
    "LD_PRELOAD own": "#!/bin/sh\nexport LD_PRELOAD=/var/task/lib/libfoo.so.1\nexec ./bin/prog\n",
    "LD_PRELOAD needs": "#!/bin/sh\nunset LD_LIBRARY_PATH\nLD_PRELOAD=/var/task/lib/libfoo.so.1 ./bin/needs\n",
    "LD_AUDIT": "#!/bin/sh\nexport LD_AUDIT=/var/task/lib/libfoo.so.1\nexec ./bin/prog\n",
    "LD_TRACE": "#!/bin/sh\nexport LD_TRACE_LOADED_OBJECTS=1\nexec ./bin/prog\n",
    "loader list": f"#!/bin/sh\nexec /lib64/{LOADER} --list ./bin/prog\n",
    "loader verify": f"#!/bin/sh\nexec /lib64/{LOADER} --verify ./bin/prog\n",
    "loader unknown option": f"#!/bin/sh\nexec /lib64/{LOADER} --nonsense ./bin/prog\n",
    "loader preload": f"#!/bin/sh\nexec /lib64/{LOADER} --preload lib/libfoo.so.1 ./bin/prog\n",
    "loader bare name": f"#!/bin/sh\ncd bin\nexec /lib64/{LOADER} prog\n",
    "loader static": f"#!/bin/sh\nexec /lib64/{LOADER} ./bin/static\n",
    "env --": "#!/bin/sh\nexec env -- ./bin/prog\n",
    "env -0": "#!/bin/sh\nexec env -0 ./bin/prog\n",
    "builtin exec": "#!/bin/bash\nbuiltin exec ./bin/prog\n",
    "command exec": "#!/bin/sh\ncommand exec ./bin/prog\n",
    "no exec twice": "#!/bin/sh\n./bin/static >/dev/null\n./bin/prog\n",
    "last fails": "#!/bin/sh\n./bin/prog\nfalse\n",
    "missing then good": "#!/bin/sh\n./bin/nope 2>/dev/null\nexec ./bin/prog\n",
    "set -e missing": "#!/bin/sh\nset -e\n./bin/nope\nexec ./bin/prog\n",
    "set -e or true": "#!/bin/sh\nset -e\n./bin/nope 2>/dev/null || true\nexec ./bin/prog\n",
    "set -n": "#!/bin/sh\nset -n\nexec ./bin/prog\n",
    "sh -n": "#!/bin/sh -n\nexec ./bin/prog\n",
    "sh -s": "#!/bin/sh -s\nexec ./bin/prog\n",
    "readonly again": "#!/bin/sh\nreadonly P=./bin/prog\nP=./bin/nope\nexec $P\n",
    "export -n": "#!/bin/bash\nexport LD_LIBRARY_PATH=/var/task/lib\nexport -n LD_LIBRARY_PATH\nexec ./bin/needs\n",
    "unset -f": "#!/bin/sh\nunset -f foo\nunset -v LD_LIBRARY_PATH\nexec ./bin/needs\n",
    "declare -x": "#!/bin/bash\nunset LD_LIBRARY_PATH\ndeclare -x LD_LIBRARY_PATH=/var/task/lib\nexec ./bin/needs\n",
    "declare": "#!/bin/bash\nunset LD_LIBRARY_PATH\ndeclare LD_LIBRARY_PATH=/var/task/lib\nexec ./bin/needs\n",
    "append unset": "#!/bin/bash\nunset LD_LIBRARY_PATH\nexport LD_LIBRARY_PATH+=/var/task/lib\nexec ./bin/needs\n",
    "set -a": "#!/bin/sh\nunset LD_LIBRARY_PATH\nset -a\nLD_LIBRARY_PATH=/var/task/lib\nexec ./bin/needs\n",
    "path without": "#!/bin/sh\nexport LD_LIBRARY_PATH=/nowhere\nexec ./bin/needs\n",
    "shebang busybox": "#!/bin/busybox sh\nexec ./bin/prog\n",
    "shebang loader": f"#!/lib64/{LOADER} /var/task/bin/prog\n",
    "printf": '#!/bin/sh\nprintf "ok\\n"\n',
    "redirect in missing": "#!/bin/sh\nexec ./bin/prog < nope\n",
    "redirect task": "#!/bin/sh\necho x > state\nexec ./bin/prog\n",
    "mkdir task": "#!/bin/sh\nset -e\nmkdir work\nexec ./bin/prog\n",
    "mkdir tmp": "#!/bin/sh\nset -e\nmkdir -p /tmp/w\nexec ./bin/prog\n",
    "chmod": "#!/bin/sh\nset -e\nchmod +x ./bin/prog\nexec ./bin/prog\n",
    "cp to tmp": "#!/bin/sh\nset -e\ncp ./bin/prog /tmp/p\nexec /tmp/p\n",
    "ln tmp": "#!/bin/sh\nln -sf /var/task/bin/prog /tmp/q\nexec /tmp/q\n",
    "python3": '#!/bin/sh\nexec python3 -c "print(1)"\n',
    "xargs": "#!/bin/sh\necho | xargs ./bin/prog\n",
    "timeout bad": "#!/bin/sh\nexec timeout ./bin/prog\n",
    "and chain": "#!/bin/sh\nexport A=1 && export B=2 && exec ./bin/prog\n",
    "reads what is not there": "#!/bin/sh\nexec ./bin/prog < /nonexistent\n",
    "reads nothing": "#!/bin/sh\nexec ./bin/prog < /dev/null\n",
    "back from a file": "#!/bin/sh\nexec $0/../bin/prog\n",
    "back from a folder": "#!/bin/sh\nexec bin/../bin/prog\n",
    "or chain": "#!/bin/sh\nexport A=1 || exit 1\nexec ./bin/prog\n",
}  # fmt: skip
NOT_PROVED = frozenset({
    "a condition", "an alternative", "a second chance", "a function", "subshell", "source", "source of nothing", "eval",
    "here document", "in the background", "exit before", "false && exec", "true && exec", "unset variable under -u",
    "glob", "glob that fits nothing", "question mark", "braces", "a failing line under -e", "a loader in a loader",
    "output to nowhere", "the loader without a program", "shift", "set --", "env -C", "no PATH at all", "no end of #!",
    "better than baseline, broken", "better than baseline", "PATH without", "an interpreter that is ours",
    "an interpreter that is a script", "a failing line without -e", "readonly again",
    "preload of nothing", "pushd", "cd fails && exec", "default value", "substring", "replace", "upper", "array",
    "dollar quote", "tilde", "cd -", "cd no arg", "ulimit too small", "LD_PRELOAD own", "LD_PRELOAD needs",
    "LD_AUDIT", "LD_TRACE", "loader unknown option", "loader preload", "loader bare name", "env -0", "last fails",
    "missing then good", "set -n", "sh -n", "sh -s", "shebang busybox", "printf", "redirect in missing",
    "redirect task", "mkdir task", "chmod", "cp to tmp", "ln tmp", "xargs", "timeout bad",
    "reads what is not there", "no entry", "no entry, static",
    "a link by way of the process", "libraries by way of the process",
})  # fmt: skip


def compiled(folder: Path, name: str, *options: str, needs: bool = False, library: bool = False) -> Path:
    """gcc -o name a.c options; with `needs` it calls foo of libfoo.so.1."""
    source = "int foo(void) { return 1; }" if library else SOURCE.format(
        more="int foo(void);" if needs else "", use="foo();" if needs else ""
    )  # fmt: skip
    if not library:
        return compile_for_old(folder, name, source, *options)
    (folder / "a.c").write_text(source)
    kind = ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libfoo.so.1"]
    subprocess.run([need("gcc"), *kind, "-o", name, "a.c", *options], cwd=folder, check=True)
    return folder / name


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    compiled(folder, "libfoo.so.1", library=True)
    compiled(folder, "prog")
    compiled(folder, "static", "-static")
    compiled(folder, "needs", "libfoo.so.1", needs=True)
    compiled(folder, "origin", "libfoo.so.1", "-Wl,-rpath,$ORIGIN/../lib", needs=True)
    return folder


def base(parts: Path, task: Path) -> None:
    for name in ("bin/prog", "bin/static", "bin/needs", "bin/origin", "bin/my prog", "lib/libfoo.so.1"):
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(parts / ("prog" if name == "bin/my prog" else Path(name).name), task / name)
    (task / "bin/link").symlink_to("prog")
    (task / "inner.sh").write_text("exec ./bin/prog\n")
    (task / "settings.sh").write_text("A=1\n")


BOOTSTRAPS = ("/var/task/bootstrap", "/opt/bootstrap")
Shape = Callable[[Path, Path], Any]  # changes the tree; the parts, the task root


def script(text: str) -> Shape:
    def put(_: Path, task: Path) -> None:
        (task / "bootstrap").write_bytes(text.encode())
        (task / "bootstrap").chmod(0o755)

    return put


def bootstrap(name: str, mode: int = 0o755) -> Shape:
    """One of the parts is the bootstrap."""

    def put(parts: Path, task: Path) -> None:
        shutil.copy(parts / name, task / "bootstrap")
        (task / "bootstrap").chmod(mode)

    return put


def linked(target: str) -> Shape:
    return link("bootstrap", target)


def link(name: str, target: str) -> Shape:
    """A symbolic link; in place of an empty folder, where one lies there."""

    def put(_: Path, task: Path) -> None:
        if (task / name).is_dir():
            (task / name).rmdir()
        (task / name).symlink_to(target)

    return put


def folder(name: str) -> Shape:
    def put(_: Path, task: Path) -> None:
        (task / name).mkdir(parents=True)

    return put


def built(*options: str, needs: bool = True, also: Shape | None = None) -> Shape:
    """A bootstrap that gcc makes with these options, beside libfoo.so.1 in lib/."""

    def put(parts: Path, task: Path) -> None:
        made = compiled(parts, "made", *(["libfoo.so.1"] if needs else []), *options, needs=needs)
        shutil.copy(made, task / "bootstrap")
        if also:
            also(parts, task)

    return put


def with_libc(parts: Path, task: Path) -> None:
    del parts
    for name in ("libc.so.6", LOADER):
        shutil.copy(Path(FOLDER, name).resolve(), task / "lib" / name)
    (task / "lib" / LOADER).chmod(0o755)


def moved(place: str) -> Shape:
    """libfoo.so.1 lies elsewhere."""

    def put(_: Path, task: Path) -> None:
        (task / place).parent.mkdir(parents=True, exist_ok=True)
        (task / "lib/libfoo.so.1").rename(task / place)

    return put


def library(*options: str, also: Shape | None = None) -> Shape:
    """libfoo.so.1 that gcc makes with these options, needed by the bootstrap."""

    def put(parts: Path, task: Path) -> None:
        (parts / "own").mkdir(exist_ok=True)
        shutil.copy(compiled(parts / "own", "libfoo.so.1", *options, library=True), task / "lib/libfoo.so.1")
        bootstrap("needs")(parts, task)
        if also:
            also(parts, task)

    return put


def changed(content: Callable[[bytes], bytes], name: str = "prog") -> Shape:
    def put(parts: Path, task: Path) -> None:
        (task / "bootstrap").write_bytes(content((parts / name).read_bytes()))
        (task / "bootstrap").chmod(0o755)

    return put


def both(*shapes: Shape) -> Shape:
    def put(parts: Path, task: Path) -> None:
        for shape in shapes:
            shape(parts, task)

    return put


def mode(name: str, bits: int) -> Shape:
    return lambda _, task: (task / name).chmod(bits)


def text(name: str, content: str, bits: int = 0o755) -> Shape:
    def put(_: Path, task: Path) -> None:
        (task / name).parent.mkdir(parents=True, exist_ok=True)
        (task / name).write_text(content)
        (task / name).chmod(bits)

    return put


IFUNC = "__attribute__((used)) static int one(void) { return 1; } static void *pick(void) { return one; } "
FOREIGN = (183).to_bytes(2, "little")


def _ifunc(parts: Path, task: Path) -> None:
    (parts / "i.c").write_text(IFUNC + 'int foo(void) __attribute__((ifunc("pick")));')
    line = ["gcc", "-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libfoo.so.1", "-o", "ifunc.so", "i.c"]
    subprocess.run(line, cwd=parts, check=True)
    shutil.copy(parts / "ifunc.so", task / "lib/libfoo.so.1")


def _for_v2(parts: Path, task: Path) -> None:
    (task / "lib/glibc-hwcaps/x86-64-v2").mkdir(parents=True)
    shutil.copy(parts / "libfoo.so.1", task / "lib/glibc-hwcaps/x86-64-v2/libfoo.so.1")


SHAPES: dict[str, Shape] = {
    **{name: script(content) for name, content in SCRIPTS.items()},
    "an interpreter by a link": both(
        script("#!/var/task/mysh\nexec ./bin/prog\n"), link("mysh", "/bin/sh")
    ),
    "an interpreter that is ours": both(script("#!/var/task/bin/static\n")),
    "an interpreter that is a script": both(
        script("#!/var/task/inner\n"), text("inner", "#!/bin/sh\nexec ./bin/prog\n")
    ),
    "scripts behind scripts": both(
        script("#!/bin/sh\nexec ./a\n"),
        text("a", "#!/bin/sh\nexec ./b\n"),
        text("b", "#!/bin/sh\nexec ./c\n"),
        text("c", "#!/bin/sh\nexec ./bin/prog\n"),
    ),
    "an interpreter without x": both(script("#!/var/task/inner\n"), text("inner", "#!/bin/sh\n", 0o644)),
    "a script that cannot be read": both(script("#!/bin/sh\nexec ./bin/prog\n"), mode("bootstrap", 0o711)),
    "a program that cannot be read": both(bootstrap("static"), mode("bootstrap", 0o711)),
    "a dynamic program that cannot be read": both(bootstrap("prog"), mode("bootstrap", 0o711)),
    "a loaded program that cannot be read": both(
        script(f"#!/bin/sh\nexec /lib64/{LOADER} bin/prog\n"), mode("bin/prog", 0o711)
    ),
    "a loaded program without x": both(
        script(f"#!/bin/sh\nexec /lib64/{LOADER} bin/prog\n"), mode("bin/prog", 0o644)),
    "setuid": bootstrap("static", 0o4755),
    "sticky": bootstrap("prog", 0o1755),
    "for the owner": bootstrap("prog", 0o744),
    "for all but others": bootstrap("prog", 0o750),
    "no mode": bootstrap("prog", 0o0),
    "a folder for the owner": both(script("#!/bin/sh\nexec ./bin/prog\n"), mode("bin", 0o744)),
    "a folder that can only be entered": both(script("#!/bin/sh\nexec ./bin/prog\n"), mode("bin", 0o711)),
    "a library folder that can only be entered": both(bootstrap("needs"), mode("lib", 0o711)),
    "a link to a shell": linked("/bin/sh"),
    "a link to the loader": linked(f"/lib64/{LOADER}"),
    "a link to env": linked("/usr/bin/env"),
    "a link to nothing": linked("gone"),
    "a link to itself": linked("bootstrap"),
    "a link above the root": linked("../../../../var/task/bin/prog"),
    "a link to a program": linked("bin/link"),
    "a link by way of the process": linked("/proc/self/cwd/bin/prog"),
    "libraries by way of the process": built(
        "-Wl,-rpath,/var/task/by", also=both(moved("own/libfoo.so.1"), link("by", "/proc/self/cwd/own"))
    ),
    "a folder": folder("bootstrap"),
    "in another case": lambda parts, task: shutil.copy(parts / "prog", task / "Bootstrap"),
    "a library in another case": both(bootstrap("needs"), moved("lib/libFoo.so.1")),
    "both cases": both(bootstrap("needs"), text("lib/LIBFOO.SO.1", "x"), text("Bootstrap", "x")),
    "a zip in the zip": lambda parts, task: subprocess.run(
        ["zip", "-q", "-j", task / "inner.zip", parts / "prog"], check=True
    ),
    "a library": bootstrap("libfoo.so.1"),
    "half a program": changed(lambda content: content[:1000]),
    "a program for another processor": changed(lambda content: content[:18] + FOREIGN + content[20:]),
    "a header alone": changed(lambda content: content[:64]),
    "no magic": changed(lambda content: b"\0" + content[1:]),
    "no entry": changed(lambda content: content[:24] + bytes(8) + content[32:]),
    "no entry, static": changed(lambda content: content[:24] + bytes(8) + content[32:], "static"),
    "something behind the program": changed(lambda content: content + b"PK\5\6" + bytes(500)),
    "an absolute runpath": built("-Wl,-rpath,/var/task/own", also=moved("own/libfoo.so.1")),
    "an absolute rpath": built("-Wl,--disable-new-dtags,-rpath,/var/task/own", also=moved("own/libfoo.so.1")),
    "a runpath of the build host": built("-Wl,-rpath,/home/me/lib"),
    "a runpath of the build host alone": built("-Wl,-rpath,/home/me/lib", also=moved("own/libfoo.so.1")),
    "a relative runpath": built("-Wl,-rpath,own", also=moved("own/libfoo.so.1")),
    "an empty runpath": built("-Wl,-rpath,", also=moved("libfoo.so.1")),
    "origin in braces": built("-Wl,-rpath,${ORIGIN}/own", also=moved("own/libfoo.so.1")),
    "origin as a part of a name": built("-Wl,-rpath,$ORIGINAL/own", also=moved("own/libfoo.so.1")),
    "origin and up": built("-Wl,-rpath,$ORIGIN/../task/own", also=moved("own/libfoo.so.1")),
    "a token that there is not": built("-Wl,-rpath,$NOTHING/own:/var/task/own", also=moved("own/libfoo.so.1")),
    "platform": built(
        "-Wl,-rpath,$ORIGIN/own/$PLATFORM",
        also=both(moved("own/x86_64/libfoo.so.1"), link("own/haswell", "x86_64")),
    ),
    "lib": built(
        "-Wl,-rpath,$ORIGIN/own/$LIB",
        also=both(
            moved("own/lib64/libfoo.so.1"),
            folder("own/lib"),
            link("own/lib/x86_64-linux-gnu", "../lib64"),
        ),
    ),
    "no default folders": built("-Wl,-z,nodefaultlib", also=moved("own/libfoo.so.1")),
    "an absent auditor": built("-Wl,--audit,libgone.so", needs=False),
    "an absent auxiliary": library("-Wl,-f,libgone.so"),
    "an absent filtee": library("-Wl,-F,libgone.so"),
    "an auxiliary that is refused": library("-Wl,-f,libbad.so", also=text("lib/libbad.so", "x" * 100)),
    "a library that is text": both(bootstrap("needs"), text("lib/libfoo.so.1", "INPUT(libfoo.so.2)\n" + " " * 100)),
    "an empty library": both(bootstrap("needs"), text("lib/libfoo.so.1", "")),
    "a library that is a folder": both(
        bootstrap("needs"), moved("own/libfoo.so.1"), folder("lib/libfoo.so.1")
    ),
    "a library without x": both(bootstrap("needs"), mode("lib/libfoo.so.1", 0o444)),
    "a library by a link to a folder": both(
        bootstrap("needs"),
        moved("real/libfoo.so.1"),
        link("lib", "real"),
    ),
    "an indirect function": both(bootstrap("needs"), _ifunc),
    "better than baseline": both(bootstrap("needs"), _for_v2),
    "better than baseline, broken": both(bootstrap("needs"), text("lib/glibc-hwcaps/x86-64-v2/libfoo.so.1", "x" * 99)),
    "a C library without its loader": both(
        bootstrap("needs"), lambda _, task: shutil.copy(Path(FOLDER, "libc.so.6").resolve(), task / "lib/libc.so.6")
    ),
    "a C library that comes first": both(script("#!/bin/sh\nLD_LIBRARY_PATH=lib exec ./bin/prog\n"), with_libc),
    "a loader and rpath": built(
        f"-Wl,--dynamic-linker=/var/task/lib/{LOADER},--disable-new-dtags,-rpath,/var/task/lib", also=with_libc
    ),
    "a loader and runpath": built(f"-Wl,--dynamic-linker=/var/task/lib/{LOADER},-rpath,/var/task/lib", also=with_libc),
    "a relative loader": built(
        f"-Wl,--dynamic-linker=lib/{LOADER},--disable-new-dtags,-rpath,/var/task/lib", also=with_libc
    ),
    "a loader that is not there": built("-Wl,--dynamic-linker=/nowhere/ld.so", needs=False),
    "a loader that is a program": built("-Wl,--dynamic-linker=/var/task/bin/static", needs=False),
    "a static program with a library path": both(

        script("#!/bin/sh\nLD_LIBRARY_PATH=lib exec ./bin/static\n"), with_libc
    ),
    "a static position-independent program": built("-static-pie", needs=False),
}  # fmt: skip


def started(root: Path, handler: str = "") -> tuple[bool, str]:
    """As Lambda: execve of the bootstrap, in the zip or in a layer, by a user who owns nothing there."""
    environment = {
        **({"_HANDLER": handler} if handler else {}),
        "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LD_LIBRARY_PATH": f"{FOLDER}:/var/task:/var/task/lib:/opt/lib",
    }

    (root / "dev/null").chmod(0o666)
    bootstrap = next((path for path in BOOTSTRAPS if os.path.lexists(f"{root}{path}")), BOOTSTRAPS[0])

    def become() -> None:
        kernel.unshare(kernel.NEWNS)  # /proc for $ORIGIN; it goes with the process
        kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
        kernel.mount("/proc", f"{root}/proc", None, kernel.MS_BIND | kernel.MS_REC)
        os.chroot(root)
        os.chdir("/var/task")
        os.setgroups([])
        os.setgid(990)
        os.setuid(993)

    try:
        done = subprocess.run(
            [bootstrap], env=environment, preexec_fn=become, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=30,
        )  # fmt: skip
    except OSError as error:
        return False, str(error)
    return done.returncode == 0 and done.stdout == b"ok\n", f"{done.returncode}: {done.stdout!r} {done.stderr[-300:]!r}"


@pytest.fixture(scope="module")
def where(root: Path) -> Platform:
    found = platform_of(root)
    return replace(found, symbols=dict(_symbols(root, found.libraries)))


def held_against_reality(
    shape: Shape, root: Path, parts: Path, where: Platform, folder: Path, *, may_be_unproved: bool
) -> None:
    """Pack it, judge it, start it."""
    task = folder / "task"
    task.mkdir()
    base(parts, task)
    shape(parts, task)
    package = folder / "a.zip"
    subprocess.run([need("zip"), "-q", "-y", "-r", package, "."], cwd=task, check=True)
    (folder / "unpacked").mkdir()
    archive = unzip.unpack(package, folder / "unpacked")
    found = judge.foreign(archive.contents, where)
    laid_out(package, root)
    truth, said = started(root)
    told = [*(item.message for item in found.problems), *(item.message for item in found.unproved)]
    if found.verdict is Outcome.UNPROVED:
        assert may_be_unproved, told
    else:
        assert found.starts is truth, (found.verdict, told, said)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_verdict_is_what_happens(shape: str, root: Path, parts: Path, where: Platform, tmp_path: Path) -> None:
    held_against_reality(SHAPES[shape], root, parts, where, tmp_path, may_be_unproved=shape in NOT_PROVED)
