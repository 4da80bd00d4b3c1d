"""Both shims, built in every way and started against an API: what the shim tests share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from tasks.lib import shim
from tasks.lib.settings.words import Process
from tasks.lib.shim import ShimSettings
from tests.store import alone_at, made_once
from tests.support import ROOT, lacking, need

SHIM = ROOT / "shim"
PROGRAMS = ROOT / "tests/shim/programs"
CHECKED = ("gcc", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@cache
def subject() -> Path:
    """The program that does what its event asks for."""
    command = [need("gcc"), "-O1", str(PROGRAMS / "subject.c"), "-o"]
    return made_once("subject", lambda target: subprocess.run([*command, target], check=True))


@cache
def haskell_program(name: str, source: Path, *options: str) -> Path:
    """A Haskell program with these options for ghc, such as where lambda-run is; lacking packages skip (CI: fail).

    Programs with the same options for the compiler have one folder of objects: lambda-run is compiled once for all.
    """

    def make(target: Path) -> None:
        compiling = [option for option in options if option != "-threaded"]
        objects = made_once("objects", Path.mkdir, compiling)
        command = [need("ghc"), "-v0", *options, "-outputdir", str(objects), "-o", str(target), str(source)]
        with alone_at(objects):
            for another in objects.glob("Main.*"):  # GHC 9.0 would take a newer one for this program's
                another.unlink()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode and "Could not find module" in done.stderr:
            lacking(f"{name} needs a package of tests/packages.txt: {done.stderr}")
        assert done.returncode == 0, done.stderr

    return made_once(name, make, options)


@cache
def compiler_version() -> tuple[int, ...]:
    """GHC's."""
    told = subprocess.run([need("ghc"), "--numeric-version"], capture_output=True, text=True, check=True)
    return tuple(int(part) for part in told.stdout.split("."))


def typed_program(source: Path) -> Path:
    """One that is compiled with the sources of lambda-run and lambda-run-aeson and without a warning."""
    sources = "-i" + ":".join(str(ROOT / "hs" / name / "src") for name in ("lambda-run", "lambda-run-aeson"))
    name = f"typed-{source.parent.name}-{source.stem}"
    return haskell_program(name, source, "-O0", "-Wall", "-Werror", sources)


@cache
def bootstrap(settings: ShimSettings, *, checked: bool = False) -> Path:
    """The native shim; `checked`: with the sanitizers."""
    if checked:
        return made_once("checked", lambda target: compile_checked(settings, target), settings)
    compiler = shim.compilers("x86_64")
    return made_once("bootstrap", lambda target: shim.bootstrap(SHIM, settings, target, compiler), settings)


def compile_checked(settings: ShimSettings, target: Path) -> None:
    """The bootstrap as a dynamic program that stops at the first thing the sanitizers see."""
    flags = ["-O0", *(flag for flag in shim.FLAGS if flag not in {"-static", "-s", "-O2"})]  # a third of -O1's time
    files = [word for name in shim.sources_of(settings)[:-1] for word in ("-include", name)]
    command = [*CHECKED, *flags, *shim._macros(settings), *files, "-o", str(target), shim.SOURCES[-1]]
    command += [f'-DSHIM_MAIN="{settings.main}"', shim.NAME]
    subprocess.run(command, cwd=SHIM, check=True)


@dataclass(frozen=True)
class Way:
    """A shim and the way it drives the program."""

    shim: str  # bootstrap, checked (the same with sanitizers) or node
    settings: ShimSettings

    def __str__(self) -> str:
        about = self.settings
        words = [self.shim, about.process, *["envelope"][: about.input == "envelope"]]
        words += ["no-prestart"][: not about.prestart] + ["stream"][: about.response == "stream"]
        words += ["typed"][: about.content_type != ""]
        return "-".join(words)

    def but(self, **settings: Any) -> Way:
        return Way(self.shim, replace(self.settings, **settings))

    def pack(self, folder: Path, program: Path) -> list[str]:
        """Make `folder` a task root; returns the command that serves it."""
        folder.mkdir(parents=True, exist_ok=True)
        if program.exists():
            shutil.copy(program, folder / self.settings.main)
        if self.shim == "node":
            (folder / "run.js").write_text(shim.run_js(SHIM, self.settings))
            return [need("node"), str(SHIM / "runtime.js"), str(folder / "run.handle")]
        shutil.copy(bootstrap(self.settings, checked=self.shim == "checked"), folder / "bootstrap")
        return [str(folder / "bootstrap")]


def ways(shims: Sequence[str] = ("bootstrap", "node"), **settings: Any) -> list[Way]:
    """Each shim driving the program `main` per event and persistently."""
    processes = (settings.pop("process"),) if "process" in settings else ("per-event", "persistent")
    ways = [(name, Process(process)) for name in shims for process in processes]
    return [Way(name, ShimSettings("main", process=process, **settings)) for name, process in ways]


def _tasks(pid: int) -> list[Path]:
    """The threads of a process; none once it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return list(Path(f"/proc/{pid}/task").iterdir())
    return []


def processors(pid: int) -> set[int] | None:
    """Those that a process may use; None once it has ended."""
    with suppress(ProcessLookupError):
        return os.sched_getaffinity(pid)
    return None


class Running:
    """A shim at work."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, folder: Path) -> None:
        self.process, self._log, self.folder = process, log, folder

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_log(self, words: str) -> None:
        """Return when the log says so: Node writes it behind what it answers."""
        wait_until(lambda: words in self.log)

    def children(self) -> list[int]:
        """Everything below the shim, zombies too."""
        found, todo = [], [self.process.pid]
        while todo:
            for task in _tasks(todo.pop()):
                with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                    new = [int(pid) for pid in (task / "children").read_text().split()]
                    found += new
                    todo += new
        return found

    def zombies(self) -> list[int]:
        def state(pid: int) -> str:
            try:
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return "gone"

        return [pid for pid in self.children() if state(pid) == "Z"]

    def descriptors(self) -> int:
        return sum(1 for _ in Path(f"/proc/{self.process.pid}/fd").iterdir())

    def memory_kb(self, kind: str = "VmRSS") -> int:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(kind))


Start = Callable[..., AbstractContextManager[Running]]  # of the fixture `start`


def wait_until(true: Callable[[], bool], timeout: float = 30) -> None:
    """Return when it is true; an assertion fails when it does not come to pass."""
    until = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


@contextmanager
def running(
    way: Way, address: str, folder: Path, program: Path | None = None, variables: dict[str, str] | None = None
) -> Iterator[Running]:
    """`way` serving the API at `address`, with the little environment that Lambda has."""
    command = way.pack(folder, program or subject())
    log = folder.parent / "log"
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "fn",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    } | (variables or {})
    with log.open("ab") as stderr:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
    shim_at_work = Running(process, log, folder)
    try:
        yield shim_at_work
    finally:
        for pid in shim_at_work.children():
            with_no_error(pid)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if way.shim == "checked":
        assert "Sanitizer" not in shim_at_work.log, shim_at_work.log
        assert "runtime error" not in shim_at_work.log, shim_at_work.log


def with_no_error(pid: int) -> None:
    """Kill a process that may be gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def at_rest(count: Callable[[], int]) -> int:
    """The count once it has been the same ten times in a row, 20 ms apart: nothing is on its way any more."""
    seen = [count()]
    while len(seen) < 10 or len(set(seen[-10:])) > 1:
        assert len(seen) < 1500, "it did not come to rest"
        time.sleep(0.02)
        seen.append(count())
    return seen[-1]
