"""Lambda's runtimes, as data with a date: what each is, when it ends, which libraries and versions it has.

in   data/runtimes.toml, data/systems.toml, data/al2023-<architecture>.txt (each says where it comes from, and when)
out  `RUNTIMES`, `RETIRED`: what lambda.toml may name; `runtime(id)` → Runtime; `ending(id, today)` → a warning
     `platform(id, architecture)` → Platform, what a zip meets there

A new runtime is one table of runtimes.toml, and a table of systems.toml and data files where its system is a new one.
Every run reads the first, so it is kept small.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ..base.errors import UsageError
from ..base.frozen import Frozen
from .architecture import Architecture
from .libc import Tier, tier

DATA = Path(__file__).parent / "data"
ARCHITECTURES = tuple(map(str, Architecture))
AT_LEAST = "~"  # before the names of a library that may define more
WARN_AHEAD = timedelta(days=180)  # AWS announces an end about so long before

_TABLE: dict[str, Any] = tomllib.loads((DATA / "runtimes.toml").read_text())
RUNTIMES = tuple(name for name, facts in _TABLE["runtime"].items() if "instead" not in facts)
RETIRED: dict[str, str] = {name: facts["instead"] for name, facts in _TABLE["runtime"].items() if "instead" in facts}
UNKNOWN: dict[str, str] = _TABLE["unknown"]  # AWS has them, and nothing is known of them here


class Runtime(NamedTuple):
    """One of Lambda's runtimes; `successor` names the one to use when this one is over."""

    id: str
    system: str
    deprecated: date
    create_blocked: date | None
    update_blocked: date | None
    successor: str

    @property
    def on_node(self) -> bool:
        """True where AWS's Node starts the handler, False where the zip's bootstrap does."""
        return on_node(self.id)


class Platform(Frozen):
    """What a zip meets in a runtime on a processor."""

    runtime: Runtime
    architecture: str
    glibc: str
    kernel: tuple[int, ...]  # the oldest that functions run on
    loader: str  # path of the dynamic loader
    libraries: frozenset[str]
    versions: Mapping[str, frozenset[str]]  # soname → the versions it defines, where they are known
    symbols: Mapping[str, frozenset[str]]  # soname → the names it defines, where they are known; AT_LEAST among some
    programs: frozenset[str]  # file names in /usr/bin that are known to be there
    no_programs: frozenset[str]  # and those that are known not to be

    def tier(self, soname: str) -> Tier:
        """How a library is treated here."""
        return tier(soname, self.libraries)


class Names(Mapping[str, frozenset[str]]):
    """Soname → the names it defines, from a file that is read when it is first asked for; few lines are ever split."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __getitem__(self, soname: str) -> frozenset[str]:
        return frozenset(self._lines[soname].split())

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    @cached_property
    def _lines(self) -> dict[str, str]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return {name: words for name, _, words in (line.partition(" ") for line in lines if line[:1] not in {"#", ""})}


def on_node(name: str) -> bool:
    """True for a runtime in which AWS's Node starts the handler."""
    return name.startswith("nodejs")


def base_image(name: str) -> str:
    """AWS's own container image of a runtime, such as `public.ecr.aws/lambda/nodejs:24`."""
    family, version = ("nodejs", name[6:].removesuffix(".x")) if on_node(name) else name.split(".", 1)
    return f"public.ecr.aws/lambda/{family}:{version}"


@cache
def runtime(name: str) -> Runtime:
    """A runtime that functions can be made for; UsageError names the replacement of one that is over."""
    facts = _TABLE["runtime"].get(name)
    if facts is None:
        why = f" AWS has it: {UNKNOWN[name]}" if name in UNKNOWN else ""
        raise UsageError(f"There is no runtime {name!r} here.{why}", f"Known are {', '.join(RUNTIMES)}.")
    if name in RETIRED:
        raise UsageError(f"The runtime {name} is over: deprecated on {facts['deprecated']}.", f"Use {RETIRED[name]}.")
    dates = (facts["deprecated"], facts.get("create_blocked"), facts.get("update_blocked"))
    return Runtime(name, facts["system"], *dates, facts.get("successor", ""))


@cache
def ending(name: str, today: date | None = None) -> str:
    """A warning about a runtime whose end is near or past, with the date and the successor; empty for others."""
    found = runtime(name)
    now = today or date.today()  # noqa: DTZ011 - AWS's dates have no time zone
    if now < found.deprecated - WARN_AHEAD:
        return ""
    verb = "ended" if now >= found.deprecated else "ends"
    after = [
        f"no {what} from {day}"
        for what, day in (("new functions", found.create_blocked), ("updates", found.update_blocked))
        if day
    ]
    then = f'; set runtime = "{found.successor}"' if found.successor else ""
    return f"AWS's support for {name} {verb} on {found.deprecated} ({', '.join(after)}){then}."


@cache
def platform(name: str, architecture: str) -> Platform:
    """What the runtime offers on `architecture`; UsageError for one that Lambda lacks."""
    if architecture not in ARCHITECTURES:
        raise UsageError(f"Lambda has no architecture {architecture!r}.", f"Known are {', '.join(ARCHITECTURES)}.")
    found = runtime(name)
    system = tomllib.loads((DATA / "systems.toml").read_text())[found.system]
    absent = tuple(f"{library}.so" for library in system["absent"])
    libraries = {
        soname: words
        for soname, words in _lines(f"{found.system}-{architecture}.txt").items()
        if not soname.startswith(absent)
    }
    return Platform(
        found,
        architecture,
        system["glibc"],
        tuple(map(int, system["kernel"].split("."))),
        Architecture(architecture).loader,
        frozenset(libraries),
        {soname: words - {"-"} for soname, words in libraries.items() if words},
        Names(DATA / f"{found.system}-{architecture}-symbols.txt"),
        frozenset(system["programs"]) | ({"node"} if found.on_node else frozenset()),
        frozenset(system["no_programs"]) - ({"node"} if found.on_node else frozenset()),
    )


def _lines(name: str) -> dict[str, frozenset[str]]:
    """First word of each line → the rest; comments left out."""
    lines = ((DATA / name).read_text() if (DATA / name).exists() else "").splitlines()
    return {word: frozenset(rest) for word, *rest in map(str.split, lines) if not word.startswith("#")}
