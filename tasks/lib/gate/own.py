"""Zips of this project: which program their shim starts, by which loader, and what the runtime looks for first.

in   a LambdaRoot, the program's name
out  `started_by_our_shim(…)` → that name, from the shim's own bytes; `entries(…)`, `problems(…)`, `bootstrap(…)`
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..platform.layout import BOOTSTRAP, BUNDLED_LOADER, LIB, LIBRARY_PATH, OPT, TASK
from .call import Entry
from .lambda_root import name_in_package
from .verdict import Fault, Problem, Role, printable

if TYPE_CHECKING:
    from ..elf.read import Elf
    from .lambda_root import LambdaRoot

MARK = re.compile(rb"haskell-on-lambda starts: ([^\0/]+)\0")  # in shim/bootstrap.c
MAIN = re.compile(r"^const main = '(.*)';$", re.MULTILINE)  # in shim/run-tmpl.js
RUN_JS = b"// run.js: stands between Lambda's Node runtime"
MOST_BYTES = 4 << 20  # of a shim
TASK_LIB = f"{TASK}/{LIB}"


def started_by_our_shim(root: LambdaRoot) -> str:
    """The name of the program; empty where the shim is not ours."""
    name = "run.js" if root.platform.runtime.on_node else BOOTSTRAP
    found = root.member(f"{TASK}/{name}")
    if found is None:
        return ""
    with found.open() as file:
        content = file.pread(min(file.size, MOST_BYTES), 0)
    if name == BOOTSTRAP:
        mark = MARK.search(content) if content.startswith(b"\x7fELF") else None
        return mark[1].decode("utf-8", "surrogateescape") if mark else ""
    main = MAIN.search(content.decode("utf-8", "replace")) if content.startswith(RUN_JS) else None
    if main is None:
        return ""
    try:
        return str(json.loads('"' + main[1].replace("\\'", "'") + '"'))
    except ValueError:
        return ""


def problems(root: LambdaRoot, program: str) -> Iterator[Problem]:
    """What our shim starts, and what the runtime itself looks for."""
    if root.member(f"{TASK}/{program}") is None:
        name = printable(program)
        message = f"There is no {name or 'executable'} in the package."
        yield Problem.of_file(Fault.ZIP, name, message, "Build the program first.")
    if not root.platform.runtime.on_node:
        yield from bootstrap(root)


def bootstrap(root: LambdaRoot) -> Iterator[Problem]:
    """What a `provided` runtime starts: in the zip, else in a layer."""
    found = root.member(f"{TASK}/{BOOTSTRAP}") or root.member(f"{OPT}/{BOOTSTRAP}")
    if found is not None and not found.is_program:
        message = "bootstrap has no permission to be executed in the zip: Runtime.InvalidEntrypoint."
        yield Problem.of_file(Fault.MODE, BOOTSTRAP, message, "Pack it with mode 0755.")
    if found is not None:
        return
    message = f"There is no bootstrap at the root of the package, which {root.platform.runtime.id} starts."
    hint = "Add it, executable, at the root of the zip; or name the layer that has it: --layer."
    below = next((name_in_package(path) for path, _ in root.members() if path.endswith(f"/{BOOTSTRAP}")), "")
    if below:
        message = f"There is no bootstrap at the root of the package, but {printable(below)}."
        folder = printable(below.rpartition("/")[0])
        hint = f"Zip the content of {folder}/, not the folder: (cd {folder} && zip -r ../lambda.zip .)"
    yield Problem.of_file(Fault.ZIP, BOOTSTRAP, message, hint)


def entries(root: LambdaRoot, elves: Mapping[str, Elf], program: str, dlopen_names: tuple[str, ...]) -> Iterator[Entry]:
    """What our shim starts, and with which environment; and the shim itself."""
    names = [name_in_package(path) for path, _ in root.members()]
    loader = next((f"{TASK}/{name}" for name in names if BUNDLED_LOADER.fullmatch(name)), "")
    path = f"{TASK}/{program}"
    if root.member(path) is not None and program != BOOTSTRAP:
        library_path = f"{TASK_LIB}:{LIBRARY_PATH}"  # the loader's option where one travels, else the variable
        static = path in elves and elves[path].is_static
        yield Entry(path, Role.PROGRAM, library_path, "" if static else loader, dlopen_names)
    if f"{TASK}/{BOOTSTRAP}" in elves and not root.platform.runtime.on_node:
        role = Role.PROGRAM if program == BOOTSTRAP else Role.BOOTSTRAP
        names_too = dlopen_names if role is Role.PROGRAM else ()
        yield Entry(f"{TASK}/{BOOTSTRAP}", role, LIBRARY_PATH, dlopen_names=names_too)
