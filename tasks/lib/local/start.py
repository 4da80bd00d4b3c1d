"""Where a function's process runs: in a room shaped like Lambda, or in its folder where there can be none.

in   a package that is laid out, what the sandbox adds to its environment; for the emulator, its command in front
out  `start(…)` → Started: the process, and how many of ours stand above the program; `tell_of_no_room(…)`: why there is
     none, in a sentence

In the room there is what Lambda has: /var/task that can be read only, an empty /tmp of its own, a bare /etc and
/usr/share, no HOME, no programs of this machine's but those that the runtime has, and the function's own user.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..platform.architecture import Architecture, own_architecture
from ..platform.layout import BOOTSTRAP, PROGRAM_PATH, RUNTIME, TASK
from ..platform.runtimes import Platform, platform
from ..room import fittings
from ..room.room import room_problem
from ..room.stay import KEEPERS, Stay, stay
from . import credentials
from .folders import dies_with_us
from .function import CLIENT, RUNTIME_JS, Package, as_on_lambda, command, environment, node, node_client

RIE = "/var/rapid/aws-lambda-rie"  # where the emulator stands in the room


_told = threading.Event()


@dataclass(frozen=True, slots=True)
class Started:
    """A process; `keepers` of ours stand above the program in its tree."""

    process: subprocess.Popen[bytes]
    keepers: int


@dataclass(frozen=True, slots=True)
class Output:
    """Where a process writes: handles, or what subprocess takes for them."""

    stdout: int
    stderr: int


def tell_of_no_room(packages: Iterable[Package], log: Callable[[str], None]) -> None:
    """Say once in a process why functions run in plain folders here, with the cure; nothing where there are rooms."""
    if not any(package.room for package in packages) or not (problem := room_problem()) or _told.is_set():
        return
    _told.set()
    log(
        f"{problem} Functions run in plain folders, with this machine's files, programs and HOME, which Lambda has not."
    )


def start(package: Package, task: Path, more: Mapping[str, str], output: Output, front: Sequence[str] = ()) -> Started:
    """Start what serves the package; `front`: the emulator and its options, which start it in turn.

    InvokeError when there is nothing that could be started, ToolError for want of Node.js.
    """
    served = command(package, task)
    if not package.room or room_problem() or _foreign(task):
        process = subprocess.Popen(
            [*dies_with_us(), *front, *served],
            cwd=task,
            env={**environment(package, task), **more},
            stdin=subprocess.DEVNULL,
            stdout=output.stdout,
            stderr=output.stderr,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
        )
        return Started(process, 0)
    where = platform(package.runtime, own_architecture())
    words, binds = _inside(package, where)
    if front:
        words, binds = [RIE, *front[1:], *words], [*binds, (front[0], RIE)]
    path = f"{fittings.LANG}/bin:{PROGRAM_PATH}" if package.on_node else PROGRAM_PATH
    wanted = Stay(
        task,
        tuple(words),
        where,
        {"PATH": path, **as_on_lambda(package, TASK, credentials.variables_to_keep()), **more},
        layers=task.with_name("opt"),
        tmp_mb=package.tmp_mb,
        more=tuple(binds),
    )
    marks = {"LAMBDA_TASK_ROOT": str(task)}
    return Started(stay(wanted, output=output.stdout, errors=output.stderr, marks=marks), KEEPERS)


def _foreign(task: Path) -> bool:
    """A bootstrap for another processor runs by this machine's qemu, which is not in the room."""
    try:
        head = (task / BOOTSTRAP).read_bytes()[:20]
    except OSError:
        return False
    machine = int.from_bytes(head[18:20], "little")
    return head[:4] == b"\x7fELF" and machine != Architecture(own_architecture()).elf_machine


def _inside(package: Package, where: Platform) -> tuple[list[str], list[fittings.Bind]]:
    """The command that serves a package, by paths of the room, and what must stand there for it."""
    if not package.on_node:
        return [f"{TASK}/bootstrap", package.handler], []
    found = Path(node())
    binds = fittings.program(found, where)
    client = node_client(CLIENT.absolute())
    if client is None:
        script, binds = f"{RUNTIME}/runtime.js", [*binds, (str(RUNTIME_JS), f"{RUNTIME}/runtime.js")]
    else:
        folder = f"{RUNTIME}/node_modules/aws-lambda-ric"
        script = f"{folder}/{client.relative_to(CLIENT.absolute())}"
        binds = [*binds, (str(CLIENT.absolute()), folder)]
    return [f"{fittings.LANG}/bin/{found.name}", script, package.handler], binds
