"""Six seams: each kind of thing is done in one place, and who does it elsewhere has a reason here."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.support import ROOT

TASKS = ROOT / "tasks"
CHILDREN = {
    "lib/base/processes.py": "the seam itself",
    "lib/build/fixed.py": "probes once, with a deadline",
    "lib/base/git.py": "with a deadline",
    "lib/room/room.py": "the room, which the kernel ends with us",
    "lib/room/stay.py": "the same",
    "lib/doctor.py": "asks tools for their version, with a deadline",
    "lib/engine/ssh.py": "a tunnel, ended by at_end",
    "lib/local/rie.py": "pip, once, into a temporary folder",
    "lib/local/start.py": "ends with its function, by pdeathsig",
    "lib/sysroot/tar.py": "zstd, whose output is read as it comes",
    "lint.py": "the linters, in front of a person",
    "local.py": "a doit beside the server, which ends its own children",
    "test.py": "pytest, in front of a person",
}
REMOVERS = {
    "lib/base/derived.py": "the seam itself",
    "lib/base/files.py": "its own temporary",
    "graph/database.py": ".doit.db, beside build/",
    "lib/build/copy.py": "the copy of the sources, in .work",
    "lib/build/haskell.py": "its own probe",
    "lib/build/outputs.py": "compilers' outputs, in .work",
    "lib/check/visit.py": "a member that was judged, below TMPDIR",
    "lib/engine/ssh.py": "its socket, below TMPDIR",
    "lib/local/folders.py": "unpacked functions, below TMPDIR",
    "lib/local/function.py": "an unpacked function, below TMPDIR",
}
WALKERS = {
    "lib/base/walk.py": "the seam itself",
    "lib/build/copy.py": "the copy of the sources, in .work",
    "lib/build/outputs.py": "compilers' outputs, in .work",
    "lib/local/folders.py": "an unpacked function, below TMPDIR",
    "lib/room/modes.py": "folders of an unpacked function too, and no links",
    "lib/check/visit.py": "a folder that somebody asked about, with its own word for what cannot be read",
    "lib/scaffold/executables.py": "looks for something to propose, in folders of a person's own",
}
ACCESS: dict[str, str] = {}
TEMPORARIES = {
    "lib/base/files.py": "the seam itself: a full disk is said of the folder",
    "lib/engine/ssh.py": "a socket, for this user alone",
    "lib/local/folders.py": "locked as long as its process lives",
    "lib/sysroot/tar.py": "lives as long as its tree, and says a full disk of the folder",
}
WRITERS = {  # what a disk refuses them names no file unless they see to it
    "lib/base/files.py": "the seam itself",
    "lib/base/derived.py": "its own list, by a function that names it",
    "graph/failures.py": "/dev/null",
    "binary.py": "inside naming and replacement",
    "lib/build/alike.py": "inside replacement",
    "lib/build/repository.py": "in .work; without room code finds no repository, and the compiler says the rest",
    "lib/engine/container.py": "inside replacement and spool",
    "lib/engine/image.py": "in memory",
    "lib/engine/image_root.py": "inside replacement",
    "lib/engine/registry.py": "inside replacement",
    "lib/engine/ssh.py": "its log, inside its folder",
    "lib/local/rie.py": "inside scratch and replacement",
    "lib/local/function.py": "inside room_or_error",
    "lib/package/oci.py": "inside replacement",
    "lib/package/unzip.py": "into the folder of scratch",
    "lib/package/zip.py": "inside replacement",
    "lib/room/helper.py": "into the folder of scratch, in a process of the room",
    "lib/room/inside.py": "inside the room",
    "lib/room/room.py": "into the folder of scratch",
    "lib/sysroot/tar.py": "inside full_at",
}
MODE = re.compile(r"[wax]b?\+?|r[b+]*\+[b+]*")


def calls(text: str) -> set[str]:
    """Every call by its last two names: subprocess.run, path.unlink, os.walk."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            above = node.func.value
            found.add(f"{above.id if isinstance(above, ast.Name) else ''}.{node.func.attr}")
    return found


def writes(text: str) -> set[str]:
    """Every call that writes a file: by its method, or by the mode that it opens one with."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
        modes = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        opens = name == "open" and any(MODE.fullmatch(mode) for mode in modes)
        if opens or name in {"write_text", "write_bytes", "copyfile", "copyfileobj", "copytree", "extract"}:
            found.add(name)
    return found


def users(what: Callable[[str], bool]) -> set[str]:
    return {
        path.relative_to(TASKS).as_posix()
        for path in TASKS.rglob("*.py")
        if any(what(call) for call in calls(path.read_text()))
    }


SEAMS: list[tuple[str, dict[str, str], Callable[[str], bool]]] = [
    ("children", CHILDREN, lambda call: call.startswith("subprocess.")),
    ("removal", REMOVERS, lambda call: call.split(".")[1] in {"rmtree", "unlink", "rmdir", "removedirs"}),
    ("walks", WALKERS, lambda call: call == "os.walk" or call.endswith(".rglob")),
    ("x bits", ACCESS, lambda call: call == "os.access"),
    ("temporary files", TEMPORARIES, lambda call: call.startswith("tempfile.")),
]


@pytest.mark.parametrize(("what", "known", "belongs"), SEAMS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_seam_is_not_passed_by(what: str, known: dict[str, str], belongs: Callable[[str], bool]) -> None:
    assert users(belongs) - known.keys() == set(), f"{what} have a place of their own: see tests/test_seams.py"


def test_whoever_writes_a_file_sees_to_it_that_a_full_disk_names_it() -> None:
    found = {path.relative_to(TASKS).as_posix() for path in TASKS.rglob("*.py") if writes(path.read_text())}
    assert found == WRITERS.keys(), "files are written by base/files.py: see tests/test_seams.py"


def test_the_seams_see_what_passes_them_by() -> None:
    text = "import os, subprocess\nsubprocess.run(['x'])\nPath('a').unlink()\nos.walk('.')\nos.access('a', os.X_OK)\n"
    found = calls(f"{text}tempfile.mkdtemp()\n")
    assert [any(belongs(call) for call in found) for _, _, belongs in SEAMS] == [True] * 5
    assert writes("p.open('ab')\n") == writes("open(p, mode='r+b')\n") == {"open"}
    assert writes("p.write_text(x)\np.open('rb')\np.open()\n") == {"write_text"}


def test_no_room_of_the_tests_is_left_out(pytestconfig: pytest.Config) -> None:
    """pytest's own list of folders to pass by has names such as `build`."""
    left_out = pytestconfig.getini("norecursedirs")
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    assert Path("tests/build") in folders
    passed_by = [folder for folder in folders if any(fnmatch(part, one) for part in folder.parts for one in left_out)]
    assert passed_by == []
