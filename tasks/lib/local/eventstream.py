"""AWS's binary event stream, as InvokeWithResponseStream answers: one message a piece, one at the end.

Format: Smithy, "Amazon Event Stream specification": two lengths, their CRC, headers of type 7 (text), payload, CRC.
"""

from __future__ import annotations

import json
import struct
import zlib

TEXT = 7


def message(kind: str, payload: bytes, content_type: str) -> bytes:
    """One event of the stream."""
    headers = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), TEXT, len(value)) + value.encode()
        for name, value in ((":message-type", "event"), (":event-type", kind), (":content-type", content_type))
    )
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    checked = start + struct.pack(">I", zlib.crc32(start)) + headers + payload
    return checked + struct.pack(">I", zlib.crc32(checked))


def chunk(piece: bytes) -> bytes:
    """Some of the answer."""
    return message("PayloadChunk", piece, "application/octet-stream")


def complete(error: str = "", details: str = "", log: str = "") -> bytes:
    """The end, with why it came early, and the log in base64."""
    fields = {"ErrorCode": error, "ErrorDetails": details, "LogResult": log}
    known = {name: value for name, value in fields.items() if value}
    return message("InvokeComplete", json.dumps(known).encode(), "application/json")
