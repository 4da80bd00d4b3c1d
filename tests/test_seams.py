"""Four seams: each kind of thing is done in one place, and who does it elsewhere has a reason here."""

from __future__ import annotations

import ast
from collections.abc import Callable

import pytest

from tests.support import ROOT

TASKS = ROOT / "tasks"
CHILDREN = {
    "lib/base/processes.py": "the seam itself",
    "lib/build/fixed.py": "probes once, with a deadline",
    "lib/build/listing.py": "git, with a deadline",
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
    "lib/build/stale.py": "compilers' outputs, in .work",
    "lib/check/visit.py": "a member that was judged, below TMPDIR",
    "lib/engine/ssh.py": "its socket, below TMPDIR",
    "lib/local/folders.py": "unpacked functions, below TMPDIR",
    "lib/local/function.py": "an unpacked function, below TMPDIR",
}
WALKERS = {
    "lib/base/walk.py": "the seam itself",
    "lib/build/copy.py": "the copy of the sources, in .work",
    "lib/build/stale.py": "compilers' outputs, in .work",
    "lib/local/folders.py": "an unpacked function, below TMPDIR",
    "lib/room/modes.py": "folders of an unpacked function too, and no links",
    "lib/check/visit.py": "a folder that somebody asked about, with its own word for what cannot be read",
    "lib/scaffold/executables.py": "looks for something to propose, in folders of a person's own",
}
ACCESS: dict[str, str] = {}


def calls(text: str) -> set[str]:
    """Every call by its last two names: subprocess.run, path.unlink, os.walk."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            above = node.func.value
            found.add(f"{above.id if isinstance(above, ast.Name) else ''}.{node.func.attr}")
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
]


@pytest.mark.parametrize(("what", "known", "belongs"), SEAMS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_seam_is_not_passed_by(what: str, known: dict[str, str], belongs: Callable[[str], bool]) -> None:
    assert users(belongs) - known.keys() == set(), f"{what} have a place of their own: see tests/test_seams.py"


def test_the_seams_see_what_passes_them_by() -> None:
    text = "import os, subprocess\nsubprocess.run(['x'])\nPath('a').unlink()\nos.walk('.')\nos.access('a', os.X_OK)\n"
    found = calls(text)
    assert [any(belongs(call) for call in found) for _, _, belongs in SEAMS] == [True] * 4
