"""Where functions begin, by the table of PT_GNU_EH_FRAME: an address within one is no start of anything.

in   an Image, its segments, an address
out  `within_a_function(image, segments, address)` → "within a function", "" where nothing is known against it

Rules: LSB's "Exception Frames" and `.eh_frame_hdr`; the one encoding that GNU's and LLVM's linkers write.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .tables import DamagedError

if TYPE_CHECKING:
    from .headers import Segment
    from .tables import Image

EH_FRAME_HDR = 0x6474E550
VERSION_AND_ENCODINGS = b"\x01\x1b\x03\x3b"  # pointers of 4 bytes, from here; a sorted table, from its beginning
MOST_FUNCTIONS = 1 << 17


def within_a_function(image: Image, segments: Sequence[Segment], address: int) -> str:
    """Whether a function covers the address and begins before it."""
    header = next((one.vaddr for one in segments if one.type == EH_FRAME_HDR), 0)
    try:
        at = image.offset(header) if header else 0
        if not at or not address or image.at(at, 4) != VERSION_AND_ENCODINGS:
            return ""
        _, count = struct.unpack("<iI", image.at(at + 4, 8))
        if not count or count > MOST_FUNCTIONS:
            return ""
        table = image.at(at + 12, 8 * count)
        behind = bisect_right(range(count), address, key=lambda at: struct.unpack_from("<i", table, 8 * at)[0] + header)
        if not behind:  # every function begins later
            return ""
        start, described = (value + header for value in struct.unpack_from("<ii", table, 8 * (behind - 1)))
        size = struct.unpack("<I", image.at(image.offset(described) + 12, 4))[0]
    except DamagedError:
        return ""
    return "within a function" if start < address < start + size else ""
