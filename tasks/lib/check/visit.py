"""`check --run EVENT`: start it once in the room, give it an event, and tell what it asked for in vain.

in   a zip or a program with what travels, the event, memory and time
out  `run_zip(…)`, `run_program(…)` → Ran: lines, a document, and whether it answered

A zip's bootstrap gets the event by the Runtime API; a bare program on stdin, as the shim would start it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import files
from ..base.errors import UsageError
from ..base.typed import typed_path
from ..gate.verdict import printable
from ..libs.bundle import zip_name
from ..platform.layout import BOOTSTRAP, LIB, LIBRARY_PATH, LOADER, OPT, TASK
from ..room.asked import sentences, short_list
from ..room.room import Seen, Visit, room_problem, visit

if TYPE_CHECKING:
    from ..gate.lambda_root import Contents
    from ..libs.needed import Needed
    from ..platform.runtimes import Platform
    from ..sysroot.root import Sysroot

MOST_LINES = 6  # of what the program wrote to stderr


@dataclass(frozen=True, slots=True)
class How:
    """What a run is given; `shims`: programs of ours, whose own questions are not told."""

    event: bytes
    memory_mb: int
    timeout_s: float
    handler: str = ""
    shims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run showed."""

    ok: bool
    lines: tuple[str, ...]
    document: dict[str, Any]


def event_of(word: str) -> bytes:
    """The event as it stands, or `@file`; UsageError for a file that cannot be read or for no JSON."""
    try:
        content = typed_path(word[1:]).read_bytes() if word.startswith("@") else word.encode()
        json.loads(content)
    except OSError as error:
        raise UsageError(
            f"{word[1:]} cannot be read: {error.strerror}.", "Name a file with JSON: --run @FILE."
        ) from error
    except ValueError as error:
        raise UsageError(f"The event is no JSON: {error}.", "Give it as --run '{}' or --run @FILE.") from error
    return content


def run_zip(contents: Contents, layer: Contents, where: Platform, how: How) -> Ran:
    """Start the bootstrap of a zip; UsageError for one of Node's, which has none."""
    if where.runtime.on_node:
        raise UsageError(
            "--run starts bootstraps, and this zip is for Node.", "Use doit invoke --local, with AWS's client."
        )
    with files.scratch("check") as folder:
        task, opt = folder / "task", folder / "opt"
        lay(contents, task)
        lay(layer, opt)
        place = TASK if (task / BOOTSTRAP).exists() else OPT
        wanted = Visit(
            task,
            (f"{place}/{BOOTSTRAP}",),
            where,
            event=how.event,
            layers=opt,
            handler=how.handler or "function",
            memory_mb=how.memory_mb,
            timeout_s=how.timeout_s,
        )
        return _outcome(visit(wanted), wanted, how.shims)


def run_program(program: Path, found: Needed, sysroot: Sysroot, where: Platform, how: How) -> Ran:
    """Start a program with what travels, as the shim does."""
    from ..libs.packed import pack

    with files.scratch("check") as folder:
        task = folder / "task"
        pack(found, sysroot, folder / LIB)
        for item in found.pack:
            mode = files.PROGRAM_MODE if item.executable else files.FILE_MODE
            files.write(task / zip_name(item.name), (folder / LIB / item.name).read_bytes(), mode)
        files.write(task / program.name, program.read_bytes(), files.PROGRAM_MODE)
        _open_folders(task)
        loader = next((item.name for item in found.pack if LOADER.fullmatch(item.name)), "")
        start = (f"{TASK}/{LIB}/{loader}", "--library-path", f"{TASK}/{LIB}:{LIBRARY_PATH}") if loader else ()
        environment = {"LC_ALL": "C.UTF-8"}
        if not loader:
            environment["LD_LIBRARY_PATH"] = f"{TASK}/{LIB}:{LIBRARY_PATH}"
        wanted = Visit(
            task,
            (*start, f"{TASK}/{program.name}"),
            where,
            stdin=how.event,
            memory_mb=how.memory_mb,
            timeout_s=how.timeout_s,
            environment=environment,
        )
        return _outcome(visit(wanted), wanted, ())


def lay(contents: Contents, folder: Path) -> None:
    """The files of a package on disk, with their modes and links, as Lambda lays them out."""
    folder.mkdir(parents=True)
    for name, member in contents.members.items():
        files.write(folder / name, member.content(), member.mode)
    for name, target in contents.links.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    _open_folders(folder)
    for name, mode in sorted(contents.folders.items(), reverse=True):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name).chmod(mode)


def _open_folders(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(files.PROGRAM_MODE)


def _outcome(seen: Seen, wanted: Visit, shims: Collection[str]) -> Ran:
    by_api = wanted.event is not None
    answered = seen.answer is not None and seen.failure is None if by_api else seen.status == 0
    lost = short_list(
        seen.record,
        shims,
        outside=bool(room_problem()),
        programs=wanted.platform.programs,
        is_packed=lambda path: os.path.lexists(wanted.task / path.lstrip("/")),
    )
    lines = [seen.room, *sentences(lost)]
    text = seen.stderr.decode("utf-8", "replace").strip()
    lines += [f"stderr   {printable(line)}" for line in text.splitlines()[-MOST_LINES:]] if not answered else []
    if "Unable to commit" in text or "out of memory" in text.lower():
        lines.append(f"memory   it used more than memory_mb = {wanted.memory_mb}.")
    content = seen.answer if by_api else seen.stdout
    how = "answered" if answered else _failure(seen, wanted, by_api=by_api)
    lines.append(f"run      {how}" + (f": {printable(_short(content))}" if answered and content is not None else ""))
    document = {
        "answered": answered,
        "how": how,
        "status": seen.status,
        "answer": printable(content.decode("utf-8", "replace")) if content is not None else None,
        "failure": printable(seen.failure.decode("utf-8", "replace")) if seen.failure is not None else None,
        "asked": [asdict(item) for item in lost],
        "recorded": seen.recorded,
        "room": seen.room,
    }
    return Ran(answered, tuple(lines), document)


def _failure(seen: Seen, wanted: Visit, *, by_api: bool) -> str:
    if seen.failure is not None:
        return f"failed: {printable(_short(seen.failure))}"
    if seen.timed_out:
        return f"gave no answer within {wanted.timeout_s:g} s"
    if seen.status is None:
        return f"could not be started: {seen.room}"
    ended = f"signal {-seen.status}" if seen.status < 0 else f"exit code {seen.status}"
    return f"ended with {ended}{' before it answered' if by_api else ''}"


def _short(content: bytes) -> str:
    text = content.decode("utf-8", "replace").strip()
    return text if len(text) <= 200 else f"{text[:200]}…"  # noqa: PLR2004 - what is read at a glance
