"""What stands in a room: the package, a bare /etc, and what of this host the runtime is known to have, too.

in   a Platform, folders of this host; programs of this host that a runtime brings along (Node)
out  `binds(…)`, `program(…)` → (path here, path in the room); `etc(…)` → path → text; `LINKS_THERE`

Facts that are assumed: the user's numbers, certificates in /etc/pki, and the terminals of ncurses-base, without which
Amazon Linux's package has no libtinfo.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ..base.errors import ElfError
from ..loader import ldcache
from ..loader.search import ABIS, Search
from ..loader.walk import closure
from ..platform.architecture import Architecture
from ..platform.layout import HOME, LINKS, OPT, TASK, USER
from ..platform.runtimes import Platform
from ..sysroot.root import Host

Bind = tuple[str, str]
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
LOCALE = "/usr/lib/locale/C.utf8"  # Amazon Linux has it (glibc-minimal-langpack), and no other
BUNDLE = "/etc/pki/tls/certs/ca-bundle.crt"
TERMINALS = ("/lib/terminfo", "/usr/share/terminfo")  # Debian has the common ones in the first
LANG = "/var/lang"  # where a managed runtime has its interpreter
LINKS_THERE = {**LINKS, "/etc/ssl/certs": "../pki/tls/certs"}
_ETC = {
    "/etc/passwd": f"root:x:0:0:root:/root:/bin/bash\n{USER}:x:993:990::{HOME}:/sbin/nologin\n",
    "/etc/group": f"root:x:0:\n{USER}:x:990:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/resolv.conf": "nameserver 127.0.0.1\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


def etc(*, online: bool) -> Mapping[str, str]:
    """The files of /etc; `online`: names of hosts are found as on this machine."""
    found = dict(_ETC)
    for name in ("/etc/hosts", "/etc/resolv.conf") if online else ():
        with suppress(OSError):
            found[name] = Path(name).read_text(errors="replace")
    return found


def binds(where: Platform, task: Path, layers: Path | None = None) -> list[Bind]:
    """The package, its layers, and the runtime's libraries, programs and certificates, where this host has them."""
    host = Host()
    found = [(str(task), TASK), *([(str(layers), OPT)] if layers else [])]
    cache_file = ldcache.cache(host)
    flags = ABIS[Architecture(where.architecture).elf_machine, 64].flags
    for soname in sorted(where.libraries):
        path = cache_file.path(soname, flags) if cache_file else None
        if path:
            found.append((os.path.realpath(path), f"/usr/lib64/{soname}"))
    found.append((os.path.realpath(where.loader), f"/usr/{where.loader.lstrip('/')}"))
    for name in sorted(where.programs):
        path = f"/usr/bin/{name}"
        if host.exists(path):
            found.append((os.path.realpath(path), path))
    bundle = next((path for path in CERTIFICATES if host.exists(path)), "")
    found += [(os.path.realpath(bundle), BUNDLE)] if bundle else []
    terminals = next((path for path in TERMINALS if host.exists(f"{path}/d/dumb")), "")
    found += [(os.path.realpath(terminals), TERMINALS[-1])] if terminals and "libtinfo.so.6" in where.libraries else []
    found += [(LOCALE, LOCALE)] if host.exists(f"{LOCALE}/LC_CTYPE") else []
    return _once(found)


def program(path: Path, where: Platform) -> list[Bind]:
    """A program of this host as the runtime's own, below /var/lang, with the libraries that the runtime lacks."""
    found = [(os.path.realpath(path), f"{LANG}/bin/{path.name}")]
    with suppress(ElfError, OSError):  # a script: whatever reads it will say so
        walked = closure(Host(), os.path.realpath(path), Search())
        theirs = [item for item in walked.objects[1:] if item is not walked.interpreter]
        found += [
            (os.path.realpath(item.path), f"{LANG}/lib/{item.soname}")
            for item in theirs
            if item.soname not in where.libraries
        ]
    return _once(found)


def _once(found: list[Bind]) -> list[Bind]:
    by_target = {target: source for source, target in found}
    return [(source, target) for target, source in by_target.items()]
