"""What travels beside the runtime's C library: what the runtime lacks, and what is cheap (tiers T3 and T2).

in   the closure of a program, the Platform it is for
out  `lean(walked, where)` → name in lib/ → path in the sysroot

bundle.py is its counterpart, for which everything travels.
"""

from __future__ import annotations

from ..loader.closure import Closure, Loaded
from ..platform.libc import Tier, in_libc_family
from ..platform.runtimes import Platform
from .bundle import copies


def lean(walked: Closure, where: Platform) -> dict[str, str]:
    """Name in lib/ → path, for what the runtime lacks and what is cheap; what its own libraries need it has."""
    found: dict[str, str] = {}
    queue: list[Loaded] = [walked.program]
    seen = {id(walked.program)}
    while queue:
        for item in queue.pop(0).needs:
            if not isinstance(item, Loaded) or id(item) in seen:
                continue
            seen.add(id(item))
            if item is not walked.interpreter and _travels(item, where):
                found |= dict.fromkeys(copies(item, walked.program.origin), item.path)
                queue.append(item)
    return found


def _travels(item: Loaded, where: Platform) -> bool:
    kind = where.tier(item.soname)
    if kind is Tier.CHEAP:  # the copy would need more than the runtime has: then its own is the better one
        return not any(
            in_libc_family(need.provider) and need.version not in where.versions.get(need.provider, {need.version})
            for need in item.elf.versions
        )
    return kind is Tier.ABSENT
