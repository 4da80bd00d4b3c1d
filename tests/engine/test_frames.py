"""A command's output comes whole, however the engine cuts what it sends."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from docker import APIClient

from tasks.lib.base.errors import EngineError
from tasks.lib.engine.frames import Output, frames

HEAD = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
BODY = b"\1\0\0\0\0\0\0\3one" + b"\2\0\0\0\0\0\0\3two" + b"\1\0\0\0\0\1\0\0" + b"x" * 65536


def sent(folder: Path, *parts: bytes) -> list[Output]:
    """What is read of an engine that sends these parts, each at once."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "s"))
        door.listen()

        def serve() -> None:
            with door.accept()[0] as caller:
                caller.recv(1 << 16)
                for part in parts:
                    caller.sendall(part)

        threading.Thread(target=serve, daemon=True).start()
        api = APIClient(f"unix://{folder}/s", version="1.41")
        return list(frames(api.exec_start("id", stream=True)))


@pytest.mark.parametrize("cut", [0, 3, 8, 11, 40])
def test_frames_that_come_with_the_head_are_not_lost(tmp_path: Path, cut: int) -> None:
    found = sent(tmp_path, HEAD + BODY[:cut], BODY[cut:])
    assert b"".join(out or b"" for out, _ in found) == b"one" + b"x" * 65536
    assert b"".join(err or b"" for _, err in found) == b"two"


@pytest.mark.parametrize("body", [b"text that is in no frame", BODY[:5], BODY[:-1]])
def test_what_is_no_frame_is_an_error_of_the_engine(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(EngineError):
        sent(tmp_path, HEAD + body)
