"""The output of a command in a container, as engines send it: frames of standard output and standard error.

in   what docker's SDK gives for a command that was started
out  `frames(started)` → (bytes of standard output or None, bytes of standard error or None)

The SDK reads the socket itself, below the buffer that the answer's head was read with: frames that came together with
the head would be lost, and all after them be out of step. Read here is the buffer.
Layout: the Docker Engine API, "Attach to a container", section "Stream format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from ..base.errors import EngineError

HEAD = struct.Struct(">BxxxL")  # the stream, the length of what follows
STDIN, STDOUT, STDERR = range(3)  # the first is sent for some commands by old engines, and is output, too
AT_ONCE = 1 << 16  # bytes of a frame that are handed on together


def frames(started: Any) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Until the command has closed its output; EngineError for what is no frame, or half of one."""
    reader = started._response.raw._fp.fp  # noqa: SLF001 - the SDK has no other way to it
    below: Any = getattr(getattr(reader, "raw", None), "_sock", None)  # none of this name below ssh
    if below is not None:
        below.settimeout(None)  # a compiler may be silent for long; the engine is asked for a sign of life
    while head := reader.read(HEAD.size):
        stream, left = HEAD.unpack(head) if len(head) == HEAD.size else (None, 0)
        if stream not in {STDIN, STDOUT, STDERR}:
            raise EngineError("The engine sent output that is in no frame.", "Run the same command again.")
        while left:
            piece = reader.read(min(left, AT_ONCE))
            if not piece:
                raise EngineError("The engine's output was cut short.", "Run the same command again.")
            left -= len(piece)
            yield (None, piece) if stream == STDERR else (piece, None)
