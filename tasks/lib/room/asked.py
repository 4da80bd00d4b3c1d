"""What a program asked for and did not get: the record without what every start asks for in vain.

in   Seen.record, what the program is; `failed`: whether it ended badly
out  `short_list(…)` → Asked, each path once, with who asked, a sentence and the line that would cure it

The rules, in order: who asked; what was found further on; the loader's own search; locales; known probes; searches
along PATH as one row. Certificates, time zones and encodings are always told: they fail silently.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..platform import outside as places
from ..platform.layout import HOME, LIBRARY_PATH, OPT, PROGRAM_PATH, TASK

LOST = frozenset({"ENOENT", "ENOTDIR", "EACCES", "EROFS", "EPERM"})
SHARED = re.compile(r"\.so(\.[\d.]+)?$")
SEARCHED = (*LIBRARY_PATH.split(":"), "/lib", "/usr/lib")
PROGRAMS = tuple(folder.rstrip("/") for folder in PROGRAM_PATH.split(":"))
LEVELS = re.compile(r"/(glibc-hwcaps|tls|x86_64|haswell|avx512_1|atomics)(/|$)")
PROBES = ("/proc/", "/sys/", "/usr/lib/locale", "/usr/share/locale", "/dev/")
PROBE_FILES = frozenset({
    "/etc/ld.so.preload", "/etc/ld.so.cache", "/etc/host.conf", "/etc/gai.conf", "/etc/localtime", "/etc/resolv.conf",
})  # fmt: skip
WRITABLE = ("/tmp/", "/dev/", "/proc/")  # noqa: S108 - a function's own
SILENT = {"certificates": "certificates", "time zones": "a time zone", "fonts": "fonts", "terminals": "a terminal"}
LOCALE = re.compile(r"/usr/(?:lib|share)/locale/(?!C[./]|POSIX/|locale[-.])([^/]+)/LC_")


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that was asked for and was not there, or not to be written."""

    path: str
    by: str
    error: str
    message: str
    hint: str


def short_list(
    record: Sequence[dict[str, Any]],
    shims: Collection[str] = (),
    *,
    outside: bool = False,
    programs: Collection[str] = (),
    is_packed: Callable[[str], bool] = lambda _: False,
) -> list[Asked]:
    """The short list; `shims`: programs that are not told of.

    `outside`: there was no room, and what was found beside the zip counts, too, or was written there;
    `programs`: names that the runtime has in /usr/bin; `is_packed`: whether /var/task has a copy of a path.
    """
    last_found = {row["path"].rpartition("/")[2]: number for number, row in enumerate(record) if not row["error"]}
    loaded = {(row["exe"], row["path"].rpartition("/")[2]) for row in record if not row["error"]}
    found: dict[str, Asked] = {}
    has_gconv = any("/gconv/" in row["path"] and row["path"].startswith(TASK) and not row["error"] for row in record)
    for number, row in enumerate(map(_as_in_a_room, record) if outside else record):
        path, name = row["path"], row["path"].rpartition("/")[2]
        has_it = name in programs and posixpath.dirname(path) in PROGRAMS
        elsewhere = outside and not row["error"] and _is_outside(path) and not has_it
        if (row["error"] not in LOST and not elsewhere) or row["exe"] in shims or _is_noise(path, row):
            continue
        if has_gconv and "/gconv" in path:  # its own are found
            continue
        of_system = row["exe"].startswith("/usr/bin/") and not row["call"].startswith("exec")
        if of_system and posixpath.dirname(path) not in PROGRAMS:  # what the system's own programs probe for
            continue
        if last_found.get(name, -1) > number and (SHARED.search(name) or posixpath.dirname(path) in PROGRAMS):
            continue
        if SHARED.search(name) and (row["exe"], name) in loaded:  # a second process of it, ended with the run
            continue
        told = _asked_of(path, row, is_packed)
        found.setdefault(told.hint + ("" if places.kind(path) == "locales" else told.message), told)  # a locale is one
    return list(found.values())


def _as_in_a_room(row: dict[str, Any]) -> dict[str, Any]:
    """What was written beside /tmp, or would have been in a folder that is not here, is refused on Lambda."""
    return {**row, "error": "EROFS"} if row["writes"] and not row["path"].startswith(WRITABLE) else row


def _is_outside(path: str) -> bool:
    """A file of this machine that a function would not have."""
    inside = (f"{TASK}/", f"{OPT}/", "/tmp/", "/proc/", "/dev/", "/lib", "/usr/lib", "/etc/ld.so")  # noqa: S108
    return not path.startswith(inside)


def _is_noise(path: str, row: dict[str, Any]) -> bool:
    folder = posixpath.dirname(path)
    loaders = folder in SEARCHED and SHARED.search(path) is None and row["call"] in {"newfstatat", "stat"}
    at_home = path.startswith(f"{HOME}/") and not row["writes"]  # wishes of a user, whom Lambda does not have
    return (
        path in PROBE_FILES
        or at_home
        or path in SEARCHED
        or loaders
        or (path.startswith(PROBES) and not LOCALE.match(path))
        or path.endswith("gconv-modules.cache")
        or (LEVELS.search(path) is not None and any(path.startswith(f"{each}/") for each in SEARCHED))
    )


def _asked_of(path: str, row: dict[str, Any], is_packed: Callable[[str], bool]) -> Asked:
    by = posixpath.basename(row["exe"])
    if row["writes"] and row["error"] in {"EROFS", "EACCES", "EPERM"}:
        message = f"{by} writes to {path}, which is read-only on Lambda."
        return Asked(path, by, row["error"], message, "Only /tmp can be written: write there.")
    name = posixpath.basename(path)
    if row["call"].startswith("exec") or (
        posixpath.dirname(path) in PROGRAMS and row["call"] in {"stat", "newfstatat"}
    ):
        message = f"{by} starts {name}, which is not there (looked in {', '.join(PROGRAMS)})."
        return Asked(name, by, row["error"], message, f'Ship it, and call it by its path: include = ["{name}"]')
    if SHARED.search(path):
        message = f"{by} opens the library {name}, which is not there."
        return Asked(name, by, row["error"], message, f'include = ["{name}"]')
    if (told := _silent_loss(path, by, row["error"], is_packed)) is not None:
        return told
    why = "cannot be read by the function's user" if row["error"] == "EACCES" else "is not there"
    variable, folder = _data_variable(path)
    below = f"{TASK}{folder}" if not folder.startswith(f"{TASK}/") else folder
    cure = (
        f'include = ["{path}"]' if not path.startswith(f"{TASK}/") else f'include = ["{path.removeprefix(f"{TASK}/")}"]'
    )
    if variable:
        cure += f', environment = {{ {variable} = "{below}" }}'
        cure = f"Build it with `source`: its data files travel then. For one that is built already: {cure}"
    return Asked(path, by, row["error"], f"{by} asks for {path}, which {why}.", cure)


def _silent_loss(path: str, by: str, error: str, is_packed: Callable[[str], bool]) -> Asked | None:
    """What many programs do without in silence, and what the package has elsewhere."""
    kind = places.kind(path)
    if kind == "text encodings":
        message = (
            f"{by} asks for a text encoding (gconv), and Lambda may have none; many programs go on without a word."
        )
        return Asked(path, by, error, message, 'libc = "bundled" brings them.')
    if locale := LOCALE.match(path):
        message = f"{by} asks for the locale {locale[1]}; Lambda has C.UTF-8 and POSIX."
        return Asked(path, by, error, message, "Ask for C.UTF-8, or ship the locale's folder and set LOCPATH.")
    copied = path.startswith("/") and not path.startswith(TASK) and is_packed(path)
    if kind in SILENT or copied:
        message = f"{by} asks for {SILENT.get(kind, 'data')} ({path}), and Lambda may have none; "
        message += "many programs go on without a word."
        lies = f"It lies at {TASK}{path}" if copied else f'include = ["{path}"]'
        how = places.setting(path) or "tell the program where it lies"
        return Asked(path, by, error, message, f"{lies}{':' if copied else ', and'} {how}.")
    return None


def _data_variable(path: str) -> tuple[str, str]:
    """The variable by which a Cabal package finds its data files, and their folder, for a path in its share folder."""
    found = re.search(r"/share/[^/]*ghc-[\d.]+[^/]*/([A-Za-z][A-Za-z0-9-]*)-[\d.]+(?=/)", path)
    return (f"{found[1].replace('-', '_')}_datadir", path[: found.end()]) if found else ("", "")


def sentences(found: Sequence[Asked]) -> Iterator[str]:
    """For people."""
    for item in found:
        yield f"asked    {item.message}"
        yield f"         {item.hint}"
