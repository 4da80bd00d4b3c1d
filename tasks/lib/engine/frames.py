"""The output of a command in a container, as engines send it: frames of standard output and standard error.

in   what docker's SDK gives for a command that was started
out  `frames(started)` → Output, piece by piece

The SDK reads the socket itself, below the buffer that the answer's head was read with: frames that came together with
the head would be lost, and all after them be out of step. Read here is the buffer.
Layout: the Docker Engine API, "Attach to a container", section "Stream format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from ..base.errors import EngineError

Output = tuple[bytes | None, bytes | None]  # of a command: from standard output, from standard error
HEAD = struct.Struct(">BxxxL")  # the stream, the length of what follows
STDIN, STDOUT, STDERR = range(3)  # the API knows of the first, too, and says that it is written on standard output


def frames(started: Any) -> Iterator[Output]:
    """Until the command has closed its output; EngineError for what is no frame, or a part of one."""
    reader = started._response.raw._fp.fp  # noqa: SLF001 - the SDK has no other way to it
    while head := reader.read(HEAD.size):
        stream, length = HEAD.unpack(head) if len(head) == HEAD.size else (None, 0)
        if stream not in {STDIN, STDOUT, STDERR}:
            raise EngineError("The engine sent output that is in no frame.", "Run the same command again.")
        piece = reader.read(length)
        if len(piece) < length:
            raise EngineError("The engine's output was cut short.", "Run the same command again.")
        yield (None, piece) if stream == STDERR else (piece, None)
