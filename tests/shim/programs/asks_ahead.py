"""A runtime that asks for the next event behind its answer, on the same connection, as our copies do; it echoes."""

from __future__ import annotations

import os
import socket
from typing import BinaryIO

BEFORE = "/2018-06-01/runtime/invocation"
NEXT = f"GET {BEFORE}/next HTTP/1.1\r\nHost: api\r\n\r\n".encode()


def reply(stream: BinaryIO) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Status line, header fields and body of one reply."""
    status, fields = stream.readline(), {}
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip()
    if b"content-length" in fields:
        return status, fields, stream.read(int(fields[b"content-length"]))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return status, fields, body


def main() -> None:
    """Serve until the API has gone."""
    host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as stream:
        connection.sendall(NEXT)
        while True:
            _, fields, event = reply(stream)
            place = f"{BEFORE}/{fields[b'lambda-runtime-aws-request-id'].decode()}/response"
            head = f"POST {place} HTTP/1.1\r\nHost: api\r\nContent-Length: {len(event)}\r\n\r\n".encode()
            connection.sendall(head + event + NEXT)
            status, _, said = reply(stream)
            assert b" 202 " in status, (status, said)


if __name__ == "__main__":
    main()
