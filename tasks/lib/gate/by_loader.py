"""A dynamic loader that is started by name: which program it loads, and from which folders.

in   a Call whose first word is a loader
out  `loader_call(call)` → LoaderCall

Options are those of glibc's ld.so, 2.31 to 2.41; musl's takes --library-path and --preload, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from .call import Call

WITH_VALUE = frozenset(
    {"--library-path", "--argv0", "--inhibit-rpath", "--glibc-hwcaps-mask", "--glibc-hwcaps-prepend"}
)
ALONE = frozenset({"--inhibit-cache"})
LOADS_MORE = frozenset({"--preload", "--audit"})
STARTS_NOTHING = frozenset(
    {"--list", "--verify", "--help", "--version", "--list-tunables", "--list-diagnostics", "-v", "-h"}
)


@dataclass(frozen=True, slots=True)
class LoaderCall:
    """What the words say; `program` is empty where there is none."""

    program: str
    library_path: str
    idle: str = ""  # an option with which it starts nothing
    unread: str = ""  # what is beyond this reader


def loader_call(call: Call) -> LoaderCall:
    """`ld.so [option …] program [argument …]`; the program is mapped by the loader, as a library would be."""
    library_path, rest, unread = call.environment.get("LD_LIBRARY_PATH", ""), list(call.words[1:]), ""
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in STARTS_NOTHING:
            return LoaderCall("", library_path, idle=option)
        if option in WITH_VALUE | LOADS_MORE:
            value = rest.pop(0) if rest else ""
            library_path = value if option == "--library-path" else library_path
        if option not in WITH_VALUE | ALONE:
            unread = unread or f"the option {option} of its loader"
    program = rest[0] if rest else ""
    if program and "/" not in program:
        unread = unread or f"{program}, which its loader looks for where libraries are, for want of a slash"
    return LoaderCall(program, library_path, unread=unread)
