#!/usr/bin/env python3
"""A persistent program that shares memory with the bootstrap, and does with it what its event asks for.

An event is a JSON string, `"<what> <anything>"`.
"""

import json
import mmap
import os
import sys
import time

HALF = int(os.environ["LAMBDA_SHIM_MEMORY"])
EVENTS, ANSWERS = mmap.mmap(3, HALF, prot=mmap.PROT_READ), mmap.mmap(4, HALF)
shared = 0


def writable():
    """Whether the events can be written to, by any way."""
    try:
        mmap.mmap(3, HALF)
    except OSError:
        pass
    else:
        return True
    try:
        os.write(3, b"x")
    except OSError:
        return False
    return True


def answer(what, offset, event):
    """The rest of the head, and bytes behind it."""
    place = f"@{offset} {len(event)}"
    if what == "wait":
        while not os.path.exists(os.environ["GO"]):
            time.sleep(0.005)
    if what in ("in", "wait"):
        return (place, b"") if offset else (str(len(event)), event)
    if what in ("fill", "spill"):
        size = 2_000_000
        ANSWERS[:size] = b'"' + b"z" * (size - 2) + b'"'
        return f"@{HALF} {size if what == 'fill' else 1}", b""
    if what == "beyond":
        return f"@{offset} {len(event) + 1}", b""
    if what == "before":
        return f"@{offset - 1} {len(event)}", b""
    if what == "outside":
        return f"@{2 * HALF - 1} 2", b""
    if what == "exit":
        os._exit(3)
    left = [len(half) - half.count(0) for half in (EVENTS[: offset or HALF], EVENTS[offset + len(event) :], ANSWERS[:])]
    told = json.dumps({"left": left, "shared": shared, "writable": writable()}).encode()
    return str(len(told)), told


def main():
    global shared
    requests, out = sys.stdin.buffer, sys.stdout.buffer
    while True:
        out.write(b"\nlambda-run takes memory\n")
        out.flush()
        identity, place, *more = requests.readline().decode().split()
        offset = int(place[1:]) if more else 0
        event = EVENTS[offset : offset + int(more[0])] if more else requests.read(int(place))
        shared += bool(more)
        head, body = answer(event[1:-1].split()[0].decode(), offset, event)
        out.write(f"{identity} {head}\n".encode() + body)


main()
