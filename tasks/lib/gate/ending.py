"""How a script ends where no program has taken its place: by `exit`, by a trap, or at its last line.

in   the fields of `exit` and `trap`, in their order
out  `Ending`: `trap(…)`, `status(…)` and `at_the_end`, each "" or why that decides and is not read
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OF_THE_END = frozenset({"EXIT", "0"})
OF_COMMANDS = frozenset({"DEBUG", "ERR", "RETURN", "CHLD"})
GOOD: tuple[list[str], ...] = ([], ["0"], ["$?"], ['"$?"'], ["${?}"])  # behind `exit`: as the program, or well
MOST_STATUS = 3  # digits of one


@dataclass(slots=True)
class Ending:
    """What a shell has been told of its end."""

    at_the_end: str = ""  # a trap that runs then

    def trap(self, line: int, fields: Sequence[str]) -> str:
        """Keep `trap action condition …`; why what follows is not read where the action may come at once."""
        words = [word for word in fields if word != "--"]
        if len(words) < 2 or words[0][:1] == "-" != words[0]:  # noqa: PLR2004 - an action and a condition
            return ""
        conditions = {word.upper().removeprefix("SIG") for word in words[1:]}
        if conditions & OF_THE_END:
            self.at_the_end = f"line {line}: a trap for its end" if words[0].strip() not in {"", "-"} else ""
        if conditions & OF_COMMANDS and words[0].strip() not in {"", "-"}:
            return f"a trap for {min(conditions & OF_COMMANDS)}, which runs beside its commands"
        return ""


def status(words: Sequence[str], fields: Sequence[str]) -> str:
    """What the words behind `exit` (as written, and their values) make of a good end: "" or a status that is none."""
    if list(words) in GOOD or list(fields) in GOOD:
        return ""
    told = fields[0] if len(fields) == 1 else ""
    return told if told.isdigit() and len(told) <= MOST_STATUS and int(told) % 256 else "of its own"
